package jetstream

import (
	"testing"

	"myelin/internal/auth"
	"myelin/internal/consumer"
	"myelin/internal/engine"
	"myelin/internal/router"
)

// An acknowledgement, an answer to flow control and a delivery allocate nothing on their way through this package.
func TestMessagesOfConsumersDoNotAllocate(t *testing.T) {
	x := newEngineTester(t)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["s.>"]}`)
	x.request("$JS.API.CONSUMER.CREATE.S.C", "", `{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}`)
	x.request("$JS.API.CONSUMER.CREATE.S.F", "",
		`{"stream_name":"S","config":{"durable_name":"F","deliver_subject":"d","flow_control":true,"idle_heartbeat":1000000000,"headers_only":true}}`)
	d := x.api.doors["$G"]
	batch := x.session.Batch()
	ack, flow := &acks{d}, &flows{d}
	message := func(subject, reply, body string) *router.Message {
		return &router.Message{Subject: []byte(subject), Reply: []byte(reply), Payload: []byte(body)}
	}
	known, unknown := "$JS.ACK.S.C.1.1.1.1795278430995351356.5", "$JS.ACK.S.X.1.1.1.1795278430995351356.5"
	next := []byte("S.C")
	for _, c := range []struct {
		what  string
		m     *router.Message
		take  func(m *router.Message) bool
		taken bool
	}{
		{"an acknowledgement", message(known, "", "+ACK"), func(m *router.Message) bool { return ack.Deliver(m, batch) }, true},
		{"a negative one", message(known, "_I.1", `-NAK {"delay": 1000}`), func(m *router.Message) bool { return ack.Deliver(m, batch) }, true},
		{"one that nobody knows", message(unknown, "_I.1", ""), func(m *router.Message) bool { return ack.Deliver(m, batch) }, false},
		{"an answer to flow control", message("$JS.FC.S.F.abcd", "", ""), func(m *router.Message) bool { return flow.Deliver(m, batch) }, true},
		{"a request for a number of messages", message("", "_I.1", "10"), func(m *router.Message) bool { return d.pull(next, m, batch) }, true},
	} {
		n := testing.AllocsPerRun(1000, func() {
			if c.take(c.m) != c.taken {
				t.Fatalf("%s is taken: %v", c.what, !c.taken)
			}
		})
		if n > 0 {
			t.Errorf("%s takes %v allocations", c.what, n)
		}
	}
	s := x.api.engine.Stream(auth.GlobalAccount, "S").(*engine.Stream)
	courier := x.api.CourierOf(s)
	for _, name := range []string{"C", "F"} {
		outlet := courier.Open(s.Consumer(name))
		delivery := &consumer.Delivery{Seq: 1, DSeq: 1, Count: 1, To: []byte("nobody")}
		stored := &Message{Seq: 1, Time: 1, Subject: []byte("s.a"), Header: []byte("NATS/1.0\r\nK: v\r\n\r\n"), Body: []byte("text")}
		send := func() { outlet.Deliver(delivery, stored) }
		send()
		if n := testing.AllocsPerRun(1000, send); n > 0 {
			t.Errorf("a delivery of %s takes %v allocations", name, n)
		}
	}
}
