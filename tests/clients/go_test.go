package clients

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/internal/testkit"
)

// A check is one thing that a client does.
type check struct {
	name  string
	check func(*testing.T, *testkit.Server)
}

// checks are those of messages that are not stored.
var checks = []check{
	{"publish and subscribe", publishAndSubscribe},
	{"wildcards", wildcards},
	{"queue groups", queueGroups},
	{"request and reply", requestAndReply},
	{"parallel requests", parallelRequests},
	{"no responders", noResponders},
	{"headers", headers},
	{"unsubscribe after", unsubscribeAfter},
	{"echo off", echoOff},
	{"largest payload", largestPayload},
	{"order", order},
	{"drain a subscription", drainSubscription},
	{"drain a connection", drainConnection},
	{"reconnect", reconnect},
	{"lame duck", lameDuck},
	{"round trip", roundTrip},
}

// TestGo goes through the checks with nats.go, on one server.
func TestGo(t *testing.T) {
	server := start(t)
	for _, c := range slices.Concat(checks, storeChecks, consumerChecks) {
		t.Run(c.name, func(t *testing.T) { c.check(t, server) })
	}
}

func connect(t *testing.T, server *testkit.Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(0, 0),
	}, append(tlsOptions(server), options...)...)
	nc, err := nats.Connect(server.URL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func subscribe(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func publish(t *testing.T, nc *nats.Conn, subject string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := nc.Publish(subject, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t *testing.T, connections ...*nats.Conn) {
	t.Helper()
	for _, nc := range connections {
		if err := nc.FlushTimeout(testkit.Patience); err != nil {
			t.Fatal(err)
		}
	}
}

// expect fails the test unless these payloads come next.
func expect(t *testing.T, sub *nats.Subscription, texts ...string) {
	t.Helper()
	for _, want := range texts {
		message, err := sub.NextMsg(testkit.Patience)
		if err != nil {
			t.Fatalf("wait for %.40q: %v", want, err)
		}
		if got := string(message.Data); got != want {
			t.Fatalf("got %.40q instead of %.40q", got, want)
		}
	}
}

func numbers(count int) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = strconv.Itoa(i)
	}
	return texts
}

func publishAndSubscribe(t *testing.T, server *testkit.Server) {
	a, b := connect(t, server), connect(t, server)
	first, second := subscribe(t, a, "news"), subscribe(t, b, "news")
	flush(t, a, b)
	publish(t, a, "news", "hello", "", "ünïcödé")
	expect(t, first, "hello", "", "ünïcödé")
	expect(t, second, "hello", "", "ünïcödé")
}

func wildcards(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	one, rest := subscribe(t, nc, "w.*.z"), subscribe(t, nc, "w.>")
	for _, subject := range []string{"w.a.z", "w.z", "w.a.b.z", "v.a.z", "w.b.z"} {
		publish(t, nc, subject, subject)
	}
	expect(t, one, "w.a.z", "w.b.z")
	expect(t, rest, "w.a.z", "w.z", "w.a.b.z", "w.b.z")
}

func queueGroups(t *testing.T, server *testkit.Server) {
	const members, messages = 4, 2_000
	var mu sync.Mutex
	shares := make([]int, members)
	seen := make(map[string]int)
	for i := range members {
		nc := connect(t, server)
		_, err := nc.QueueSubscribe("work", "workers", func(m *nats.Msg) {
			mu.Lock()
			defer mu.Unlock()
			shares[i]++
			seen[string(m.Data)]++
		})
		if err != nil {
			t.Fatal(err)
		}
		flush(t, nc)
	}
	publisher := connect(t, server)
	publish(t, publisher, "work", numbers(messages)...)
	testkit.Eventually(t, "all messages to arrive", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == messages
	})
	for text, count := range seen {
		if count != 1 {
			t.Errorf("message %s came %d times", text, count)
		}
	}
	if slices.Min(shares) < messages/members/2 {
		t.Errorf("the shares are %v", shares)
	}
}

// serveRequests answers requests by what answer makes of their payload.
func serveRequests(t *testing.T, nc *nats.Conn, subject string, answer func(string) string) {
	t.Helper()
	_, err := nc.QueueSubscribe(subject, "service", func(m *nats.Msg) {
		if err := m.Respond([]byte(answer(string(m.Data)))); err != nil {
			t.Errorf("respond: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, nc)
}

func requestAndReply(t *testing.T, server *testkit.Server) {
	client, service := connect(t, server), connect(t, server)
	serveRequests(t, service, "double", func(text string) string { return text + text })
	reply, err := client.Request("double", []byte("ab"), testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Data) != "abab" {
		t.Errorf("the reply is %q", reply.Data)
	}
}

func parallelRequests(t *testing.T, server *testkit.Server) {
	client, service := connect(t, server), connect(t, server)
	serveRequests(t, service, "twice", func(text string) string { return text + text })
	var all sync.WaitGroup
	for _, text := range numbers(1_000) {
		all.Go(func() {
			reply, err := client.Request("twice", []byte(text), testkit.Patience)
			if err != nil {
				t.Errorf("request %s: %v", text, err)
			} else if string(reply.Data) != text+text {
				t.Errorf("the reply to %s is %s", text, reply.Data)
			}
		})
	}
	all.Wait()
}

func noResponders(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	_, err := nc.Request("nobody.home", []byte("hello?"), testkit.Patience)
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("the error is %v", err)
	}
}

func headers(t *testing.T, server *testkit.Server) {
	client, service := connect(t, server), connect(t, server)
	_, err := service.Subscribe("echo", func(m *nats.Msg) {
		if err := m.RespondMsg(&nats.Msg{Header: m.Header, Data: m.Data}); err != nil {
			t.Errorf("respond: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, service)
	sent := nats.Header{"Colour": {"blue", "green"}, "x-lower-case": {"kept"}, "Empty": {""}}
	reply, err := client.RequestMsg(
		&nats.Msg{Subject: "echo", Header: sent, Data: []byte("body")}, testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Data) != "body" || !reflect.DeepEqual(reply.Header, sent) {
		t.Errorf("the reply is %q with %v", reply.Data, reply.Header)
	}
}

func unsubscribeAfter(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	limited, other := subscribe(t, nc, "limited"), subscribe(t, nc, "limited")
	if err := limited.AutoUnsubscribe(3); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, "limited", numbers(5)...)
	expect(t, other, numbers(5)...)
	expect(t, limited, numbers(3)...)
	if _, err := limited.NextMsg(testkit.Patience); !errors.Is(err, nats.ErrMaxMessages) {
		t.Errorf("after the last message the error is %v", err)
	}
}

func echoOff(t *testing.T, server *testkit.Server) {
	quiet, other := connect(t, server, nats.NoEcho()), connect(t, server)
	own, others := subscribe(t, quiet, "chat"), subscribe(t, other, "chat")
	flush(t, quiet, other)
	publish(t, quiet, "chat", "mine")
	flush(t, quiet)
	publish(t, other, "chat", "yours")
	expect(t, own, "yours")
	expect(t, others, "mine", "yours")
}

func largestPayload(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	sub := subscribe(t, nc, "large")
	payload := bytes.Repeat([]byte("\r\n\x00\xff"), int(nc.MaxPayload())/4)
	publish(t, nc, "large", string(payload))
	expect(t, sub, string(payload))
	if err := nc.Publish("large", append(payload, 'x')); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("one byte more brings the error %v", err)
	}
}

func order(t *testing.T, server *testkit.Server) {
	const count = 100_000
	publisher, subscriber := connect(t, server), connect(t, server, nats.SyncQueueLen(count))
	sub := subscribe(t, subscriber, "order")
	flush(t, subscriber)
	publish(t, publisher, "order", numbers(count)...)
	flush(t, publisher)
	expect(t, sub, numbers(count)...)
}

// gather collects payloads in a callback.
func gather(t *testing.T, nc *nats.Conn, subject string) (sub *nats.Subscription, got func() string) {
	t.Helper()
	var mu sync.Mutex
	var texts []string
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		texts = append(texts, string(m.Data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return sub, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(texts, " ")
	}
}

func drainSubscription(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	sub, got := gather(t, nc, "drain")
	publish(t, nc, "drain", numbers(100)...)
	if err := sub.Drain(); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, "drain", "too late")
	flush(t, nc)
	testkit.Eventually(t, "the subscription to end", func() bool { return !sub.IsValid() })
	if want := strings.Join(numbers(100), " "); got() != want {
		t.Errorf("got %s", got())
	}
}

func drainConnection(t *testing.T, server *testkit.Server) {
	leaving, staying := connect(t, server), connect(t, server)
	_, got := gather(t, leaving, "drain")
	others := subscribe(t, staying, "drain")
	flush(t, staying)
	publish(t, leaving, "drain", numbers(100)...)
	if err := leaving.Drain(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the connection to close", leaving.IsClosed)
	if want := strings.Join(numbers(100), " "); got() != want {
		t.Errorf("got %s", got())
	}
	expect(t, others, numbers(100)...)
}

func reconnect(t *testing.T, server *testkit.Server) {
	back := make(chan struct{})
	nc := connect(t, server, nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	sub := subscribe(t, nc, "still.here")
	publish(t, nc, "still.here", "before")
	flush(t, nc)
	restart(server)
	wait(t, "the reconnection", back)
	publish(t, nc, "still.here", "after")
	expect(t, sub, "before", "after")
}

func lameDuck(t *testing.T, server *testkit.Server) {
	told, back := make(chan struct{}), make(chan struct{})
	nc := connect(t, server,
		nats.LameDuckModeHandler(func(*nats.Conn) { close(told) }),
		nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	sub := subscribe(t, nc, "still.here")
	flush(t, nc)
	retire(t, server)
	wait(t, "the news of lame duck mode", told)
	wait(t, "the reconnection", back)
	publish(t, nc, "still.here", "after")
	expect(t, sub, "after")
}

func wait(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(testkit.Patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

func roundTrip(t *testing.T, server *testkit.Server) {
	nc := connect(t, server, nats.Name("round trip"))
	if _, err := nc.RTT(); err != nil {
		t.Error(err)
	}
	if got := nc.ConnectedServerVersion(); !strings.HasPrefix(got, "2.15.") {
		t.Errorf("the version is %s", got)
	}
	if got, want := nc.ConnectedAddr(), server.Addr(); got != want {
		t.Errorf("connected to %s instead of %s", got, want)
	}
	if fmt.Sprint(nc.DiscoveredServers()) != "[]" {
		t.Errorf("one server alone tells of %v", nc.DiscoveredServers())
	}
}
