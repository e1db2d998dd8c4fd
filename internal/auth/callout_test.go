package auth

import (
	"crypto/x509"
	"reflect"
	"testing"
)

const issuerKey = "AAL4W6P3FNASB4VR5RS6IGMNNYELFDUBH7VQDZFEACBZXBPBQCAM5GPA"

// A service that cannot be there, or would leave the server open, is an error.
func TestCalloutConfig(t *testing.T) {
	users := []User{{Name: "auth", Account: "AUTH"}, {Name: "ann", Account: "APP"}}
	accounts := []Account{{Name: "AUTH", NKey: issuerKey}, {Name: "APP"}}
	for want, c := range map[string]Config{
		`auth_callout: there is no account "NOPE"`:                        {Users: users, Accounts: accounts, Callout: &Callout{Account: "NOPE", Users: []string{"auth"}}},
		`auth_callout: there is no user "bob"`:                            {Users: users, Accounts: accounts, Callout: &Callout{Users: []string{"auth", "bob"}}},
		`auth_callout: there is no user "auth"`:                           {Token: "x", Callout: &Callout{Users: []string{"auth"}}},
		`Authorization callouts require authorized users to be specified`: {Users: users, Accounts: accounts, Callout: &Callout{}},
		`auth_callout allowed account "NOPE" not found in configured accounts`: {
			Users: users, Accounts: accounts, Callout: &Callout{Users: []string{"auth"}, Delegated: []string{"NOPE"}},
		},
		"": {Users: users, Accounts: accounts, Callout: &Callout{Account: issuerKey, Users: []string{"auth"}}},
	} {
		a, err := New(&c)
		if err == nil && (want != "" || a.Callout().Account != "AUTH") || err != nil && err.Error() != want {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// What a fence denies is added to what is denied already, and changes nothing for others.
func TestFence(t *testing.T) {
	own := &Permissions{Publish: Subjects{Allow: []string{"a"}, Deny: make([]string, 1, 9)}}
	for _, row := range []struct {
		p       *Permissions
		service bool
		want    Permissions
	}{
		{nil, true, Permissions{Publish: Subjects{Deny: []string{CalloutSubject}}}},
		{nil, false, Permissions{Publish: Subjects{Deny: []string{CalloutSubject}}, Subscribe: Subjects{Deny: []string{CalloutSubject, calloutReplies}}}},
		{own, true, Permissions{Publish: Subjects{Allow: []string{"a"}, Deny: []string{"", CalloutSubject}}}},
	} {
		if got := Fence(row.p, row.service); !reflect.DeepEqual(*got, row.want) {
			t.Errorf("%+v", got)
		}
	}
	if rest := own.Publish.Deny[:2]; rest[1] != "" {
		t.Error("what a user had was changed")
	}
}

// A name in CONNECT does not make somebody exempt who is named by a certificate.
func TestCalloutByCertificate(t *testing.T) {
	a, err := New(&Config{
		Users: []User{{Name: "auth"}, {Name: "bob"}}, MapCertificates: true, Callout: &Callout{Users: []string{"auth"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"auth": true, "bob": false} {
		r := &Request{User: "auth", Certificates: []*x509.Certificate{certificate(t, "", "d:"+user)}, Type: Standard}
		if identity, ours, err := a.First(r); ours != want || err != nil || ours && identity.User != "auth" {
			t.Errorf("%s: %+v, %t, %v", user, identity, ours, err)
		}
	}
}
