package server

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/config"
)

// The tool that makes accounts has the system account export what concerns an account to that one: its events, and the requests about it.
func TestSystemExports(t *testing.T) {
	r := newRealm()
	own := public(r.account)
	cfg := r.config(config.ResolverMemory)
	cfg.Operators.Preload[public(r.system)] = r.sign(r.system, func(c *jwt.AccountClaims) {
		c.Exports.Add(
			&jwt.Export{Subject: "$SYS.REQ.ACCOUNT.*.*", Type: jwt.Service, ResponseType: jwt.ResponseTypeStream, AccountTokenPosition: 4},
			&jwt.Export{Subject: "$SYS.ACCOUNT.*.>", Type: jwt.Stream, AccountTokenPosition: 3})
	})
	cfg.Operators.Preload[own] = r.sign(r.account, func(c *jwt.AccountClaims) {
		c.Imports.Add(
			&jwt.Import{Subject: jwt.Subject("$SYS.REQ.ACCOUNT." + own + ".*"), Account: public(r.system), Type: jwt.Service},
			&jwt.Import{Subject: jwt.Subject("$SYS.ACCOUNT." + own + ".>"), Account: public(r.system), Type: jwt.Stream},
			&jwt.Import{Subject: jwt.Subject("$SYS.ACCOUNT." + public(r.system) + ".>"), Account: public(r.system), Type: jwt.Stream})
	})
	s := run(t, cfg)
	nc := connects(t, s, as(r.account, nil))
	events := got(nc.SubscribeSync("$SYS.ACCOUNT.>"))
	got(true, nc.Flush())
	connects(t, s, as(r.system, nil)).Close()
	connects(t, s, as(r.account, nil)).Close()
	for heard := ""; !strings.HasSuffix(heard, ".DISCONNECT"); {
		m := got(events.NextMsg(patience))
		if heard = m.Subject; !strings.HasPrefix(heard, "$SYS.ACCOUNT."+own+".") {
			t.Errorf("hears %s", heard)
		}
	}
	for _, view := range []string{"CONNZ", "SUBSZ", "INFO", "CONNS", "STATZ"} {
		m, err := nc.Request("$SYS.REQ.ACCOUNT."+own+"."+view, nil, 10*time.Second)
		if err != nil || !strings.Contains(string(m.Data), `"id":"`+s.id) {
			t.Errorf("%s: %v", view, err)
		}
	}
	if m, err := nc.Request("$SYS.REQ.ACCOUNT."+public(r.system)+".CONNZ", nil, 10*time.Second); err == nil {
		t.Errorf("is told of another account: %s", m.Data)
	}
}
