package server

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

func got[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func public(k nkeys.KeyPair) string { return got(k.PublicKey()) }

// realm is an operator with a system account and another one.
type realm struct {
	operator, system, account nkeys.KeyPair
}

func newRealm() *realm {
	return &realm{got(nkeys.CreateOperator()), got(nkeys.CreateAccount()), got(nkeys.CreateAccount())}
}

func (r *realm) config(kind config.ResolverType) *Config {
	c := jwt.NewOperatorClaims(public(r.operator))
	c.SystemAccount = public(r.system)
	cfg := testConfig()
	cfg.Operators = config.Operators{
		Trusted: []string{got(c.Encode(r.operator))}, Resolver: config.Resolver{Type: kind},
		Preload: map[string]string{public(r.system): r.sign(r.system, nil)},
	}
	return cfg
}

// sign returns the JWT of an account.
func (r *realm) sign(account nkeys.KeyPair, edit func(*jwt.AccountClaims)) string {
	c := jwt.NewAccountClaims(public(account))
	c.Name = "ACME"
	if edit != nil {
		edit(c)
	}
	return got(c.Encode(r.operator))
}

// as is a user of the account.
func as(account nkeys.KeyPair, edit func(*jwt.UserClaims)) nats.Option {
	key := got(nkeys.CreateUser())
	c := jwt.NewUserClaims(public(key))
	if edit != nil {
		edit(c)
	}
	return nats.UserJWTAndSeed(got(c.Encode(account)), string(got(key.Seed())))
}

func connects(t *testing.T, s *Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), append(options, nats.Timeout(patience))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Users that an account has signed are let in, and only into that account.
func TestOperators(t *testing.T) {
	r := newRealm()
	cfg := r.config(config.ResolverMemory)
	other := got(nkeys.CreateAccount())
	cfg.Operators.Preload[public(r.account)] = r.sign(r.account, nil)
	cfg.Operators.Preload[public(other)] = r.sign(other, nil)
	s := run(t, cfg)
	ann, bob, eve := connects(t, s, as(r.account, nil)), connects(t, s, as(r.account, nil)), connects(t, s, as(other, nil))
	mine := got(ann.SubscribeSync(">"))
	theirs := got(eve.SubscribeSync(">"))
	got(true, ann.Flush())
	got(true, eve.Flush())
	got(true, bob.Publish("hello", nil))
	got(true, bob.Flush())
	if m, err := mine.NextMsg(patience); err != nil || m.Subject != "hello" {
		t.Errorf("%v, %v", m, err)
	}
	got(true, eve.Flush())
	if n, _, _ := theirs.Pending(); n != 0 {
		t.Errorf("another account got %d messages", n)
	}
	answer, err := ann.Request("$SYS.REQ.USER.INFO", nil, 10*time.Second)
	if err != nil || !strings.Contains(string(answer.Data), `"account_name":"ACME"`) {
		t.Errorf("%s, %v", answer.Data, err)
	}
	for name, option := range map[string]nats.Option{
		"nobody": nats.UserInfo("", ""), "a password": nats.UserInfo("a", "b"), "a stranger": as(got(nkeys.CreateAccount()), nil),
		"expired": as(r.account, func(c *jwt.UserClaims) { c.Expires = 1 }),
	} {
		if nc, err := nats.Connect(s.ClientURL(), option); err == nil {
			nc.Close()
			t.Errorf("%s is let in", name)
		}
	}
}

// An account may come from a server, and says how much its users may keep in streams.
func TestOperatorsWithURL(t *testing.T) {
	r := newRealm()
	accounts := map[string]string{
		public(r.system): r.sign(r.system, nil),
		public(r.account): r.sign(r.account, func(c *jwt.AccountClaims) {
			c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: 1, Consumer: -1}
		}),
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if token, ok := accounts[path.Base(q.URL.Path)]; ok {
			_, _ = w.Write([]byte(token))
			return
		}
		http.NotFound(w, q)
	}))
	defer web.Close()
	cfg := r.config(config.ResolverURL)
	cfg.Operators.Preload = nil
	cfg.Operators.Resolver.URL = web.URL + "/jwt/"
	cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, t.TempDir()
	s := run(t, cfg)
	js := got(connects(t, s, as(r.account, nil)).JetStream())
	if _, err := js.AddStream(&nats.StreamConfig{Name: "A", Subjects: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "B", Subjects: []string{"b"}}); err == nil {
		t.Error("there are more streams than the claims allow")
	}
	s.Shutdown()
	s = run(t, cfg)
	js = got(connects(t, s, as(r.account, nil)).JetStream())
	if _, err := js.Publish("a", []byte("x")); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// The server that has the accounts may be asked over TLS, by whose certificate it is known.
func TestResolverOverTLS(t *testing.T) {
	r := newRealm()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if key := path.Base(q.URL.Path); key == public(r.system) {
			_, _ = w.Write([]byte(r.sign(r.system, nil)))
		} else {
			http.NotFound(w, q)
		}
	}))
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	got(true, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	for _, row := range []struct {
		name string
		tls  *config.TLS
		good bool
	}{{"of an authority", &config.TLS{CAFile: ca}, true}, {"of anybody", &config.TLS{Insecure: true}, true}, {"by default", nil, false}} {
		cfg := r.config(config.ResolverURL)
		cfg.Operators.Preload = nil
		cfg.Operators.Resolver.URL, cfg.Operators.Resolver.TLS = web.URL+"/jwt", row.tls
		if _, err := New(Options{Config: cfg, Log: quietLog{t}}); (err == nil) != row.good {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// What protects nothing, or would let nobody in, is an error rather than a server.
func TestOperatorsRefused(t *testing.T) {
	r := newRealm()
	for name, edit := range map[string]func(*Config){
		"no resolver":            func(c *Config) { c.Operators.Resolver.Type, c.Operators.Preload = config.ResolverNone, nil },
		"no system account":      func(c *Config) { c.Operators.Preload = nil },
		"operator is none":       func(c *Config) { c.Operators.Trusted = []string{"eyJ.x.y"} },
		"another system account": func(c *Config) { c.SystemAccount = public(r.account) },
		"no file":                func(c *Config) { c.Operators.Trusted = []string{"/nowhere"} },
		"directory is no such":   func(c *Config) { c.Operators.Resolver = config.Resolver{Type: config.ResolverFull, Dir: "/dev/null/x"} },
	} {
		cfg := r.config(config.ResolverMemory)
		edit(cfg)
		if _, err := New(Options{Config: cfg, Log: quietLog{t}}); err == nil {
			t.Errorf("%s: there is a server", name)
		}
	}
}
