package jwts

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
	"myelin/internal/clock"
)

// servant is a service, and how it is asked: it lets everybody in whom signer has signed.
type servant struct {
	signer, outer nkeys.KeyPair
	edit          func(*jwt.UserClaims)
}

func (s *servant) Send(_ string, _, body []byte) (<-chan []byte, func(), bool) {
	r := must(jwt.DecodeAuthorizationRequestClaims(string(body)))
	c, outer := jwt.NewUserClaims(r.UserNkey), jwt.NewAuthorizationResponseClaims(r.UserNkey)
	if s.edit != nil {
		s.edit(c)
	}
	outer.Audience, outer.Jwt = r.Server.ID, must(c.Encode(s.signer))
	answer := make(chan []byte, 1)
	answer <- []byte(must(outer.Encode(s.outer)))
	return answer, func() {}, true
}

func (*servant) Warnf(string, ...any)  {}
func (*servant) Debugf(string, ...any) {}

func (s *servant) asker(c clock.Clock) *callout.Asker {
	key := must(nkeys.CreateServer())
	return must(callout.New(callout.Options{
		Server: func() jwt.ServerID { return jwt.ServerID{ID: public(key)} }, Key: key, Exchange: must(nkeys.CreateCurveKeys()),
		Messenger: s, Clock: c, Log: s, Timeout: func() time.Duration { return time.Second },
	}))
}

// enters asks the judge, and whom it leaves that to.
func enters(j auth.Judge, r *auth.Request) (*auth.Identity, error) {
	identity, err := j.Authenticate(r)
	var q *auth.Question
	if errors.As(err, &q) {
		return q.Ask(nil)
	}
	return identity, err
}

// reason is why somebody has to go; -1 for who stays.
func reason(err error) auth.Reason {
	var refused *auth.Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return -1
}

const stays = auth.Reason(-1)

// Whom the service of the configuration has let in, stays as long as that may be.
func TestServiceStays(t *testing.T) {
	issuer, other := must(nkeys.CreateAccount()), must(nkeys.CreateAccount())
	proxy := must(nkeys.CreateUser())
	config := func(edit func(*auth.Config)) *auth.Config {
		c := &auth.Config{
			Accounts: []auth.Account{{Name: "AUTH"}, {Name: "APP"}},
			Users:    []auth.User{{Name: "auth", Password: "p", Account: "AUTH"}, {Name: "own", Password: "p", Account: "AUTH"}},
			Callout:  &auth.Callout{Issuer: public(issuer), Account: "AUTH", Users: []string{"auth"}}, TrustedProxies: []string{public(proxy)},
		}
		if edit != nil {
			edit(c)
		}
		return c
	}
	fake := clock.NewFake(start)
	s := &servant{signer: issuer, outer: issuer, edit: func(c *jwt.UserClaims) { c.Name, c.Audience = "nm", "APP" }}
	judge := func(c *auth.Config) auth.Judge {
		users := must(auth.New(c))
		if users.Callout() == nil {
			return users
		}
		return NewService(users, s.asker(fake), fake, "$SYS")
	}
	r := &auth.Request{User: "bob", Nonce: "nonce", Type: auth.Standard}
	r.ProxySignature = sign(proxy, r.Nonce)
	bob := must(enters(judge(config(nil)), r))
	service := must(enters(judge(config(nil)), &auth.Request{User: "auth", Password: "p", Type: auth.Standard}))
	own := must(enters(judge(config(func(c *auth.Config) { c.Callout = nil })), &auth.Request{User: "own", Password: "p", Type: auth.Standard}))
	if bob.User != "nm" || bob.Account != "APP" || bob.Proxy != public(proxy) || bob.Claims.Service != "AUTH" || bob.Rights.Limited() || !service.Rights.Limited() {
		t.Fatalf("%+v, %+v", bob, service)
	}
	for _, row := range []struct {
		name              string
		edit              func(*auth.Config)
		bob, service, own auth.Reason
	}{
		{"nothing", nil, stays, stays, auth.Failed},
		{"a key for requests", func(c *auth.Config) { c.Callout.XKey = "x" }, stays, stays, auth.Failed},
		{"the issuer", func(c *auth.Config) { c.Callout.Issuer = public(other) }, auth.Failed, stays, auth.Failed},
		{"who is exempt", func(c *auth.Config) { c.Callout.Users = []string{"own"} }, stays, auth.Failed, stays},
		{"who is delegated", func(c *auth.Config) { c.Callout.Delegated = []string{"APP"} }, stays, stays, stays},
		{"the account is gone", func(c *auth.Config) { c.Accounts = c.Accounts[:1] }, auth.Failed, stays, auth.Failed},
		{"the proxy is not trusted", func(c *auth.Config) { c.TrustedProxies = nil }, auth.ProxyNotTrusted, stays, auth.Failed},
		{"there is no service", func(c *auth.Config) { c.Callout = nil }, auth.Failed, stays, stays},
	} {
		j := judge(config(row.edit))
		for name, who := range map[string]struct {
			identity *auth.Identity
			want     auth.Reason
		}{"bob": {bob, row.bob}, "the service": {service, row.service}, "a user": {own, row.own}} {
			now, err := j.Stays(who.identity)
			if got := reason(err); got != who.want {
				t.Errorf("%s: %s: %v", row.name, name, err)
			}
			if err == nil && (now.User != who.identity.User || now.Account != who.identity.Account) {
				t.Errorf("%s: %s is %+v", row.name, name, now)
			}
		}
	}
	moved := must(judge(config(func(c *auth.Config) { c.Callout.Account = "APP" })).Stays(bob))
	if !moved.Rights.Limited() || moved.Claims.Service != "APP" {
		t.Errorf("beside the service %+v", moved)
	}
}

// Whom the service of an account has let into another, stays as long as both accounts want that.
func TestDelegationStays(t *testing.T) {
	all := func(c *jwt.AccountClaims) { c.Authorization.AllowedAccounts = jwt.StringList{"*"} }
	for _, row := range []struct {
		name   string
		change func(w *world, app func(func(*jwt.AccountClaims)) string)
		want   auth.Reason
	}{
		{"nothing", func(*world, func(func(*jwt.AccountClaims)) string) {}, stays},
		{"names", func(w *world, app func(func(*jwt.AccountClaims)) string) {
			w.put(t, w.sign(func(c *jwt.AccountClaims) { w.external(c); all(c); c.Description = "x" }))
			w.put(t, app(func(c *jwt.AccountClaims) { c.Description = "x" }))
		}, stays},
		{"it is not allowed any more", func(w *world, _ func(func(*jwt.AccountClaims)) string) { w.put(t, w.sign(w.external)) }, auth.Failed},
		{"there is no service any more", func(w *world, _ func(func(*jwt.AccountClaims)) string) { w.put(t, w.sign(nil)) }, auth.Failed},
		{"everybody is revoked", func(w *world, app func(func(*jwt.AccountClaims)) string) {
			w.put(t, app(func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(time.Hour)) }))
		}, auth.Revoked},
		{"the account that asks is gone", func(w *world, _ func(func(*jwt.AccountClaims)) string) { w.authority.Drop(public(w.account)) }, auth.AccountExpired},
		{"the account is gone", func(w *world, _ func(func(*jwt.AccountClaims)) string) { w.authority.Drop(public(w.stranger)) }, auth.AccountExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, nil)
			app := func(edit func(*jwt.AccountClaims)) string {
				c := jwt.NewAccountClaims(public(w.stranger))
				if edit != nil {
					edit(c)
				}
				return must(c.Encode(w.operator))
			}
			w.shelf[public(w.account)] = w.sign(func(c *jwt.AccountClaims) { w.external(c); all(c) })
			w.shelf[public(w.stranger)] = app(nil)
			w.authority.opt.Asker = (&servant{signer: w.stranger, outer: w.account}).asker(w.clock)
			r := user(w.account, nil)
			r.User = "bob"
			bob := must(enters(w.authority.Judge(), r))
			if bob.User != "bob" || bob.Account != public(w.stranger) || bob.Claims.Service != public(w.account) || bob.Claims.Name != "ann" {
				t.Fatalf("%+v", bob)
			}
			row.change(w, app)
			now, err := w.authority.Judge().Stays(bob)
			if reason(err) != row.want || err == nil && (now.User != "bob" || now.Claims.Name != "ann") {
				t.Errorf("%+v, %v", now, err)
			}
		})
	}
}

// external has the account leave it to a service who its users are.
func (w *world) external(c *jwt.AccountClaims) {
	c.Authorization.AuthUsers.Add(public(must(nkeys.CreateUser())))
}

// put changes the claims of an account.
func (w *world) put(t *testing.T, token string) {
	t.Helper()
	w.authority.Update(must(w.authority.Check("", token)))
}

// Who came without a service has to go when there is one.
func TestServiceComes(t *testing.T) {
	w := newWorld(t, nil)
	ann := must(w.authority.Judge().Authenticate(user(w.account, nil)))
	w.put(t, w.sign(w.external))
	if _, err := w.authority.Judge().Stays(ann); reason(err) != auth.Failed {
		t.Errorf("%v", err)
	}
}

func sign(k nkeys.KeyPair, nonce string) string {
	return base64.RawURLEncoding.EncodeToString(must(k.Sign([]byte(nonce))))
}
