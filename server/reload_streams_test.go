package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"myelin/internal/config"
	"myelin/internal/report"
	"myelin/internal/stream"
)

const withStreams = "jetstream {store_dir: \"HERE\", max_file: 1G, max_mem: 1G}\n"

// without is the configuration with JetStream off.
func (r *reloaded) without() string {
	before, rest, _ := strings.Cut(r.base, "jetstream {store")
	_, after, _ := strings.Cut(rest, "}\n")
	return before + "jetstream: false\n" + after
}

func (r *reloaded) jetStream(nc *nats.Conn) nats.JetStreamContext {
	r.t.Helper()
	js, err := nc.JetStream(nats.MaxWait(10 * time.Second))
	if err != nil {
		r.t.Fatal(err)
	}
	return js
}

// A reload that switches JetStream off leaves a server without it, and tells who waits for messages. One that switches it on again finds
// everything as it was but for what was in memory, under the limits that hold by then.
func TestReloadSwitchesStreams(t *testing.T) {
	r := fromFile(t, withStreams+"http: 127.0.0.1:-1\n")
	nc, _ := r.connect()
	js := r.jetStream(nc)
	got(js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s"}}))
	got(js.AddStream(&nats.StreamConfig{Name: "M", Subjects: []string{"m"}, Storage: nats.MemoryStorage}))
	for _, subject := range []string{"s", "s", "m"} {
		got(js.Publish(subject, nil))
	}
	sub := got(js.PullSubscribe("s", "C"))
	if err := got(sub.Fetch(1))[0].AckSync(); err != nil {
		t.Fatal(err)
	}
	pulls := got(nc.SubscribeSync("pulls"))
	if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.C", "pulls", []byte(`{"batch":2,"expires":60000000000}`)); err != nil {
		t.Fatal(err)
	}
	if m := got(pulls.NextMsg(10 * time.Second)); m.Subject != "s" {
		t.Fatalf("%+v", m)
	}

	r.reload(r.without())
	if m := got(pulls.NextMsg(10 * time.Second)); m.Header.Get("Description") != "Server Shutdown" {
		t.Errorf("who waits is told %v", m.Header)
	}
	for _, subject := range []string{"s", "m", "$JS.API.INFO", "$JS.API.CONSUMER.MSG.NEXT.S.C", "$JS.API.DIRECT.GET.S.s"} {
		if _, err := nc.Request(subject, nil, 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s is answered though JetStream is off: %v", subject, err)
		}
	}
	if z := r.views.JSz(report.JSzOptions{}); !z.Disabled || r.clients.Info().JetStream {
		t.Errorf("off shows as %+v, %+v", z, r.clients.Info())
	}
	if health := r.views.Healthz(report.HealthzOptions{}); health.Status != "ok" {
		t.Errorf("a server without JetStream is not well: %+v", health)
	}

	r.reload(strings.Replace(r.base, "max_file: 1G", "max_file: 2G", 1))
	if !r.clients.Info().JetStream {
		t.Error("INFO says nothing of JetStream")
	}
	if z := r.views.JSz(report.JSzOptions{}); z.Disabled || z.Config.MaxStorage != 2e9 || z.Streams != 1 {
		t.Errorf("on shows as %+v", z)
	}
	info := got(js.StreamInfo("S"))
	if _, err := js.StreamInfo("M"); info.State.Msgs != 2 || !errors.Is(err, nats.ErrStreamNotFound) {
		t.Errorf("streams hold %+v; %v", info.State, err)
	}
	if ack := got(js.Publish("s", nil)); ack.Sequence != 3 {
		t.Errorf("the next message has the sequence %d", ack.Sequence)
	}
	state := got(js.ConsumerInfo("S", "C"))
	if state.AckFloor.Stream != 1 || state.NumAckPending != 1 || state.NumPending != 1 {
		t.Errorf("the consumer stands at %+v", state)
	}
}

// A store that cannot be had is an error, and nothing has changed.
func TestReloadCannotSwitchOn(t *testing.T) {
	r := fromFile(t, withStreams)
	off := r.without()
	r.reload(off)
	before := r.config()
	r.write(strings.Replace(r.base, filepath.Dir(r.file), r.file, 1) + "max_payload: 1000\n") // a file
	if err := r.ReloadFile(); err == nil || !strings.Contains(err.Error(), "storage directory is not a directory") {
		t.Errorf("%v", err)
	}
	if r.config() != before || r.streams.Load() != nil || r.incoming.Load() != nil {
		t.Error("something has changed")
	}
	r.reload(r.base)
	nc, _ := r.connect()
	got(r.jetStream(nc).AddStream(&nats.StreamConfig{Name: "S"}))
}

// Accounts that come with the same reload have their streams, those of operators too.
func TestReloadSwitchesStreamsOfAccounts(t *testing.T) {
	const account = "accounts {A {jetstream: {max_store: 1000}, users: [{user: a, password: p}]}}\n"
	r := fromFile(t, withStreams+account)
	stored := func() nats.JetStreamContext {
		nc, _ := r.connect(nats.UserInfo("a", "p"))
		return r.jetStream(nc)
	}
	got(stored().AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s"}}))
	got(stored().Publish("s", nil))
	r.Shutdown()

	both := r.base
	s := &reloaded{t: t, log: r.log, file: r.file, base: both}
	s.write(strings.Replace(s.without(), account, "", 1))
	load := func() (*Config, error) { return config.LoadFile(r.fs, r.file, nil) }
	s.Server = got(New(Options{Config: got(load()), Log: r.log, Load: load}))
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	s.reload(both)
	r = s
	if ack := got(stored().Publish("s", nil)); ack.Sequence != 2 {
		t.Errorf("the next message has the sequence %d", ack.Sequence)
	}
	if _, err := stored().AddStream(&nats.StreamConfig{Name: "T", MaxBytes: 2000}); err == nil {
		t.Error("the limits of the account do not hold")
	}
}

// What claims say of streams holds when they are switched on.
func TestReloadSwitchesStreamsOfClaims(t *testing.T) {
	r := newRealm()
	_, cfg, admin := pushed(t, r)
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(r.account, func(c *jwt.AccountClaims) { c.Limits.DiskStorage = 1000 }))
	s := run(t, cfg)
	nc := connects(t, s, as(r.account, nil))
	next := *cfg
	next.JetStream.Enabled, next.JetStream.StoreDir = true, t.TempDir()
	if err := s.Reload(&next); err != nil {
		t.Fatal(err)
	}
	js := got(nc.JetStream())
	got(js.AddStream(&nats.StreamConfig{Name: "S", MaxBytes: 900}))
	if _, err := js.AddStream(&nats.StreamConfig{Name: "T", MaxBytes: 900}); err == nil {
		t.Error("the limits of the claims do not hold")
	}
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if s.streamLimits(public(r.account)) != nil {
		t.Error("an account may have streams though there are none")
	}
}

// While JetStream goes off and on, publishers lose nothing that was acknowledged, and nobody else notices.
func TestReloadSwitchesStreamsUnderLoad(t *testing.T) {
	r := fromFile(t, withStreams)
	nc, ended := r.connect()
	js := r.jetStream(nc)
	got(js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))
	var (
		workers sync.WaitGroup
		stop    = make(chan struct{})
		acked   [4][]string

		stored, refused atomic.Int64
	)
	for i := range acked {
		workers.Go(func() {
			own, _ := r.connect()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprint(i, ".", n)
				m, err := own.Request("s."+text, nil, 100*time.Millisecond)
				switch {
				case err == nil && strings.Contains(string(m.Data), `"seq":`):
					acked[i] = append(acked[i], text)
					stored.Add(1)
				case errors.Is(err, nats.ErrNoResponders):
					refused.Add(1)
				}
			}
		})
	}
	some := func(n *atomic.Int64) {
		for until := n.Load() + 20; n.Load() < until; {
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		some(&stored)
		r.reload(r.without())
		some(&refused)
		r.reload(r.base)
	}
	some(&stored)
	close(stop)
	workers.Wait()
	there := map[string]bool{}
	p := r.streams.Load()
	p.engine.Stream("$G", "S").View(func(state *stream.State) {
		for subject := range state.Subjects("") {
			there[strings.TrimPrefix(string(subject), "s.")] = true
		}
	})
	for _, list := range acked {
		if i := slices.IndexFunc(list, func(text string) bool { return !there[text] }); i >= 0 {
			t.Errorf("%s was acknowledged and is gone", list[i])
		}
	}
	select {
	case <-ended:
		t.Error("a connection ended")
	default:
	}
}
