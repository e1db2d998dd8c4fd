package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// answers lets everybody into an account, signed by the issuer;
// about silence it says nothing, but counts.
func answers(t *testing.T, nc *nats.Conn, issuer nkeys.KeyPair, account string) (silent chan bool) {
	t.Helper()
	silent = make(chan bool, 1000)
	got(nc.Subscribe("$SYS.REQ.USER.AUTH", func(m *nats.Msg) {
		r := got(jwt.DecodeAuthorizationRequestClaims(string(m.Data)))
		if r.ConnectOptions.Username == "silence" {
			silent <- true
			return
		}
		c, outer := jwt.NewUserClaims(r.UserNkey), jwt.NewAuthorizationResponseClaims(r.UserNkey)
		c.Audience, outer.Audience = account, r.Server.ID
		outer.Jwt = got(c.Encode(issuer))
		got(true, m.Respond([]byte(got(outer.Encode(issuer)))))
	}))
	got(true, nc.Flush())
	return silent
}

const calloutFile = `accounts { AUTH { users: [{user: auth, password: p}, {user: other, password: p}] }, APP {} }
authorization { timeout: 2, auth_callout { issuer: %s, account: AUTH, auth_users: [%s] } }
`

// A reload asks about nobody again who may stay, and ends the others. Stock refuses it.
func TestReloadCallout(t *testing.T) {
	issuer, next := got(nkeys.CreateAccount()), got(nkeys.CreateAccount())
	file := func(issuer nkeys.KeyPair, users string) string {
		return "listen: 127.0.0.1:-1\n" + fmt.Sprintf(calloutFile, public(issuer), users)
	}
	s := fromFile(t, file(issuer, "auth"))
	service, _ := s.connect(nats.UserInfo("auth", "p"))
	answers(t, service, issuer, "APP")
	bob, ended := s.connect(nats.UserInfo("bob", "x"))
	s.reload(file(issuer, "auth, other"))
	if lines := strings.Join(s.log.take(), "\n"); !strings.Contains(lines, "Reloaded: auth_callout") {
		t.Errorf("told %s", lines)
	}
	got(true, bob.Flush())
	other, _ := s.connect(nats.UserInfo("other", "p"))
	got(true, other.Flush())
	s.reload(file(next, "auth"))
	<-ended
	got(true, service.Flush())
	if nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("bob", "x")); err == nil {
		nc.Close()
		t.Error("let in by an issuer that is none any more")
	}
}

// A service that nobody can reach any more comes back although all who wait for it come from the same address.
func TestCalloutComesBack(t *testing.T) {
	issuer := got(nkeys.CreateAccount())
	s := fromFile(t, fmt.Sprintf(calloutFile, public(issuer), "auth"))
	service, _ := s.connect(nats.UserInfo("auth", "p"))
	silent := answers(t, service, issuer, "APP")
	const crowd = 200 // more than there are places
	results := make(chan error)
	for range crowd {
		go func() {
			nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("silence", "x"), nats.Timeout(patience))
			if err == nil {
				nc.Close()
			}
			results <- err
		}()
	}
	for range 64 {
		<-silent
	}
	second, _ := s.connect(nats.UserInfo("auth", "p"))
	got(true, second.Flush())
	for range crowd {
		if err := <-results; err == nil {
			t.Fatal("let in without an answer")
		}
	}
}

// Claims that are pushed hold for those whom the service of the account has let into another.
func TestPushedCallout(t *testing.T) {
	r := newRealm()
	app, user := got(nkeys.CreateAccount()), got(nkeys.CreateUser())
	asks := func(allowed ...string) string {
		return r.sign(r.account, func(c *jwt.AccountClaims) {
			c.Authorization.AuthUsers.Add(public(user))
			c.Authorization.AllowedAccounts.Add(allowed...)
		})
	}
	cfg := r.config(config.ResolverFull)
	cfg.Operators.Resolver.Dir = t.TempDir()
	cfg.Operators.Preload[public(r.account)], cfg.Operators.Preload[public(app)] = asks(public(app)), r.sign(app, nil)
	s := run(t, cfg)
	token := got(jwt.NewUserClaims(public(user)).Encode(r.account))
	service := connects(t, s, nats.UserJWTAndSeed(token, string(got(user.Seed()))))
	got(service.Subscribe("$SYS.REQ.USER.AUTH", func(m *nats.Msg) {
		q := got(jwt.DecodeAuthorizationRequestClaims(string(m.Data)))
		outer := jwt.NewAuthorizationResponseClaims(q.UserNkey)
		outer.Audience, outer.Jwt = q.Server.ID, got(jwt.NewUserClaims(q.UserNkey).Encode(app))
		got(true, m.Respond([]byte(got(outer.Encode(r.account)))))
	}))
	got(true, service.Flush())
	ended := make(chan struct{})
	connects(t, s, as(r.account, nil), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(ended) }))
	admin := connects(t, s, as(r.system, nil))
	if m := got(admin.Request("$SYS.REQ.CLAIMS.UPDATE", []byte(asks()), 10*time.Second)); !strings.Contains(string(m.Data), "jwt updated") {
		t.Fatalf("%s", m.Data)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("who was let into an account that is not allowed any more stays")
	}
	got(true, service.Flush())
}

// Requests hold passwords: a stream that takes all subjects of the account, or an account that imports them, gets none.
func TestCalloutIsConfided(t *testing.T) {
	issuer := got(nkeys.CreateAccount())
	s := fromFile(t, fmt.Sprintf(`jetstream { store_dir: "HERE/js" }
accounts {
  AUTH { jetstream: enabled, users: [{user: auth, password: p}], exports: [{stream: ">"}] }
  APP { users: [{user: app, password: p}], imports: [{stream: {account: AUTH, subject: ">"}, prefix: theirs}] }
}
authorization { timeout: 2, auth_callout { issuer: %s, account: AUTH, auth_users: [auth, app] } }
`, public(issuer)))
	service, _ := s.connect(nats.UserInfo("auth", "p"))
	answers(t, service, issuer, "APP")
	js := got(service.JetStream())
	got(js.AddStream(&nats.StreamConfig{Name: "ALL", Subjects: []string{"$SYS.REQ.>"}, NoAck: true}))
	app, _ := s.connect(nats.UserInfo("app", "p"))
	theirs := got(app.SubscribeSync("theirs.$SYS.REQ.>"))
	got(true, app.Flush())
	bob, _ := s.connect(nats.UserInfo("bob", "secret"))
	got(true, bob.Flush())
	got(true, service.Flush())
	got(true, app.Flush())
	if n, _, _ := theirs.Pending(); n != 0 {
		t.Errorf("another account is told of %d requests", n)
	}
	if info := got(js.StreamInfo("ALL")); info.State.Msgs != 0 {
		t.Errorf("%d requests are stored", info.State.Msgs)
	}
}
