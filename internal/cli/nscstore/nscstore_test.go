package nscstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func operator(t *testing.T, dir string) *Operator {
	t.Helper()
	s := New(dir)
	o, err := s.NewOperator("example")
	if err != nil {
		t.Fatal(err)
	}
	signing, err := s.NewKey(nkeys.PrefixByteOperator)
	if err != nil {
		t.Fatal(err)
	}
	o.Claims.SigningKeys.Add(signing)
	if err := o.Save(); err != nil {
		t.Fatal(err)
	}
	return o
}

func account(t *testing.T, o *Operator, name string) *Account {
	t.Helper()
	a, err := o.NewAccount(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Save(); err != nil {
		t.Fatal(err)
	}
	return a
}

// An operator signs accounts with its own key while that is there, and otherwise, or if it has to, with a signing key.
func TestWhoSignsAccounts(t *testing.T) {
	o := operator(t, t.TempDir())
	if a := account(t, o, "first"); a.issuer(t) != o.Claims.Subject {
		t.Errorf("signed by %s", a.issuer(t))
	}
	o.Claims.StrictSigningKeyUsage = true
	if a := account(t, o, "strict"); a.issuer(t) != o.Claims.SigningKeys[0] {
		t.Errorf("signed by %s", a.issuer(t))
	}
	o.Claims.StrictSigningKeyUsage = false
	if err := o.store.RemoveKey(o.Claims.Subject); err != nil {
		t.Fatal(err)
	}
	if a := account(t, o, "second"); a.issuer(t) != o.Claims.SigningKeys[0] {
		t.Errorf("signed by %s", a.issuer(t))
	}
	if err := o.Save(); !errors.Is(err, ErrNoKey) {
		t.Errorf("an operator without its key: %v", err)
	}
	if err := o.store.RemoveKey(o.Claims.SigningKeys[0]); err != nil {
		t.Fatal(err)
	}
	if a, err := o.NewAccount("third"); err != nil || a.Save() == nil {
		t.Errorf("an account that nobody signs: %v", err)
	}
}

func (a *Account) issuer(t *testing.T) string {
	t.Helper()
	claims, err := jwt.DecodeAccountClaims(a.Token)
	if err != nil {
		t.Fatal(err)
	}
	return claims.Issuer
}

// A user is signed again by the key that signed it before.
func TestWhoSignsUsers(t *testing.T) {
	o := operator(t, t.TempDir())
	a := account(t, o, "A")
	plain, err := o.store.NewKey(nkeys.PrefixByteAccount)
	if err != nil {
		t.Fatal(err)
	}
	a.Claims.SigningKeys.Add(plain)
	scope := jwt.NewUserScope()
	scope.Role = "reader"
	if scope.Key, err = o.store.NewKey(nkeys.PrefixByteAccount); err != nil {
		t.Fatal(err)
	}
	a.Claims.SigningKeys.AddScopedSigner(scope)
	if err := a.Save(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, signer, issuer, of string }{
		{"own", "", a.Claims.Subject, ""},
		{"plain", plain, plain, a.Claims.Subject},
		{"scoped", "reader", scope.Key, a.Claims.Subject},
	} {
		u, err := a.NewUser(c.name, c.signer)
		if err != nil {
			t.Fatal(err)
		}
		if err := u.Save(); err != nil {
			t.Fatal(err)
		}
		for range 2 { // as made, and as changed
			read, err := a.User(c.name)
			if err != nil {
				t.Fatal(err)
			}
			if read.Claims.Issuer != c.issuer || read.Claims.IssuerAccount != c.of || (read.Scope() != nil) != (c.name == "scoped") {
				t.Errorf("%s: %+v", c.name, read.Claims)
			}
			read.Claims.Tags.Add("changed")
			if err := read.Save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Without the account's own key one that has no role signs, and never one with a role.
	if err := o.store.RemoveKey(a.Claims.Subject); err != nil {
		t.Fatal(err)
	}
	u, err := a.NewUser("late", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Save(); err != nil || u.Claims.Issuer != plain {
		t.Errorf("signed by %s, %v", u.Claims.Issuer, err)
	}
	if err := o.store.RemoveKey(plain); err != nil {
		t.Fatal(err)
	}
	if u, err := a.NewUser("later", ""); err != nil || u.Save() == nil {
		t.Errorf("a user whom only a role could sign: %v", err)
	}
}

// Names are those of files and lead nowhere else; claims that are not valid are not written.
func TestWhatIsRefused(t *testing.T) {
	dir := t.TempDir()
	o := operator(t, dir)
	a := account(t, o, "A")
	for _, name := range []string{"", "..", ".hidden", "a/b", `a\b`, " a", "a\n", "a:b", strings.Repeat("x", 201)} {
		if _, err := o.store.NewOperator(name); err == nil {
			t.Errorf("an operator %q", name)
		}
		if _, err := o.NewAccount(name); err == nil {
			t.Errorf("an account %q", name)
		}
		if _, err := a.NewUser(name, ""); err == nil {
			t.Errorf("a user %q", name)
		}
		if _, err := o.store.Operator(name); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("operator %q: %v", name, err)
		}
	}
	if _, err := o.Account("B"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
	before := a.Token
	a.Claims.Exports.Add(&jwt.Export{Subject: "a..b", Type: jwt.Stream})
	if err := a.Save(); err == nil {
		t.Error("an export of a subject that is none")
	}
	if kept, err := o.Account("A"); err != nil || kept.Token != before {
		t.Errorf("what was refused has changed the account: %v", err)
	}
	if kept, err := o.Account(a.Claims.Subject); err != nil || kept.Name != "A" {
		t.Errorf("by its key: %v", err)
	}
	if err := os.WriteFile(a.file(), []byte(before[:len(before)-10]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Account("A"); err == nil {
		t.Error("a JWT that is damaged is read")
	}
}

// A restored operator is what it was; a backup that is damaged leaves nothing behind.
func TestBackup(t *testing.T) {
	o := operator(t, t.TempDir())
	a := account(t, o, "A")
	u, err := a.NewUser("u", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Save(); err != nil {
		t.Fatal(err)
	}
	backup, err := o.Backup()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	again, err := New(dir).Restore(backup)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := again.Account("A")
	if err != nil || kept.Token != a.Token {
		t.Fatalf("the account: %v", err)
	}
	user, err := kept.User("u")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := u.Credentials(0)
	if got, err := user.Credentials(0); err != nil || string(got) != string(want) {
		t.Errorf("the user: %v", err)
	}
	for what, damage := range map[string]func(b *Backup){
		"a token":         func(b *Backup) { b.Accounts[0].Token = b.Accounts[0].Token[:50] },
		"a key":           func(b *Backup) { b.Accounts[0].Users[0].Key.Seed = "SUABC" },
		"a name":          func(b *Backup) { b.Accounts[0].Users[0].Name = "../../u" },
		"the operator":    func(b *Backup) { b.Token = "" },
		"the own name":    func(b *Backup) { b.Name = "../x" },
		"an account name": func(b *Backup) { b.Accounts[0].Name = "a/b" },
	} {
		bad, err := o.Backup()
		if err != nil {
			t.Fatal(err)
		}
		damage(bad)
		empty := t.TempDir()
		if _, err := New(empty).Restore(bad); err == nil {
			t.Errorf("%s is damaged, and nobody sees", what)
		}
		if left, _ := filepath.Glob(filepath.Join(empty, "*")); len(left) > 0 {
			t.Errorf("%s is damaged: there is %v", what, left)
		}
	}
}
