package pki

import (
	"crypto/x509"
	"testing"
	"time"
)

// What is issued holds what was asked for, and the authority's own pool trusts it and nobody else's.
func TestIssue(t *testing.T) {
	authority, other := newAuthority(t, "one"), newAuthority(t, "two")
	expired := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	server := Request{Name: "s", Hosts: []string{"localhost", "127.0.0.1"}, Server: true}
	old := server
	old.Until = expired
	for _, c := range []struct {
		shows string
		from  *Authority
		r     Request
		host  string
		usage x509.ExtKeyUsage
		valid bool
	}{
		{"a server by name", authority, server, "localhost", x509.ExtKeyUsageServerAuth, true},
		{"a server by address", authority, server, "127.0.0.1", x509.ExtKeyUsageServerAuth, true},
		{"a server by another name", authority, server, "example.org", x509.ExtKeyUsageServerAuth, false},
		{"a server as a client", authority, server, "", x509.ExtKeyUsageClientAuth, false},
		{"a client", authority, Request{Name: "c", Client: true}, "", x509.ExtKeyUsageClientAuth, true},
		{"another authority", other, server, "localhost", x509.ExtKeyUsageServerAuth, false},
		{"expired", authority, old, "localhost", x509.ExtKeyUsageServerAuth, false},
	} {
		pair, err := c.from.Issue(c.r)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Leaf.Verify(x509.VerifyOptions{
			DNSName: c.host, Roots: authority.Pool(), KeyUsages: []x509.ExtKeyUsage{c.usage},
			CurrentTime: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if (err == nil) != c.valid {
			t.Errorf("%s: %v", c.shows, err)
		}
	}
}

func newAuthority(t *testing.T, name string) *Authority {
	t.Helper()
	a, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// An authority that was kept goes on issuing certificates; what is none is refused.
func TestOpen(t *testing.T) {
	from, until := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	made, err := NewBetween("kept", from, until)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Open(made.Pair)
	if err != nil {
		t.Fatal(err)
	}
	if f, u := kept.Valid(); !f.Equal(from) || !u.Equal(until) {
		t.Errorf("valid from %v until %v", f, u)
	}
	pair, err := kept.Issue(Request{Name: "s", Hosts: []string{"localhost"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: made.Pool(), DNSName: "localhost", CurrentTime: from}); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]Pair{
		"no authority": *pair, "nothing": {}, "another's key": {Certificate: made.Certificate, Key: pair.Key},
	} {
		if _, err := Open(bad); err == nil {
			t.Errorf("%s is taken for an authority", name)
		}
	}
}
