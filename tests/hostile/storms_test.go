package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stormy are publishes that mean nothing to a consumer c of a stream A, which was given 1 to 5 of it.
var stormy = []struct{ subject, payload string }{
	{"$JS.ACK.A.c.1.999.1.123456.0", "+ACK"},
	{"$JS.ACK.A.c.1.6.6.1.0", "+ACK"},
	{"$JS.ACK.A.c.1.6.6.1.0", "-NAK"},
	{"$JS.ACK.A.c.1.18446744073709551615.1.1.0", "+TERM"},
	{"$JS.ACK.A.c.1.99999999999999999999999.1.1.0", "+ACK"},
	{"$JS.ACK.A.c.-1.-2.-3.-4.-5", "+ACK"},
	{"$JS.ACK.A.c.x.y.z.v.w", "+ACK"},
	{"$JS.ACK.A.c.1.1", "+ACK"},
	{"$JS.ACK.A.c", "+ACK"},
	{"$JS.ACK.A", ""},
	{"$JS.ACK", ""},
	{"$JS.ACK.A.c.1.1.1.1.1.1.1.1.1.1.1.1.1", "+ACK"},
	{"$JS.ACK._.A2B3C4.A.c.1.1.1.1.1.r", "+ACK"},
	{"$JS.ACK.A.none.1.1.1.123456.0", "+ACK"},
	{"$JS.ACK.B.c.1.1.1.123456.0", "+ACK"},
	{"$JS.ACK.A.c.1.1.1.123456.0", "nonsense"},
	{"$JS.ACK.A.c.1.9.9.123456.0", `+NXT {"batch":-5,`},
	{"$JS.ACK.A.c.1.9.9.123456.0", `-NAK {"delay":"x"}`},
	{"$JS.FC.A.c.token", ""},
	{"$JS.FC.A", ""},
	{"$JS.API.CONSUMER.MSG.NEXT.A.none", `{"batch":1}`},
	{"$JS.API.CONSUMER.MSG.NEXT.none.c", `{"batch":1}`},
	{"$JS.API.CONSUMER.MSG.NEXT.A.c", `{"batch":10}`},
	{"$JS.API.CONSUMER.MSG.NEXT.A.c", `{"batch":`},
	{"$JS.API.CONSUMER.MSG.NEXT.A", ``},
	{"$JS.API.CONSUMER.MSG.NEXT.A.full r.x", `{"batch":10,"expires":3600000000000}`},
}

// Acknowledgements and requests that mean nothing to anybody, as fast as a client can send them, change no consumer, and those that
// publish to the same stream, and consume from it, are served.
func TestStormsAtConsumers(t *testing.T) {
	a := enter(t, fmt.Sprintf("max_pending: 8MB\nwrite_deadline: \"60s\"\njetstream { store_dir: %q }\n", t.TempDir()))
	nc, err := nats.Connect(a.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"A.*"}}); err != nil {
		t.Fatal(err)
	}
	consumers := map[string]jetstream.Consumer{}
	for name, config := range map[string]jetstream.ConsumerConfig{
		"c": {FilterSubject: "A.c"}, "full": {FilterSubject: "A.full", MaxWaiting: 2}, "neighbour": {FilterSubject: "A.n"},
	} {
		config.Durable, config.AckPolicy, config.AckWait = name, jetstream.AckExplicitPolicy, time.Hour
		if consumers[name], err = js.CreateConsumer(t.Context(), "A", config); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if _, err := js.Publish(t.Context(), "A.c", nil); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := consumers["c"].Fetch(5)
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() {
	}
	before := state(t, nc, "c")

	var block strings.Builder
	for block.Len() < 64*kilobyte {
		for _, s := range stormy {
			fmt.Fprintf(&block, "PUB %s %d\r\n%s\r\n", s.subject, len(s.payload), s.payload)
		}
	}
	const crew, blocks = 4, 20
	ended := make(chan error, crew)
	for range crew {
		p := a.join("")
		go func() {
			for range blocks {
				if err := p.send(block.String()); err != nil {
					ended <- err
					return
				}
			}
			if err := p.send("PING\r\n"); err != nil {
				ended <- err
				return
			}
			line, _, err := p.next() // the server has heard it all
			if err == nil && line != "PONG" {
				err = fmt.Errorf("got %q", line)
			}
			ended <- err
		}()
	}
	for running := crew; running > 0; {
		select {
		case err := <-ended:
			running--
			if err != nil {
				t.Errorf("a client that only sends is cut off: %v", err)
			}
		default:
			work(t, js, consumers["neighbour"])
		}
	}
	work(t, js, consumers["neighbour"])
	if after := state(t, nc, "c"); !bytes.Equal(before, after) {
		t.Errorf("the consumer was\n%s\nand is\n%s", before, after)
	}
	a.served()
}

// work publishes a message, and has it delivered and acknowledged.
func work(t *testing.T, js jetstream.JetStream, c jetstream.Consumer) {
	t.Helper()
	ack, err := js.Publish(t.Context(), "A.n", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != ack.Sequence {
		t.Fatalf("given %+v instead of %d: %v", meta, ack.Sequence, err)
	}
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// state is what the server says of a consumer, but for who waits and what time it is.
func state(t *testing.T, nc *nats.Conn, name string) []byte {
	t.Helper()
	reply, err := nc.Request("$JS.API.CONSUMER.INFO.A."+name, nil, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var info map[string]any
	if err := json.Unmarshal(reply.Data, &info); err != nil || info["error"] != nil {
		t.Fatalf("%s: %v", reply.Data, err)
	}
	delete(info, "ts")
	delete(info, "num_waiting")
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
