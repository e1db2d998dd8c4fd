package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// sharedStreams are two accounts, of which B reaches the streams of A.
const sharedStreams = `jetstream {store_dir: "HERE", domain: hub}
accounts {
 A {jetstream: enabled, users: [{user: a, password: p}]
  exports: [{service: "$JS.API.>", response: stream}, {service: "$JS.hub.API.>"}, {service: "$JS.FC.>"}, {service: "$JS.ACK.>"}, {stream: "dlv.>"}, {service: "$KV.>"}, {stream: "inbox.>"}]}
 B {jetstream: enabled, users: [{user: b, password: p}]
  imports: [{service: {account: A, subject: "$JS.API.>"}, to: "fromA.API.>"}, {service: {account: A, subject: "$JS.FC.>"}}
   {service: {account: A, subject: "$JS.ACK.>"}}, {stream: {account: A, subject: "dlv.>"}}, {service: {account: A, subject: "$KV.>"}, to: "fromA.API.$KV.>"}
   {stream: {account: A, subject: "inbox.>"}}]}
}
`

// patience bounds the life of a test that hangs. It is no expectation.
const patience = time.Minute

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (r *reloaded) stored(user string) (*nats.Conn, nats.JetStreamContext) {
	r.t.Helper()
	nc, _ := r.connect(nats.UserInfo(user, "p"))
	js, err := nc.JetStream()
	if err != nil {
		r.t.Fatal(err)
	}
	return nc, js
}

// Mirrors and sources copy streams of another account, and of this one by way of the domain, as their configuration asks for.
func TestExternalOrigins(t *testing.T) {
	r := fromFile(t, sharedStreams)
	_, a := r.stored("a")
	_, b := r.stored("b")
	if _, err := a.AddStream(&nats.StreamConfig{Name: "ORD", Subjects: []string{"ord.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.AddStream(&nats.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}, Retention: nats.WorkQueuePolicy}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddStream(&nats.StreamConfig{Name: "ORD", Subjects: []string{"own.>"}}); err != nil {
		t.Fatal(err)
	}
	const many = 3000
	body := strings.Repeat("x", 2000) // more than a window of flow control
	for i := range many {
		if _, err := a.PublishAsync(fmt.Sprintf("ord.%d", i%10), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	<-a.PublishAsyncComplete()
	for range 5 {
		if _, err := a.Publish("work.x", nil); err != nil {
			t.Fatal(err)
		}
	}
	external := &nats.ExternalStream{APIPrefix: "fromA.API", DeliverPrefix: "dlv.b"}
	for _, row := range []struct {
		config nats.StreamConfig
		in     nats.JetStreamContext
		want   uint64
	}{
		{nats.StreamConfig{Name: "M", Mirror: &nats.StreamSource{Name: "ORD", External: external}}, b, many},
		{nats.StreamConfig{Name: "F", Sources: []*nats.StreamSource{{Name: "ORD", FilterSubject: "ord.7", OptStartSeq: 1001, External: external}}}, b, 200},
		{nats.StreamConfig{Name: "W", Sources: []*nats.StreamSource{{Name: "WORK", External: external}}}, b, 5},
		{nats.StreamConfig{Name: "D", Mirror: &nats.StreamSource{Name: "ORD", Domain: "hub"}}, a, many},
	} {
		info, err := row.in.AddStream(&row.config)
		if err != nil {
			t.Fatal(err)
		}
		await(t, row.config.Name, func() bool {
			if info, err = row.in.StreamInfo(row.config.Name); err != nil {
				t.Fatal(err)
			}
			return info.State.Msgs == row.want
		})
		origin := info.Mirror
		if origin == nil {
			origin = info.Sources[0]
		}
		if origin.Error != nil || origin.Lag != 0 || origin.Active < 0 || origin.External == nil {
			t.Errorf("%s: %+v", row.config.Name, origin)
		}
	}
	await(t, "a work queue that is empty", func() bool {
		info, err := a.StreamInfo("WORK")
		return err == nil && info.State.Msgs == 0
	})
	// A source by a consumer that was made beforehand, to which somebody else listens, too.
	conns := map[string]*nats.Conn{}
	for _, user := range []string{"a", "b"} {
		conns[user], _ = r.connect(nats.UserInfo(user, "p"))
		if _, err := conns[user].Subscribe("dlv.>", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
	}
	for _, request := range []struct{ user, subject, body string }{
		{"a", "$JS.API.CONSUMER.CREATE.ORD.pre", `{"stream_name":"ORD","config":{"durable_name":"pre","deliver_subject":"dlv.b.pre",
			"ack_policy":"flow_control","flow_control":true,"idle_heartbeat":1000000000,"max_ack_pending":100,"opt_start_seq":2900,"deliver_policy":"by_start_sequence"}}`},
		{"b", "$JS.API.STREAM.CREATE.P", `{"name":"P","sources":[{"name":"ORD","external":{"api":"fromA.API","deliver":"dlv.b"},
			"consumer":{"name":"pre","deliver_subject":"dlv.b.pre"}}]}`},
	} {
		m, err := conns[request.user].Request(request.subject, []byte(request.body), 10*time.Second)
		if err != nil || strings.Contains(string(m.Data), `"error"`) {
			t.Fatalf("%s: %s %v", request.subject, m.Data, err)
		}
	}
	await(t, "a source by a consumer", func() bool {
		info, err := b.StreamInfo("P")
		return err == nil && info.State.Msgs == 101
	})
	if _, err := a.Publish("ord.7", []byte("last")); err != nil {
		t.Fatal(err)
	}
	await(t, "the last message", func() bool {
		m, err := b.GetLastMsg("F", "ord.7")
		return err == nil && string(m.Data) == "last" && strings.HasPrefix(m.Header.Get("Nats-Stream-Source"), "ORD:vVE0B7At 3001 ord.7 > ord.7 ")
	})
}
