package auth

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
)

// rawURL is how clients encode signatures.
var rawURL = base64.RawURLEncoding

var oids = map[string]asn1.ObjectIdentifier{
	"CN": {2, 5, 4, 3}, "SERIALNUMBER": {2, 5, 4, 5}, "C": {2, 5, 4, 6}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8}, "STREET": {2, 5, 4, 9},
	"O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "POSTALCODE": {2, 5, 4, 17}, "DC": {0, 9, 2342, 19200300, 100, 1, 25},
	"UID": {0, 9, 2342, 19200300, 100, 1, 1}, "EMAIL": {1, 2, 840, 113549, 1, 9, 1}, "TITLE": {2, 5, 4, 12},
}

// certificate makes one. The subject is in the order of the certificate, least specific part first: parts at slashes,
// attributes at plus signs. Alternative names begin with e:, d:, u: or i:.
func certificate(t testing.TB, subject string, alternatives ...string) *x509.Certificate {
	t.Helper()
	var sequence pkix.RDNSequence
	for part := range strings.SplitSeq(subject, "/") {
		var set pkix.RelativeDistinguishedNameSET
		for attribute := range strings.SplitSeq(part, "+") {
			if name, value, ok := strings.Cut(attribute, "="); ok {
				set = append(set, pkix.AttributeTypeAndValue{Type: oids[name], Value: value})
			}
		}
		if len(set) > 0 {
			sequence = append(sequence, set)
		}
	}
	raw, err := asn1.Marshal(sequence)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw}
	for _, a := range alternatives {
		switch name := a[2:]; a[0] {
		case 'e':
			template.EmailAddresses = append(template.EmailAddresses, name)
		case 'd':
			template.DNSNames = append(template.DNSNames, name)
		case 'i':
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(name))
		case 'u':
			uri, err := url.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			template.URIs = append(template.URIs, uri)
		}
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCertificatesNameUsers shows which of some users, separated by bars, a certificate is; "" if it is none. Each row was tried on
// a stock server, but for the last, of which a stock server chooses either.
func TestCertificatesNameUsers(t *testing.T) {
	all := []string{"e:e@x.com", "e:f@x.com", "d:d.x.com", "d:e.x.com", "u:spiffe://x/y", "i:127.0.0.1"}
	const long = `C=US/O=Acme, Inc/OU=a/OU=b/CN=bob`
	for _, test := range []struct {
		users        string
		subject      string
		alternatives []string
		want         string
	}{
		// Alternative names, in the order of their kinds.
		{"e@x.com|d.x.com|spiffe://x/y|CN=bob", "CN=bob", all, "e@x.com"},
		{"e@x.com|d.x.com|spiffe://x/y|CN=bob", "CN=bob", all[2:], "d.x.com"},
		{"e@x.com|d.x.com|spiffe://x/y|CN=bob", "CN=bob", all[4:], "spiffe://x/y"},
		{"e@x.com|d.x.com|spiffe://x/y|CN=bob", "CN=bob", nil, "CN=bob"},
		{"f@x.com|e.x.com|CN=bob", "CN=bob", all, "f@x.com"},
		{"f@x.com|e.x.com|CN=bob", "CN=bob", all[2:], "e.x.com"},
		{"CN=bob", "CN=bob", all, "CN=bob"},
		{"bob|127.0.0.1", "CN=bob", all, ""},
		{"E@x.com|D.x.com", "CN=bob", all, ""},
		{"x", "", []string{"d:x"}, "x"},
		{"x", "", nil, ""},

		// Subjects.
		{`CN=bob,OU=b,OU=a,O=Acme\, Inc,C=US`, long, nil, `CN=bob,OU=b,OU=a,O=Acme\, Inc,C=US`},
		{`C=US,O=Acme\, Inc,OU=a,OU=b,CN=bob`, long, nil, `C=US,O=Acme\, Inc,OU=a,OU=b,CN=bob`},
		{`OU=b,C=US,CN=bob,O=Acme\, Inc,OU=a`, long, nil, `OU=b,C=US,CN=bob,O=Acme\, Inc,OU=a`},
		{`CN=bob,OU=a+OU=b,O=Acme\, Inc,C=US`, long, nil, `CN=bob,OU=a+OU=b,O=Acme\, Inc,C=US`},
		{`CN=bob,OU=b,OU=a,O="Acme, Inc",C=US`, long, nil, ""},
		{`CN=bob,C=US`, long, nil, ""},
		{`CN=bob,OU=b,OU=a,O=Acme\, Inc,C=US,L=x`, long, nil, ""},
		{"cn=bob", "CN=bob", nil, "cn=bob"},
		{"CN=BOB", "CN=bob", nil, ""},
		{"CN=alice", "CN=bob", nil, ""},
		{"CN=bob, C=US", "C=US/CN=bob", nil, "CN=bob, C=US"},
		{"CN=bob, C=US", "CN=bob/C=US", nil, "CN=bob, C=US"},
		{"C=US , CN = b", "CN=b/C=US", nil, "C=US , CN = b"},
		{"CN=b;C=US", "CN=b/C=US", nil, ""},
		{`CN=b\2cc,C=US`, "CN=b,c/C=US", nil, `CN=b\2cc,C=US`},
		{`C=US,CN=b\2Cc`, "CN=b,c/C=US", nil, `C=US,CN=b\2Cc`},
		{`C=US,CN=b\ `, "CN=b /C=US", nil, `C=US,CN=b\ `},
		{`C=US,CN=b=d`, "CN=b=d/C=US", nil, ""},
		{`C=US,CN=b\=d`, "CN=b=d/C=US", nil, `C=US,CN=b\=d`},
		{"C=US,CN=b,CN=b", "CN=b/C=US", nil, ""},
		{"C=US,CN=b,CN=b", "CN=b/CN=b/C=US", nil, "C=US,CN=b,CN=b"},

		// Attributes of one part belong together.
		{"CN=bob+OU=a,C=US", "C=US/CN=bob+OU=a", nil, "CN=bob+OU=a,C=US"},
		{"OU=a+CN=bob,C=US", "C=US/CN=bob+OU=a", nil, "OU=a+CN=bob,C=US"},
		{"CN=bob+OU=a,C=US", "C=US/OU=a/CN=bob", nil, ""},

		// Attributes that have no name here make a subject nobody's.
		{"O=v,C=US", "O=v/C=US", nil, "O=v,C=US"},
		{"L=v,C=US", "L=v/C=US", nil, "L=v,C=US"},
		{"ST=v,C=US", "ST=v/C=US", nil, "ST=v,C=US"},
		{"STREET=v,C=US", "STREET=v/C=US", nil, "STREET=v,C=US"},
		{"serialNumber=v,C=US", "SERIALNUMBER=v/C=US", nil, "serialNumber=v,C=US"},
		{"postalCode=v,C=US", "POSTALCODE=v/C=US", nil, "postalCode=v,C=US"},
		{"DC=v,C=US", "DC=v/C=US", nil, "DC=v,C=US"},
		{"UID=v,C=US", "UID=v/C=US", nil, ""},
		{"EMAIL=v,C=US", "EMAIL=v/C=US", nil, ""},
		{"TITLE=v,C=US", "TITLE=v/C=US", nil, ""},
		{"2.5.4.3=v,C=US", "CN=v/C=US", nil, ""},
		{"C=US", "UID=v/C=US", nil, ""},

		// Which order is meant, if two users differ in nothing else.
		{"DC=com,DC=example,CN=b|CN=b,DC=example,DC=com", "DC=com/DC=example/CN=b", nil, "CN=b,DC=example,DC=com"},
		{"DC=com,DC=example,CN=b|CN=b,DC=example,DC=com", "CN=b/DC=example/DC=com", nil, "DC=com,DC=example,CN=b"},
		{"CN=b,OU=x,OU=y|CN=b,OU=y,OU=x|CN=b,OU=x+OU=y", "OU=x/OU=y/CN=b", nil, "CN=b,OU=y,OU=x"},
		{"CN=b,OU=x,OU=y|CN=b,OU=y,OU=x", "CN=b/OU=y/OU=x", nil, "CN=b,OU=x,OU=y"},
	} {
		c := Config{MapCertificates: true}
		names := strings.Split(test.users, "|")
		for _, name := range names {
			c.Users = append(c.Users, User{Name: name})
		}
		a := authenticator(t, c)
		id, err := a.Authenticate(&Request{Certificates: []*x509.Certificate{certificate(t, test.subject, test.alternatives...)}, Type: Standard})
		got := ""
		if err == nil {
			got = id.User
		}
		if got != test.want {
			t.Errorf("%s as one of %s: %q, want %q", test.subject, test.users, got, test.want)
		}
	}
}

// TestCertificatesAndCredentials shows what else counts beside a certificate, as in stock.
func TestCertificatesAndCredentials(t *testing.T) {
	k := newKeys(t)
	user := public(t, k.user)
	bob, zed := certificate(t, "CN=bob"), certificate(t, "CN=zed")
	a := authenticator(t, Config{MapCertificates: true, NoAuthUser: "other", Users: []User{
		{Name: "CN=bob", Password: "pw"}, {Name: "other"}, {NKey: user},
	}})
	for _, test := range []struct {
		shown   *x509.Certificate
		request Request
		want    string
	}{
		{bob, Request{Password: "pw"}, "$G/CN=bob"},
		{bob, Request{User: "other", Password: "pw"}, "$G/CN=bob"},
		{bob, Request{}, no + `User "CN=bob"`},
		{bob, Request{User: "other"}, no + `User "CN=bob"`},
		{bob, Request{Token: "pw"}, no + `User "CN=bob"`},
		{zed, Request{}, ""},
		{zed, Request{User: "other"}, no + `User "other"`},
		{nil, Request{}, ""},
		{nil, Request{User: "CN=bob", Password: "pw"}, no + `User "CN=bob"`},
		{zed, Request{NKey: user, Signature: sign(t, k.user, nonce, rawURL)}, "$G/" + user},
	} {
		r := test.request
		r.Nonce, r.Type = nonce, Standard
		if test.shown != nil {
			r.Certificates = []*x509.Certificate{test.shown}
		}
		if got := outcome(a.Authenticate(&r)); got != test.want {
			t.Errorf("%+v: %s, want %s", test.request, got, test.want)
		}
	}
	single := authenticator(t, Config{MapCertificates: true, Username: "bob", Password: "x"})
	if _, err := single.Authenticate(&Request{Certificates: []*x509.Certificate{bob}, Type: Standard}); err == nil {
		t.Error("a certificate names the single user")
	}
}

// FuzzNames shows that no text harms the parser, that each part of a name has an attribute, and that the order of parts
// counts only where it is asked for.
func FuzzNames(f *testing.F) {
	f.Add(`CN=bob+OU=a, O=Acme\, Inc,C=US`)
	f.Add(`CN=\00\01\02\ `)
	f.Fuzz(func(t *testing.T, s string) {
		dn := parseName(s)
		if dn == nil {
			return
		}
		for _, p := range dn {
			if !strings.Contains(p, "=") {
				t.Errorf("%q has a part %q", s, p)
			}
		}
		reversed := make([]string, 0, len(dn))
		for i := range dn {
			reversed = append(reversed, dn[len(dn)-1-i])
		}
		if distinguishedName(reversed).unordered() != dn.unordered() {
			t.Errorf("%q: the order counts", s)
		}
	})
}
