package jwts

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

var start = time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func public(k nkeys.KeyPair) string { return must(k.PublicKey()) }

// shelf is a Source of a few tokens.
type shelf map[string]string

func (s shelf) Fetch(id string) (string, error) {
	if token, ok := s[id]; ok {
		return token, nil
	}
	return "", errors.New("unknown account")
}

// world is an operator with an account and its keys.
type world struct {
	operator, account, key, scoped, stranger nkeys.KeyPair
	shelf                                    shelf
	authority                                *Authority
	clock                                    *clock.Fake
}

func newWorld(t *testing.T, edit func(*jwt.AccountClaims)) *world {
	t.Helper()
	w := &world{
		operator: must(nkeys.CreateOperator()), account: must(nkeys.CreateAccount()), key: must(nkeys.CreateAccount()),
		scoped: must(nkeys.CreateAccount()), stranger: must(nkeys.CreateAccount()), shelf: shelf{}, clock: clock.NewFake(start),
	}
	oc := jwt.NewOperatorClaims(public(w.operator))
	trust := must(NewTrust([]string{must(oc.Encode(w.operator))}, nil, "2.15.0", start))
	w.authority = New(Options{
		Trust: trust, Source: w.shelf, Clock: w.clock, Proxies: must(auth.New(&auth.Config{})), Installed: func(*Account) {}, Dropped: func(string) {}, Missing: func(string, error) {},
	})
	w.shelf[public(w.account)] = w.sign(edit)
	return w
}

// sign returns the JWT of the account.
func (w *world) sign(edit func(*jwt.AccountClaims)) string {
	c := jwt.NewAccountClaims(public(w.account))
	c.Name = "ACME"
	c.SigningKeys.Add(public(w.key))
	scope := jwt.NewUserScope()
	scope.Key = public(w.scoped)
	scope.Template.Pub.Allow.Add("a.{{name()}}", "t.{{tag(team)}}.{{account-name()}}", "fixed")
	scope.Template.Sub.Allow.Add("{{tag(none)}}")
	c.SigningKeys.AddScopedSigner(scope)
	if edit != nil {
		edit(c)
	}
	return must(c.Encode(w.operator))
}

// user returns a request of a user that signer has signed.
func user(signer nkeys.KeyPair, edit func(*jwt.UserClaims)) *auth.Request {
	key := must(nkeys.CreateUser())
	c := jwt.NewUserClaims(public(key))
	c.Name = "ann"
	if edit != nil {
		edit(c)
	}
	r := &auth.Request{
		JWT: auth.Secret(must(c.Encode(signer))), Nonce: "nonce", Type: auth.Standard, Address: netip.MustParseAddr("192.168.1.7"),
	}
	r.Signature = base64.RawURLEncoding.EncodeToString(must(key.Sign([]byte(r.Nonce))))
	return r
}

func (w *world) ofKey(c *jwt.UserClaims) { c.IssuerAccount = public(w.account) }
func (w *world) ofScope(c *jwt.UserClaims) {
	w.ofKey(c)
	c.SetScoped(true)
	c.Tags.Add("team:x", "team:y")
}
func unsigned(r *auth.Request)              { r.Signature = "" }
func otherNonce(r *auth.Request)            { r.Nonce = "other" }
func token(t string) func(*auth.Request)    { return func(r *auth.Request) { r.JWT = auth.Secret(t) } }
func bearer(c *jwt.UserClaims)              { c.BearerToken = true }
func noBearer(c *jwt.AccountClaims)         { c.Limits.DisallowBearer = true }
func hours(from, to string) []jwt.TimeRange { return []jwt.TimeRange{{Start: from, End: to}} }

// TestAuthenticate lists who is let in, and who not.
func TestAuthenticate(t *testing.T) {
	for _, row := range []struct {
		name   string
		signer func(*world) nkeys.KeyPair // nil: the account
		user   func(*world, *jwt.UserClaims)
		shows  func(*auth.Request)
		claims func(*jwt.AccountClaims)
		want   string // part of the error; "" for somebody who is let in
	}{
		{name: "user"},
		{name: "nothing shown", shows: token(""), want: "authentication error"},
		{name: "no signature", shows: unsigned, want: "not signed by the user"},
		{name: "signed for another connection", shows: otherNonce, want: "not signed by the user"},
		{name: "signature is no base64", shows: func(r *auth.Request) { r.Signature = "!" }, want: "not signed by the user"},
		{name: "malformed", shows: token("x.y.z"), want: "authentication error"},
		{name: "one chunk", shows: token("xyz"), want: "expected 3 chunks"},
		{name: "oversized", shows: token(strings.Repeat("x", maxToken+1)), want: "too large"},
		{name: "tampered with", shows: func(r *auth.Request) {
			parts := strings.Split(string(r.JWT), ".")
			body := must(base64.RawURLEncoding.DecodeString(parts[1]))
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), "ann", "bob", 1)))
			r.JWT = auth.Secret(strings.Join(parts, "."))
		}, want: "claim failed"},
		{name: "expired", user: func(_ *world, c *jwt.UserClaims) { c.Expires = start.Unix() }, want: "expired"},
		{name: "still valid", user: func(_ *world, c *jwt.UserClaims) { c.Expires = start.Unix() + 1 }},
		{name: "not valid yet", user: func(_ *world, c *jwt.UserClaims) { c.NotBefore = start.Unix() + 1 }, want: "not valid yet"},
		{name: "valid from now on", user: func(_ *world, c *jwt.UserClaims) { c.NotBefore = start.Unix() }},
		{name: "signing key", signer: func(w *world) nkeys.KeyPair { return w.key }, user: (*world).ofKey},
		{name: "signing key without its account", signer: func(w *world) nkeys.KeyPair { return w.key }, want: "unknown account"},
		{name: "a stranger's key", signer: func(w *world) nkeys.KeyPair { return w.stranger }, user: (*world).ofKey, want: "not signed by the account"},
		{name: "a stranger", signer: func(w *world) nkeys.KeyPair { return w.stranger }, want: "unknown account"},
		{name: "bearer", user: func(_ *world, c *jwt.UserClaims) { bearer(c) }, shows: unsigned},
		{name: "bearer, where that is not allowed", user: func(_ *world, c *jwt.UserClaims) { bearer(c) }, claims: noBearer, want: "bearer"},
		{name: "revoked", claims: func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(time.Hour)) }, want: "revoked"},
		{name: "revoked before it was issued", claims: func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(-time.Hour)) }},
		{name: "account expired", claims: func(c *jwt.AccountClaims) { c.Expires = start.Unix() }, want: "account has expired"},
		{name: "account not valid yet", claims: func(c *jwt.AccountClaims) { c.NotBefore = start.Unix() + 1 }, want: "not valid yet"},
		{name: "other connections", user: func(_ *world, c *jwt.UserClaims) { c.AllowedConnectionTypes.Add("MQTT") }, want: "connect that way"},
		{name: "unknown connections", user: func(_ *world, c *jwt.UserClaims) { c.AllowedConnectionTypes.Add("x") }, want: "connect that way"},
		{name: "unknown connections and this", user: func(_ *world, c *jwt.UserClaims) { c.AllowedConnectionTypes.Add("x", "STANDARD") }},
		{name: "another network", user: func(_ *world, c *jwt.UserClaims) { c.Src.Set("10.0.0.0/8,fd00::/8") }, want: "source address"},
		{name: "the network", user: func(_ *world, c *jwt.UserClaims) { c.Src.Set("10.0.0.0/8,192.168.0.0/16") }},
		{name: "the network, by an address of both kinds", user: func(_ *world, c *jwt.UserClaims) { c.Src.Set("192.168.0.0/16") },
			shows: func(r *auth.Request) { r.Address = netip.MustParseAddr("::ffff:192.168.1.7") }},
		{name: "no address", user: func(_ *world, c *jwt.UserClaims) { c.Src.Set("0.0.0.0/0") },
			shows: func(r *auth.Request) { r.Address = netip.Addr{} }, want: "source address"},
		{name: "another time", user: func(_ *world, c *jwt.UserClaims) { c.Times, c.Locale = hours("13:00:00", "14:00:00"), "UTC" }, want: "connect times"},
		{name: "the time", user: func(_ *world, c *jwt.UserClaims) { c.Times, c.Locale = hours("11:00:00", "14:00:00"), "UTC" }},
		{name: "no such place", user: func(_ *world, c *jwt.UserClaims) { c.Times, c.Locale = hours("11:00:00", "14:00:00"), "Atlantis" }, want: "unknown time zone"},
		{name: "proxy", user: func(_ *world, c *jwt.UserClaims) { c.ProxyRequired = true }, want: "trusted proxy"},
		{name: "scoped", signer: func(w *world) nkeys.KeyPair { return w.scoped }, user: (*world).ofScope},
		{name: "scoped with permissions", signer: func(w *world) nkeys.KeyPair { return w.scoped }, user: (*world).ofKey, want: "no permissions or limits"},
		{name: "bad permissions", user: func(_ *world, c *jwt.UserClaims) { c.Pub.Allow.Add("a..b") }, want: "authentication error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, row.claims)
			signer := w.account
			if row.signer != nil {
				signer = row.signer(w)
			}
			r := user(signer, func(c *jwt.UserClaims) {
				if row.user != nil {
					row.user(w, c)
				}
			})
			if row.shows != nil {
				row.shows(r)
			}
			identity, err := w.authority.Judge().Authenticate(r)
			var refused *auth.Error
			switch {
			case row.want == "" && err != nil:
				t.Fatal(err)
			case row.want == "":
				if identity.Account != public(w.account) || identity.Claims.AccountName != "ACME" || identity.Claims.Name != "ann" {
					t.Errorf("is %+v, %+v", identity, identity.Claims)
				}
			case !errors.As(err, &refused) || !strings.Contains(err.Error(), row.want):
				t.Errorf("got %v, want %q", err, row.want)
			case refused.Text() != "Authorization Violation":
				t.Errorf("is told %q", refused.Text())
			case r.JWT != "" && strings.Contains(err.Error(), string(r.JWT)):
				t.Errorf("the log shows the token: %v", err)
			}
		})
	}
}

// TestRefusalsStayInTheirLine shows that what a stranger writes into claims that it has signed by itself does not make lines of
// its own in the log, nor long ones.
func TestRefusalsStayInTheirLine(t *testing.T) {
	w := newWorld(t, nil)
	stranger := must(nkeys.CreateAccount())
	for _, place := range []string{"Nowhere\n[1] [INF] Server is ready", strings.Repeat("x", 4000)} {
		_, err := w.authority.Judge().Authenticate(user(stranger, func(c *jwt.UserClaims) { c.Locale = place }))
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
			t.Errorf("refused by %q", err)
		}
	}
}

// TestTemplate lists what scoped users may do.
func TestTemplate(t *testing.T) {
	for _, row := range []struct {
		name            string
		tags            []string
		publish, denied []string
	}{
		{"ann", []string{"team:x", "TEAM:y", "other:z"}, []string{"a.ann", "t.x.ACME", "t.y.ACME", "fixed"}, nil},
		{"ann", nil, []string{"a.ann", "fixed"}, nil},
		{"", nil, []string{"fixed"}, nil},
		{"a b", nil, []string{"fixed"}, nil},
		{"*", []string{"team:>"}, []string{"fixed"}, nil},
		{"a.b", nil, []string{"a.a.b", "fixed"}, nil},
	} {
		w := newWorld(t, nil)
		identity, err := w.authority.Judge().Authenticate(user(w.scoped, func(c *jwt.UserClaims) {
			w.ofScope(c)
			c.Name, c.Tags = row.name, row.tags
		}))
		if err != nil {
			t.Fatal(err)
		}
		p := identity.Rights.Permissions()
		if !slices.Equal(p.Publish.Allow, row.publish) || !slices.Equal(p.Publish.Deny, row.denied) {
			t.Errorf("%q %v: may publish %v but %v, want %v but %v", row.name, row.tags, p.Publish.Allow, p.Publish.Deny, row.publish, row.denied)
		}
		if ok, _ := identity.Rights.CanSubscribe("anything", ""); ok || len(p.Subscribe.Allow) > 0 {
			t.Errorf("%q %v: a template without a value opens everything", row.name, row.tags)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, row := range []struct {
		allow, deny string
		want        error
	}{
		{allow: "{{nothing()}}", want: errTemplate},
		{allow: "{{name(}}", want: errTemplate},
		{allow: "a.{{name()", want: errTemplate},
		{allow: "{{tag()}}", want: errTemplate},
		{deny: "secret.{{tag(none)}}", want: errTemplate},
		{deny: "secret.{{tag(bad)}}", want: errTemplate},
		{allow: strings.Repeat("{{tag(many)}}.", 3) + "x", want: errTooMany},
		{allow: "{{ Name() }}", want: nil},
	} {
		w := newWorld(t, func(c *jwt.AccountClaims) {
			for _, scope := range c.SigningKeys {
				if s, ok := scope.(*jwt.UserScope); ok {
					s.Template.Permissions = jwt.Permissions{}
					s.Template.Pub = jwt.Permission{Allow: list(row.allow), Deny: list(row.deny)}
				}
			}
		})
		account := must(w.authority.Load(public(w.account)))
		c := jwt.NewUserClaims(public(must(nkeys.CreateUser())))
		c.Name, c.Issuer = "ann", public(w.scoped)
		w.ofKey(c)
		c.SetScoped(true)
		for i := range 20 {
			c.Tags.Add("many:" + strings.Repeat("x", i+1))
		}
		c.Tags.Add("bad:*")
		if _, err := account.vouch(c); !errors.Is(err, row.want) {
			t.Errorf("allow %q, deny %q: %v, want %v", row.allow, row.deny, err, row.want)
		}
	}
}

func list(entry string) []string {
	if entry == "" {
		return nil
	}
	return []string{entry}
}

// TestTimes lists when users may connect, and until when.
func TestTimes(t *testing.T) {
	at := func(clock string) time.Time { return must(time.Parse(time.DateTime, "2030-05-06 "+clock)) }
	for _, row := range []struct{ from, to, zone, now, over string }{
		{"08:00:00", "17:00:00", "UTC", "12:00:00", "17:00:00"},
		{"08:00:00", "17:00:00", "UTC", "08:00:00", "17:00:00"},
		{"08:00:00", "17:00:00", "UTC", "17:00:00", ""},
		{"08:00:00", "17:00:00", "UTC", "07:59:59", ""},
		{"22:00:00", "06:00:00", "UTC", "05:00:00", "06:00:00"},
		{"22:00:00", "06:00:00", "UTC", "23:00:00", "30:00:00"},
		{"22:00:00", "06:00:00", "UTC", "12:00:00", ""},
		{"08:00:00", "17:00:00", "America/New_York", "12:00:00", "21:00:00"},
	} {
		over, err := rangeEnd(hours(row.from, row.to), row.zone, at(row.now))
		var want time.Time
		switch row.over {
		case "":
			if err == nil {
				t.Errorf("%v: is let in", row)
			}
			continue
		case "30:00:00":
			want = at("06:00:00").AddDate(0, 0, 1)
		default:
			want = at(row.over)
		}
		if err != nil || !over.Equal(want) {
			t.Errorf("%v: until %v, %v", row, over, err)
		}
	}
}

// TestStays lists what becomes of who is inside when the claims of the account change.
func TestStays(t *testing.T) {
	for _, row := range []struct {
		name   string
		signer func(*world) nkeys.KeyPair
		user   func(*world, *jwt.UserClaims)
		after  func(*jwt.AccountClaims)
		want   string // what is told who has to go
	}{
		{name: "another limit", after: func(c *jwt.AccountClaims) { c.Limits.Conn = 5 }},
		{name: "revoked", after: func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(time.Hour)) }, want: "User Authentication Revoked"},
		{name: "expired", after: func(c *jwt.AccountClaims) { c.Expires = start.Unix() - 1 }, want: "Account Authentication Expired"},
		{name: "bearer", user: func(_ *world, c *jwt.UserClaims) { bearer(c) }, after: noBearer, want: "Authorization Violation"},
		{name: "signing key taken", signer: func(w *world) nkeys.KeyPair { return w.key }, user: (*world).ofKey,
			after: func(c *jwt.AccountClaims) { c.SigningKeys = nil }, want: "Authorization Violation"},
		{name: "scope", signer: func(w *world) nkeys.KeyPair { return w.scoped }, user: (*world).ofScope, after: func(c *jwt.AccountClaims) {}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, func(c *jwt.AccountClaims) { c.Description = "before" })
			signer := w.account
			if row.signer != nil {
				signer = row.signer(w)
			}
			r := user(signer, func(c *jwt.UserClaims) {
				if row.user != nil {
					row.user(w, c)
				}
			})
			before := must(w.authority.Judge().Authenticate(r))
			if same, err := w.authority.Judge().Stays(before); err != nil || same != before {
				t.Fatalf("nothing has changed, and yet: %v, %v", same, err)
			}
			account := must(w.authority.Check(public(w.account), w.sign(row.after)))
			if !w.authority.Update(account) || w.authority.Update(account) {
				t.Error("an update changes something once")
			}
			now, err := w.authority.Judge().Stays(before)
			var refused *auth.Error
			switch {
			case row.want == "" && (err != nil || now.Account != before.Account):
				t.Errorf("has to go: %v", err)
			case row.want != "" && (!errors.As(err, &refused) || refused.Text() != row.want):
				t.Errorf("is told %v", err)
			}
			w.authority.Drop(public(w.account))
			if _, err := w.authority.Judge().Stays(before); !errors.As(err, &refused) || refused.Text() != "Account Authentication Expired" {
				t.Errorf("of an account that is no more: %v", err)
			}
		})
	}
}

// TestExpires checks when an identity is over, and who says so.
func TestExpires(t *testing.T) {
	for _, row := range []struct {
		user, account, want int64
		byAccount           bool
	}{
		{0, 0, 0, false}, {10, 0, 10, false}, {0, 10, 10, true}, {10, 20, 10, false}, {20, 10, 10, true},
	} {
		after := func(s int64) int64 {
			if s == 0 {
				return 0
			}
			return start.Unix() + s
		}
		w := newWorld(t, func(c *jwt.AccountClaims) { c.Expires = after(row.account) })
		i := must(w.authority.Judge().Authenticate(user(w.account, func(c *jwt.UserClaims) { c.Expires = after(row.user) })))
		if !i.Expires.Equal(unix(after(row.want))) || i.Claims.AccountExpires != row.byAccount {
			t.Errorf("%v: expires %v, by the account: %v", row, i.Expires, i.Claims.AccountExpires)
		}
	}
}

// slow is a Source that answers when it is told to.
type slow struct {
	asked  chan string
	answer chan string
}

func (s slow) Fetch(id string) (string, error) {
	s.asked <- id
	return <-s.answer, nil
}

// TestUpdateWhileFetching checks that claims which come while older ones are under way win.
func TestUpdateWhileFetching(t *testing.T) {
	for _, dropped := range []bool{false, true} {
		w := newWorld(t, nil)
		id := public(w.account)
		source := slow{make(chan string), make(chan string)}
		w.authority.opt.Source = source
		loaded := make(chan error)
		go func() {
			_, err := w.authority.Load(id)
			loaded <- err
		}()
		<-source.asked
		newer := w.sign(func(c *jwt.AccountClaims) { c.Description = "newer" })
		w.authority.Update(must(w.authority.Check(id, newer)))
		if dropped {
			w.authority.Drop(id)
		}
		source.answer <- w.shelf[id]
		err := <-loaded
		account := w.authority.Account(id)
		switch {
		case dropped && (err != errGone || account != nil):
			t.Errorf("a deleted account is back: %v", err)
		case !dropped && (err != nil || account.Token != newer):
			t.Errorf("older claims count: %v", err)
		}
	}
}

func TestPinned(t *testing.T) {
	w := newWorld(t, nil)
	w.authority.opt.Pinned = []string{"x"}
	a := New(w.authority.opt)
	if a.admits(public(w.account)) || a.PinnedFailures() != 1 {
		t.Errorf("let in, %d failures", a.PinnedFailures())
	}
}

func TestTrust(t *testing.T) {
	w := newWorld(t, nil)
	signing := must(nkeys.CreateOperator())
	claims := func(edit func(*jwt.OperatorClaims)) []string {
		c := jwt.NewOperatorClaims(public(w.operator))
		edit(c)
		return []string{must(c.Encode(w.operator))}
	}
	for _, row := range []struct {
		name   string
		tokens []string
		keys   []string
		want   string // of NewTrust
		signs  bool   // the operator's own key signs accounts
	}{
		{"key", nil, []string{public(w.operator)}, "", true},
		{"another key", nil, []string{public(signing)}, "", false},
		{"no key", nil, []string{public(w.account)}, "valid public operator nkey", false},
		{"nobody", nil, nil, "no operator", false},
		{"account", []string{w.shelf[public(w.account)]}, nil, "not operator claim", false},
		{"expired", claims(func(c *jwt.OperatorClaims) { c.Expires = start.Unix() }), nil, "has expired", false},
		{"strict", claims(func(c *jwt.OperatorClaims) { c.StrictSigningKeyUsage = true; c.SigningKeys.Add(public(signing)) }), nil, "", false},
		{"newer", claims(func(c *jwt.OperatorClaims) { c.AssertServerVersion = "2.16.0" }), nil, "expected minor version 16 > server minor version 15", false},
		{"much newer", claims(func(c *jwt.OperatorClaims) { c.AssertServerVersion = "3.0.0" }), nil, public(w.operator) + " expected major version 3 > server major version 2", false},
		{"a little newer", claims(func(c *jwt.OperatorClaims) { c.AssertServerVersion = "2.15.1" }), nil, "expected update version 1 > server update version 0", false},
		{"older", claims(func(c *jwt.OperatorClaims) { c.AssertServerVersion = "1.99.9" }), nil, "", true},
		{"as new", claims(func(c *jwt.OperatorClaims) { c.AssertServerVersion = "2.15.0" }), nil, "", true},
	} {
		trust, err := NewTrust(row.tokens, row.keys, "2.15.0-dev", start)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
			continue
		}
		if err == nil {
			_, err := trust.Account(w.shelf[public(w.account)])
			if (err == nil) != row.signs {
				t.Errorf("%s: account: %v", row.name, err)
			}
		}
	}
}

func TestDeletion(t *testing.T) {
	w := newWorld(t, nil)
	request := func(subject, signer nkeys.KeyPair, accounts any) string {
		c := jwt.NewGenericClaims(public(subject))
		c.Data["accounts"] = accounts
		return must(c.Encode(signer))
	}
	evil := must(nkeys.CreateOperator())
	for _, row := range []struct{ name, token, want string }{
		{"good", request(w.operator, w.operator, []string{public(w.account)}), ""},
		{"signed by another", request(w.operator, evil, []string{public(w.account)}), "not self signed"},
		{"of another", request(evil, evil, []string{public(w.account)}), "not trusted"},
		{"of no list", request(w.operator, w.operator, 1), "malformed"},
		{"of a path", request(w.operator, w.operator, []string{"../../x"}), "malformed"},
		{"junk", "junk", "3 chunks"},
	} {
		_, accounts, err := w.authority.Trust().Deletion(row.token)
		switch {
		case row.want == "" && (err != nil || !slices.Equal(accounts, []string{public(w.account)})):
			t.Errorf("%s: %v, %v", row.name, accounts, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

// FuzzAuthenticate lets nobody in who has not signed, whatever is shown.
func FuzzAuthenticate(f *testing.F) {
	w := newWorld(&testing.T{}, nil)
	good := user(w.account, nil)
	f.Add(string(good.JWT), "x", "")
	f.Add("x.y.z", good.Signature, "a")
	f.Add("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.", "", "b")
	f.Fuzz(func(t *testing.T, token, signature, nonce string) {
		r := &auth.Request{JWT: auth.Secret(token), Signature: signature, Nonce: nonce, Type: auth.Standard}
		if i, err := w.authority.Judge().Authenticate(r); err == nil {
			t.Errorf("%q is let in as %v", token, i.User)
		}
		if _, err := w.authority.Check("", token); err == nil && token != w.shelf[public(w.account)] {
			t.Errorf("%q is an account", token)
		}
	})
}
