package server

import (
	"fmt"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// BenchmarkClaims loads accounts that each have something of one, changes them one by one, and then that one. It tells the time for
// each, which is not to grow with how many there are.
func BenchmarkClaims(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRealm()
			cfg := r.config(config.ResolverMemory)
			cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, b.TempDir()
			exported := func(description string) string {
				return r.sign(r.account, func(c *jwt.AccountClaims) {
					c.Description = description
					c.Exports.Add(&jwt.Export{Subject: "x.*", Type: jwt.Stream})
				})
			}
			cfg.Operators.Preload[public(r.account)] = exported("")
			ids, changed := make([]string, n), make([]string, n)
			for i := range ids {
				account := got(nkeys.CreateAccount())
				sign := func(description string) string {
					return r.sign(account, func(c *jwt.AccountClaims) {
						c.Description = description
						c.Limits.JetStreamLimits = noStreamLimits
						c.Imports.Add(&jwt.Import{Subject: "x.*", Account: public(r.account), Type: jwt.Stream})
					})
				}
				ids[i] = public(account)
				cfg.Operators.Preload[ids[i]], changed[i] = sign(""), sign("changed")
			}
			for b.Loop() {
				s, err := New(Options{Config: cfg, Log: silent{}})
				if err != nil {
					b.Fatal(err)
				}
				got(true, s.Start())
				begun := s.clock.Now()
				lap := func(what string, of int) {
					now := s.clock.Now()
					b.ReportMetric(float64(now.Sub(begun).Nanoseconds())/float64(of), what)
					begun = s.clock.Now()
				}
				for _, id := range ids {
					got(s.operators.authority.Load(id))
				}
				lap("ns/load", n)
				for _, token := range changed {
					_, _, err := pushes{s}.Update("", token)
					got(true, err)
				}
				lap("ns/change", n)
				_, _, err = pushes{s}.Update("", exported("changed"))
				got(true, err)
				lap("ns/importer", n)
				s.Shutdown()
			}
		})
	}
}

// silent is a log that keeps nothing.
type silent struct{ quietLog }

func (silent) Warnf(string, ...any)  {}
func (silent) Fatalf(string, ...any) {}
