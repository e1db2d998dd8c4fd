package server

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/config"
)

// bearer is the JWT of a user who needs no key.
func bearer(account nkeys.KeyPair) string {
	c := jwt.NewUserClaims(public(got(nkeys.CreateUser())))
	c.BearerToken = true
	return got(c.Encode(account))
}

// What a reload changes about operators and their resolver holds for who comes and who is inside, as stock has it.
func TestReloadOperators(t *testing.T) {
	for _, row := range []struct {
		name   string
		kind   config.ResolverType
		edit   func(t *testing.T, r *realm, c *config.Operators)
		refuse string // "" for a reload that succeeds
		inside string // what somebody of the account is told, "" if it stays
		comes  bool   // others are let in
		nobody bool   // so is who shows nothing
	}{
		{name: "nothing", kind: config.ResolverMemory, edit: func(*testing.T, *realm, *config.Operators) {}, comes: true},
		{name: "account removed", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			delete(c.Preload, public(r.account))
		}, inside: "account authentication expired"},
		{name: "account changed", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Preload[public(r.account)] = r.sign(r.account, func(c *jwt.AccountClaims) { c.Description = "x" })
		}, comes: true},
		{name: "no connections", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Preload[public(r.account)] = r.sign(r.account, func(c *jwt.AccountClaims) { c.Limits.Conn = 0 })
		}, inside: "maximum account active connections exceeded"},
		{name: "all revoked", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Preload[public(r.account)] = r.sign(r.account, func(c *jwt.AccountClaims) { c.RevokeAt("*", time.Now().Add(time.Hour)) })
		}, inside: "revoked"},
		{name: "another is pinned", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Pinned = []string{public(got(nkeys.CreateAccount()))}
		}, inside: "authorization violation"},
		{name: "pinned", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Pinned = []string{public(r.account)}
		}, comes: true},
		{name: "sentinel", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Sentinel = auth.Secret(bearer(r.account))
		}, comes: true, nobody: true},
		{name: "newer in a directory", kind: config.ResolverFull, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Preload[public(r.account)] = r.sign(r.account, func(c *jwt.AccountClaims) { c.Description = "x" })
		}, comes: true},
		{name: "another directory", kind: config.ResolverFull, edit: func(t *testing.T, r *realm, c *config.Operators) {
			c.Resolver.Dir = t.TempDir()
		}, comes: true}, // what is in use stays, as stock has it
		{name: "another operator", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			c.Trusted = newRealm().config(config.ResolverMemory).Operators.Trusted
		}, refuse: "config reload not supported for TrustedOperators", comes: true},
		{name: "no operator", kind: config.ResolverMemory, edit: func(_ *testing.T, r *realm, c *config.Operators) {
			*c = config.Operators{}
		}, refuse: "config reload not supported for TrustedOperators", comes: true},
		{name: "another kind", kind: config.ResolverMemory, edit: func(t *testing.T, r *realm, c *config.Operators) {
			c.Resolver = config.Resolver{Type: config.ResolverFull, Dir: t.TempDir()}
		}, comes: true},
		{name: "memory instead of a directory", kind: config.ResolverFull, edit: func(t *testing.T, r *realm, c *config.Operators) {
			c.Resolver = config.Resolver{Type: config.ResolverMemory}
			delete(c.Preload, public(r.account))
		}, inside: "account authentication expired"},
		{name: "a directory that is none", kind: config.ResolverFull, edit: func(t *testing.T, r *realm, c *config.Operators) {
			c.Resolver.Dir = "/dev/null/x"
		}, refuse: "open the directory of the resolver", comes: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRealm()
			cfg := r.config(row.kind)
			cfg.Operators.Resolver.Dir = t.TempDir()
			cfg.Operators.Preload[public(r.account)] = r.sign(r.account, nil)
			s := run(t, cfg)
			told := make(chan error, 8)
			nc := connects(t, s, as(r.account, nil), nats.NoReconnect(), nats.ClosedHandler(func(nc *nats.Conn) { told <- nc.LastError() }),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
			next := *cfg
			next.Operators.Preload = maps.Clone(next.Operators.Preload)
			row.edit(t, r, &next.Operators)
			err := s.Reload(&next)
			if row.refuse == "" && err != nil || row.refuse != "" && (err == nil || !strings.HasPrefix(err.Error(), row.refuse)) {
				t.Fatalf("%v instead of %q", err, row.refuse)
			}
			if row.inside == "" {
				if err := nc.FlushTimeout(10 * time.Second); err != nil {
					t.Errorf("who is inside has to go: %v", err)
				}
			} else if why := toldWhy(told, row.inside); why != "" {
				t.Errorf("who is inside: %s", why)
			}
			for what, want := range map[string]bool{"user": row.comes, "nobody": row.nobody} {
				options := []nats.Option{nats.NoReconnect()}
				if what == "user" {
					options = append(options, as(r.account, nil))
				}
				other, err := nats.Connect(s.ClientURL(), append(options, nats.Timeout(patience))...)
				if (err == nil) != want {
					t.Errorf("%s: %v", what, err)
				}
				if err == nil {
					other.Close()
				}
			}
		})
	}
}

// Which requests about JWTs are answered is what the resolver can answer by now (stock: what the one at the start could).
func TestReloadKindOfResolver(t *testing.T) {
	r := newRealm()
	cfg := r.config(config.ResolverMemory)
	s := run(t, cfg)
	admin := connects(t, s, as(r.system, nil))
	for _, kind := range []config.ResolverType{config.ResolverFull, config.ResolverMemory, config.ResolverCache, config.ResolverFull} {
		next := *cfg
		next.Operators.Resolver = config.Resolver{Type: kind, Dir: t.TempDir()}
		if err := s.Reload(&next); err != nil {
			t.Fatal(err)
		}
		for subject, want := range map[string]bool{
			"$SYS.REQ.CLAIMS.LIST": kind != config.ResolverMemory, "$SYS.REQ.CLAIMS.PACK": kind == config.ResolverFull,
			"$SYS.REQ.ACCOUNT." + public(r.system) + ".CLAIMS.LOOKUP": kind == config.ResolverFull,
		} {
			m, err := admin.Request(subject, nil, 10*time.Second)
			if answered := err == nil; answered != want || !answered && !errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("%v: %s: %v %v", kind, subject, m, err)
			}
		}
	}
	if answer := asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, nil)); answer.Error != nil {
		t.Errorf("%+v", answer.Error)
	}
	connects(t, s, as(r.account, nil)).Close()
}

// toldWhy waits until somebody is told something, and returns what went wrong if it is not.
func toldWhy(told <-chan error, want string) string {
	for {
		select {
		case err := <-told:
			if err != nil && strings.Contains(strings.ToLower(err.Error()), want) {
				return ""
			}
		case <-time.After(patience):
			return fmt.Sprintf("is not told %q", want)
		}
	}
}

// The JWT of an operator in a file counts by what it says: another one there is another operator.
func TestReloadOperatorFile(t *testing.T) {
	r := newRealm()
	cfg := r.config(config.ResolverMemory)
	file := filepath.Join(t.TempDir(), "operator.jwt")
	got(true, os.WriteFile(file, []byte(cfg.Operators.Trusted[0]), 0o600))
	cfg.Operators.Trusted = []string{file}
	s := run(t, cfg)
	next := *cfg
	got(true, s.Reload(&next))
	got(true, os.WriteFile(file, []byte(newRealm().config(config.ResolverMemory).Operators.Trusted[0]), 0o600))
	if err := s.Reload(&next); err == nil || err.Error() != "config reload not supported for TrustedOperators" {
		t.Errorf("%v", err)
	}
}
