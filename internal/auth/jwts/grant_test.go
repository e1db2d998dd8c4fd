package jwts

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// private is what the account exports in these tests.
func private(c *jwt.AccountClaims) {
	c.Exports.Add(&jwt.Export{Subject: "x.*", Type: jwt.Stream, TokenReq: true}, &jwt.Export{Subject: "x.9", Type: jwt.Service},
		&jwt.Export{Subject: "own.*", Type: jwt.Service, AccountTokenPosition: 2})
}

func (w *world) activation(by nkeys.KeyPair, edit func(*jwt.ActivationClaims)) string {
	c := jwt.NewActivationClaims(public(w.stranger))
	c.ImportSubject, c.ImportType = "x.*", jwt.Stream
	if edit != nil {
		edit(c)
	}
	return must(c.Encode(by))
}

func TestGrant(t *testing.T) {
	w := newWorld(t, private)
	account := must(w.authority.Trust().Account(w.shelf[public(w.account)]))
	inTime := start.Add(time.Hour)
	signed := func(edit func(*jwt.ActivationClaims)) string { return w.activation(w.account, edit) }
	byKey := func(key nkeys.KeyPair, of nkeys.KeyPair) string {
		return w.activation(key, func(c *jwt.ActivationClaims) { c.IssuerAccount = public(of) })
	}
	for _, row := range []struct {
		name    string
		kind    jwt.ExportType
		pattern string
		token   string
		want    error
		until   time.Time
	}{
		{"activated", jwt.Stream, "x.*", signed(nil), nil, time.Time{}},
		{"part of it", jwt.Stream, "x.1", signed(nil), nil, time.Time{}},
		{"for a time", jwt.Stream, "x.1", signed(func(c *jwt.ActivationClaims) { c.Expires = inTime.Unix() }), nil, inTime},
		{"no token", jwt.Stream, "x.1", "", errNoToken, time.Time{}},
		{"expired", jwt.Stream, "x.1", signed(func(c *jwt.ActivationClaims) { c.Expires = start.Unix() }), errActiveOver, time.Time{}},
		{"early", jwt.Stream, "x.1", signed(func(c *jwt.ActivationClaims) { c.NotBefore = inTime.Unix() }), errActiveSoon, time.Time{}},
		{"for another", jwt.Stream, "x.1", signed(func(c *jwt.ActivationClaims) { c.Subject = public(w.account) }), errActivation, time.Time{}},
		{"for less", jwt.Stream, "x.*", signed(func(c *jwt.ActivationClaims) { c.ImportSubject = "x.1" }), errActivation, time.Time{}},
		{"for a service", jwt.Stream, "x.1", signed(func(c *jwt.ActivationClaims) { c.ImportType = jwt.Service }), errActivation, time.Time{}},
		{"signing key", jwt.Stream, "x.1", byKey(w.key, w.account), nil, time.Time{}},
		{"signing key of another", jwt.Stream, "x.1", byKey(w.key, w.stranger), errActivator, time.Time{}},
		{"by oneself", jwt.Stream, "x.1", byKey(w.stranger, w.account), errActivator, time.Time{}},
		{"by an operator", jwt.Stream, "x.1", byKey(w.operator, w.account), errActivator, time.Time{}},
		{"more than there is", jwt.Stream, "x.>", signed(nil), errNoExport, time.Time{}},
		{"another kind", jwt.Service, "x.1", signed(nil), errNoExport, time.Time{}},
		{"for all", jwt.Service, "x.9", "", nil, time.Time{}},
		{"own", jwt.Service, "own." + public(w.stranger), "", nil, time.Time{}},
		{"not own", jwt.Service, "own." + public(w.key), "", errPosition, time.Time{}},
		{"anybody's", jwt.Service, "own.*", "", errPosition, time.Time{}},
	} {
		grant, err := account.Grant(&Want{public(w.stranger), row.kind, row.pattern, row.token}, start)
		if !errors.Is(err, row.want) || err == nil && !grant.Until.Equal(row.until) {
			t.Errorf("%s: %+v, %v", row.name, grant, err)
		}
	}
}

// FuzzGrant grants nothing that is private to whom shows something that the account has not signed.
func FuzzGrant(f *testing.F) {
	w := newWorld(&testing.T{}, private)
	account := must(w.authority.Trust().Account(w.shelf[public(w.account)]))
	good := w.activation(w.account, nil)
	f.Add("x.1", "")
	f.Add("x.*", good[:len(good)-1])
	f.Add("x.>", "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, pattern, token string) {
		if _, err := account.Grant(&Want{public(w.stranger), jwt.Stream, pattern, token}, start); err == nil {
			t.Errorf("%q is granted for %q", pattern, token)
		}
	})
}

// neighbourhood is a Source of accounts that have something of each other, which notes who was asked for.
type neighbourhood struct {
	mu    sync.Mutex
	shelf shelf
	asked []string
}

func (n *neighbourhood) Fetch(id string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, id)
	return n.shelf.Fetch(id)
}

// Who comes finds loaded what the account has something of, and what those have something of, also in a circle; what is not to be had is
// asked for again after a while, and taken when it is pushed.
func TestSources(t *testing.T) {
	w := newWorld(t, nil)
	keys, ids := make([]nkeys.KeyPair, 4), make([]string, 4)
	for i := range keys {
		keys[i] = must(nkeys.CreateAccount())
		ids[i] = public(keys[i])
	}
	claims := func(i int, of ...int) string {
		c := jwt.NewAccountClaims(ids[i])
		for _, k := range of {
			c.Imports.Add(&jwt.Import{Subject: "x", Account: ids[k], Type: jwt.Stream})
		}
		return must(c.Encode(w.operator))
	}
	source := &neighbourhood{shelf: shelf{ids[0]: claims(0, 1), ids[1]: claims(1, 2, 0), ids[2]: claims(2, 3, 0)}}
	w.authority.opt.Source = source
	load := func(want ...string) {
		t.Helper()
		if _, err := w.authority.Load(ids[0]); err != nil {
			t.Fatal(err)
		}
		source.mu.Lock()
		defer source.mu.Unlock()
		if !slices.Equal(source.asked, want) {
			t.Errorf("asked for %q, not %q", source.asked, want)
		}
		source.asked = nil
	}
	load(ids...)
	load() // the fourth was not to be had
	if !w.authority.Uses(ids[3]) || w.authority.Uses(public(w.stranger)) {
		t.Error("what others have something of is of no use, or what nobody has")
	}
	w.clock.Advance(retryAfter)
	load(ids[3])
	w.authority.Update(must(w.authority.Check(ids[3], claims(3))))
	if w.authority.Account(ids[3]) == nil {
		t.Error("is not taken, though others have something of it")
	}
	load()
}
