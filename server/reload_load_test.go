package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/internal/pki"
)

// load keeps a server busy while it reloads.
type load struct {
	*reloaded
	authority *pki.Authority
	stop      chan struct{}
	workers   sync.WaitGroup
}

const loadConfig = `
authorization {users: [{user: u, password: p} EXTRA]}
accounts {A {jetstream: enabled, users: [{user: s, password: p}]} MORE}
jetstream {store_dir: "HERE/js", max_file: 1G}
allow_non_tls: true
tls {cert_file: "HERE/server.pem", key_file: "HERE/server.key", timeout: 60}
max_payload: PAYLOAD
max_connections: CONNECTIONS
`

// variant is the configuration of one round. Everybody who is connected may stay in all of them.
func variant(text string, round int) string {
	extra, more := "", ""
	if round%2 == 1 {
		extra, more = fmt.Sprintf(", {user: x%d, password: p, permissions: {publish: a}}", round), ", B {mappings {a: b}, users: [{user: b, password: p}]}"
	}
	return strings.NewReplacer("EXTRA", extra, "MORE", more, "PAYLOAD", fmt.Sprint(100_000+round%3),
		"CONNECTIONS", fmt.Sprint(1000+round%2)).Replace(text)
}

// certify gives the server another certificate.
func (l *load) certify(dir string) {
	l.t.Helper()
	pair, err := l.authority.Issue(pki.Request{Name: "server", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		l.t.Fatal(err)
	}
	for name, text := range map[string][]byte{"server.pem": pair.Certificate, "server.key": pair.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
}

// stays opens a connection that must not end before the load does.
func (l *load) stays(user string, secure bool) *nats.Conn {
	l.t.Helper()
	options := []nats.Option{
		nats.UserInfo(user, "p"), nats.NoReconnect(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			select {
			case <-l.stop:
			default:
				l.t.Errorf("a connection of %s ended: %v", user, err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.t.Errorf("%s: %v", user, err) }),
	}
	if secure {
		options = append(options, nats.Secure(&tls.Config{RootCAs: l.authority.Pool(), MinVersion: tls.VersionTLS12}))
	}
	nc, err := nats.Connect(l.ClientURL(), append(options, nats.Timeout(patience))...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(nc.Close)
	return nc
}

// work calls step again and again until the load ends.
func (l *load) work(step func() error) {
	l.workers.Add(1)
	go func() {
		defer l.workers.Done()
		for {
			select {
			case <-l.stop:
				return
			default:
			}
			if err := step(); err != nil {
				l.t.Error(err)
				return
			}
		}
	}()
}

// publish publishes from one connection to others, one of them with TLS; check reports whether all has come.
func (l *load) publish() (check func()) {
	var (
		sent [2]int
		got  [2]int // of the subscription's goroutine
		subs [2]*nats.Subscription
		all  [2]chan struct{} // closed when all that came is counted
	)
	for i, secure := range []bool{false, true} {
		from := l.stays("u", !secure)
		to := l.stays("u", secure)
		subject := fmt.Sprintf("load.%d", i)
		var err error
		if subs[i], err = to.Subscribe(subject, func(*nats.Msg) { got[i]++ }); err != nil {
			l.t.Fatal(err)
		}
		all[i] = make(chan struct{})
		subs[i].SetClosedHandler(func(string) { close(all[i]) })
		if err := subs[i].SetPendingLimits(-1, -1); err != nil {
			l.t.Fatal(err)
		}
		if err := to.Flush(); err != nil {
			l.t.Fatal(err)
		}
		l.work(func() error {
			for range 100 {
				if err := from.Publish(subject, []byte("0123456789abcdef")); err != nil {
					return err
				}
				sent[i]++
			}
			return from.Flush()
		})
	}
	return func() {
		for i := range sent {
			if err := subs[i].Drain(); err != nil {
				l.t.Fatal(err)
			}
			if <-all[i]; got[i] != sent[i] || sent[i] == 0 {
				l.t.Errorf("%d of %d messages came", got[i], sent[i])
			}
		}
	}
}

// request asks and answers.
func (l *load) request() {
	service, client := l.stays("u", true), l.stays("u", false)
	if _, err := service.QueueSubscribe("ask", "q", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		l.t.Fatal(err)
	}
	if err := service.Flush(); err != nil {
		l.t.Fatal(err)
	}
	l.work(func() error {
		_, err := client.Request("ask", []byte("?"), 30*time.Second)
		return err
	})
}

// store publishes to a stream, and consumes it; check reports whether each message is there, and has come, once.
func (l *load) store() (check func()) {
	in, err := l.stays("s", false).JetStream()
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := l.stays("s", true).JetStream()
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := in.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		l.t.Fatal(err)
	}
	sub, err := out.PullSubscribe("s", "c")
	if err != nil {
		l.t.Fatal(err)
	}
	var stored, consumed uint64
	l.work(func() error {
		_, err := in.Publish("s", nil)
		stored++
		return err
	})
	fetch := func(wait time.Duration) error {
		msgs, err := sub.Fetch(10, nats.MaxWait(wait))
		for _, m := range msgs {
			consumed++
			if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != consumed {
				return fmt.Errorf("message %d came as number %d: %v", meta.Sequence.Stream, consumed, err)
			}
			if err := m.AckSync(); err != nil {
				return err
			}
		}
		if err == nats.ErrTimeout {
			return nil
		}
		return err
	}
	l.work(func() error { return fetch(time.Second) })
	return func() {
		for until := time.Now().Add(30 * time.Second); consumed < stored && time.Now().Before(until); {
			if err := fetch(time.Second); err != nil {
				l.t.Fatal(err)
			}
		}
		if info, err := in.StreamInfo("S"); err != nil || info.State.Msgs != stored || consumed != stored || stored == 0 {
			l.t.Errorf("%d messages were stored, %d consumed: %v, %v", stored, consumed, info, err)
		}
	}
}

// A hundred reloads under load, each of which changes something: nobody is cut off, no message is lost, and who comes in the middle of
// one is let in.
func TestReloadUnderLoad(t *testing.T) {
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	l := &load{authority: authority, stop: make(chan struct{})}
	dir := t.TempDir()
	l.reloaded = &reloaded{t: t}
	l.certify(dir)
	text := strings.ReplaceAll(loadConfig, "HERE", dir)
	l.reloaded = fromFile(t, variant(text, 0))
	published, stored := l.publish(), l.store()
	l.request()
	secure := nats.Secure(&tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12})
	l.work(func() error {
		nc, err := nats.Connect(l.ClientURL(), nats.UserInfo("u", "p"), nats.NoReconnect(), nats.Timeout(patience), secure)
		if err != nil {
			return fmt.Errorf("who comes is not let in: %w", err)
		}
		defer nc.Close()
		return nc.Flush()
	})
	witness := l.stays("u", false)
	defer func() { // also when the test is over early
		select {
		case <-l.stop:
		default:
			close(l.stop)
			l.workers.Wait()
		}
	}()
	for round := 1; round <= 100 && !t.Failed(); round++ {
		if round%10 == 0 {
			l.certify(dir)
		}
		l.reload("listen: 127.0.0.1:-1\n" + variant(text, round))
		if err := witness.Flush(); err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 {
			nc, _ := l.connect(nats.UserInfo("b", "p")) // of the account that has just come
			nc.Close()
		}
	}
	close(l.stop)
	l.workers.Wait()
	published()
	stored()
}
