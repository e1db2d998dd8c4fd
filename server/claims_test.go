package server

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// reply is what the system account answers.
type reply struct {
	Data  json.RawMessage
	Error *struct {
		Account, Description string
		Code                 int
	}
}

func asks(t *testing.T, nc *nats.Conn, subject, body string) (r reply) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), 10*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		t.Fatalf("%s: %v: %s", subject, err, m.Data)
	}
	return r
}

// pushed is a server with a full directory, and somebody in its system account.
func pushed(t *testing.T, r *realm) (*Server, *Config, *nats.Conn) {
	cfg := r.config(config.ResolverFull)
	cfg.Operators.Resolver.Dir, cfg.Operators.Resolver.AllowDelete = t.TempDir(), true
	s := run(t, cfg)
	return s, cfg, connects(t, s, as(r.system, nil))
}

// Accounts can be pushed, looked up, listed and deleted, and are there after a restart.
func TestPush(t *testing.T) {
	r := newRealm()
	s, cfg, admin := pushed(t, r)
	id, token := public(r.account), r.sign(r.account, nil)
	if nc, err := nats.Connect(s.ClientURL(), as(r.account, nil)); err == nil {
		nc.Close()
		t.Error("an account is there before it was pushed")
	}
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", token); !strings.Contains(string(answer.Data), "jwt updated") {
		t.Fatalf("%s, %v", answer.Data, answer.Error)
	}
	connects(t, s, as(r.account, nil)).Close()
	if m := got(admin.Request("$SYS.REQ.ACCOUNT."+id+".CLAIMS.LOOKUP", nil, 10*time.Second)); string(m.Data) != token {
		t.Errorf("looked up: %s", m.Data)
	}
	s.Shutdown()
	s = run(t, cfg)
	admin = connects(t, s, as(r.system, nil))
	connects(t, s, as(r.account, nil)).Close()
	var list []string
	if err := json.Unmarshal(asks(t, admin, "$SYS.REQ.CLAIMS.LIST", "").Data, &list); err != nil || len(list) != 2 || !slices.Contains(list, id) {
		t.Errorf("listed: %v, %v", list, err)
	}
	deletion := jwt.NewGenericClaims(public(r.operator))
	deletion.Data["accounts"] = []string{id}
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.DELETE", got(deletion.Encode(r.operator))); !strings.Contains(string(answer.Data), "deleted 1 accounts") {
		t.Errorf("%s, %v", answer.Data, answer.Error)
	}
	if nc, err := nats.Connect(s.ClientURL(), as(r.account, nil)); err == nil {
		nc.Close()
		t.Error("an account is there that was deleted")
	}
}

// What is not an account of the operator's is refused, and changes nothing.
func TestPushRefused(t *testing.T) {
	r, other := newRealm(), newRealm()
	_, cfg, admin := pushed(t, r)
	good := r.sign(r.account, nil)
	deletion := func(of *realm, account nkeys.KeyPair) string {
		c := jwt.NewGenericClaims(public(of.operator))
		c.Data["accounts"] = []string{public(account)}
		return got(c.Encode(of.operator))
	}
	for _, row := range []struct{ name, subject, body, want string }{
		{"junk", "$SYS.REQ.CLAIMS.UPDATE", "junk", "expected 3 chunks"},
		{"another operator's", "$SYS.REQ.CLAIMS.UPDATE", other.sign(r.account, nil), "not signed by a trusted operator"},
		{"another account's", "$SYS.REQ.ACCOUNT." + public(r.system) + ".CLAIMS.UPDATE", good, "subject does not match jwt content"},
		{"a path", "$SYS.REQ.ACCOUNT.x.CLAIMS.UPDATE", good, "subject does not match jwt content"},
		{"delete by another", "$SYS.REQ.CLAIMS.DELETE", deletion(other, r.account), "not trusted"},
		{"delete the system account", "$SYS.REQ.CLAIMS.DELETE", deletion(r, r.system), "not allowed to delete system account"},
		{"delete junk", "$SYS.REQ.CLAIMS.DELETE", "junk", "expected 3 chunks"},
	} {
		if answer := asks(t, admin, row.subject, row.body); answer.Error == nil || !strings.Contains(answer.Error.Description, row.want) {
			t.Errorf("%s: %+v", row.name, answer.Error)
		}
	}
	cfg.Operators.Resolver.AllowDelete = false
	s := run(t, cfg)
	admin = connects(t, s, as(r.system, nil))
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.DELETE", deletion(r, r.account)); answer.Error == nil || answer.Error.Description != "delete accounts request by "+public(r.operator)+" failed - delete must be enabled in server config" {
		t.Errorf("deleted, though that is not allowed: %+v", answer.Error)
	}
}

// What changes about an account holds for those who are inside.
func TestLiveClaims(t *testing.T) {
	for _, row := range []struct {
		name string
		edit func(*jwt.AccountClaims)
		want string // what is told who has to go; "" for nobody
	}{
		{"another description", func(c *jwt.AccountClaims) { c.Description = "x" }, ""},
		{"revoked", func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(time.Hour)) }, "revoked"},
		{"expired", func(c *jwt.AccountClaims) { c.Expires = 1 }, "account authentication expired"},
		{"as many subscriptions", func(c *jwt.AccountClaims) { c.Limits.Subs = 2 }, ""},
		{"fewer subscriptions", func(c *jwt.AccountClaims) { c.Limits.Subs = 1 }, "maximum subscriptions exceeded"},
		{"no connections", func(c *jwt.AccountClaims) { c.Limits.Conn = 0 }, "account active connections exceeded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRealm()
			s, _, admin := pushed(t, r)
			asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, nil))
			told := make(chan error, 8) // a client says it in one place or the other
			nc := connects(t, s, as(r.account, nil), nats.NoReconnect(), nats.ClosedHandler(func(nc *nats.Conn) { told <- nc.LastError() }),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
			for _, subject := range []string{"a", "b"} {
				got(nc.SubscribeSync(subject))
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, row.edit))
			if row.want == "" {
				if err := nc.FlushTimeout(10 * time.Second); err != nil {
					t.Errorf("has to go: %v", err)
				}
				return
			}
			for {
				select {
				case err := <-told:
					if err != nil && strings.Contains(strings.ToLower(err.Error()), row.want) {
						return
					}
				case <-time.After(patience):
					t.Fatal("is not told why it has to go, or stays")
				}
			}
		})
	}
}

// Permissions that change hold for those who are inside.
func TestLivePermissions(t *testing.T) {
	r := newRealm()
	s, _, admin := pushed(t, r)
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, nil))
	told := make(chan error, 8)
	nc := connects(t, s, as(r.account, nil), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
	got(nc.SubscribeSync("foo"))
	got(true, nc.Flush())
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, func(c *jwt.AccountClaims) {
		c.DefaultPermissions.Sub.Allow.Add("bar")
	}))
	select {
	case err := <-told:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("is told %v", err)
		}
	case <-time.After(patience):
		t.Error("goes on to be subscribed")
	}
}

// A cache asks others in the system account, and keeps what is good.
func TestCache(t *testing.T) {
	r := newRealm()
	cfg := r.config(config.ResolverCache)
	cfg.Operators.Resolver.Dir = t.TempDir()
	s := run(t, cfg)
	admin := connects(t, s, as(r.system, nil))
	id, token := public(r.account), r.sign(r.account, nil)
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", token); !strings.Contains(string(answer.Data), "cache skipped") {
		t.Errorf("%s, %v", answer.Data, answer.Error)
	}
	tokens := make(chan string, 2)
	got(admin.Subscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", func(m *nats.Msg) { _ = m.Respond([]byte(<-tokens)) }))
	got(true, admin.Flush())
	tokens <- newRealm().sign(r.account, nil)
	if nc, err := nats.Connect(s.ClientURL(), as(r.account, nil)); err == nil {
		nc.Close()
		t.Error("is let in by another operator")
	}
	tokens <- token
	connects(t, s, as(r.account, nil)).Close()
	var list []string
	if err := json.Unmarshal(asks(t, admin, "$SYS.REQ.CLAIMS.LIST", "").Data, &list); err != nil || !slices.Contains(list, id) {
		t.Errorf("listed: %v, %v", list, err)
	}
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", token); !strings.Contains(string(answer.Data), "jwt updated") {
		t.Errorf("%s, %v", answer.Data, answer.Error)
	}
}
