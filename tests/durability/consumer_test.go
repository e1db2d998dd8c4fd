package durability

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A readership is one consumer, and what its clients have said.
type readership struct {
	stream, name string
	ledger       *ledger // of a work queue, which lets go of what is acknowledged; nil: it is none

	mu        sync.Mutex
	asked     map[uint64]bool // acknowledged; true when confirmed
	complaint []string
}

// A client pulls and acknowledges messages for as long as its connection lasts.
type client struct {
	*readership
	double bool // it asks for an answer to most acknowledgements
}

const (
	longWait   = 10 * time.Minute // for acknowledgements: what is given again is given so for another reason
	pulled     = 100              // messages at once
	silentEach = 10               // one in so many messages is not acknowledged
)

// serve adds a consumer with two clients.
func (w *world) serve(js jetstream.JetStream, stream string, l *ledger) {
	config := jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: longWait, MaxAckPending: -1}
	if _, err := js.CreateConsumer(w.t.Context(), stream, config); err != nil {
		w.t.Fatalf("create a consumer of %s: %v", stream, err)
	}
	r := &readership{stream: stream, name: "c", ledger: l, asked: map[uint64]bool{}}
	w.readerships = append(w.readerships, r)
	w.clients = append(w.clients, &client{r, true}, &client{r, false})
}

func (r *readership) complain(format string, args ...any) {
	r.complaint = append(r.complaint, r.stream+" > "+r.name+": "+fmt.Sprintf(format, args...))
}

// given notes a delivery.
func (r *readership) given(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked[seq] {
		r.complain("%d is given again, its acknowledgement was confirmed", seq)
	}
}

// acknowledged notes an acknowledgement that goes out, or that it is confirmed.
func (r *readership) acknowledged(seq uint64, confirmed bool) {
	r.mu.Lock()
	r.asked[seq] = r.asked[seq] || confirmed
	r.mu.Unlock()
	switch {
	case r.ledger == nil:
	case confirmed:
		r.ledger.deleteConfirmed(seq)
	default:
		r.ledger.deleteAsked(seq)
	}
}

// sequence is the stream sequence in the reply subject of a delivery, 0 if m is none.
func sequence(m *nats.Msg) uint64 {
	tokens := strings.Split(m.Reply, ".")
	if len(tokens) != 9 {
		return 0
	}
	seq, _ := strconv.ParseUint(tokens[5], 10, 64)
	return seq
}

// run pulls and acknowledges until the connection is gone.
func (r *client) run(c *connection) error {
	inbox := nats.NewInbox()
	messages, acks := make(chan *nats.Msg, 4*pulled), make(chan *nats.Msg, 4*pulled)
	if _, err := c.ChanSubscribe(inbox+".get", messages); err != nil {
		return c.unlessGone(err)
	}
	if _, err := c.ChanSubscribe(inbox+".ack.*", acks); err != nil {
		return c.unlessGone(err)
	}
	pull := func() error {
		body := fmt.Appendf(nil, `{"batch":%d,"expires":%d}`, pulled, int64(time.Second))
		return c.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+r.stream+"."+r.name, inbox+".get", body)
	}
	if err := pull(); err != nil {
		return c.unlessGone(err)
	}
	for left := pulled; ; {
		select {
		case m := <-messages:
			seq := sequence(m)
			if left--; seq == 0 || left == 0 { // a status ends a request
				left = pulled
				if err := pull(); err != nil {
					return c.unlessGone(err)
				}
			}
			if err := r.take(c, m, seq, inbox); err != nil {
				return c.unlessGone(err)
			}
		case m := <-acks:
			if seq, err := strconv.ParseUint(m.Subject[len(inbox)+len(".ack."):], 10, 64); err == nil && m.Header == nil {
				r.acknowledged(seq, true)
			}
		case <-c.gone:
			return nil
		}
	}
}

// take acknowledges a message, mostly.
func (r *client) take(c *connection, m *nats.Msg, seq uint64, inbox string) error {
	if seq == 0 {
		return nil
	}
	r.given(seq)
	switch {
	case seq%silentEach == 0:
		return nil
	case r.double && seq%3 != 0:
		r.acknowledged(seq, false)
		return c.PublishRequest(m.Reply, fmt.Sprint(inbox, ".ack.", seq), []byte("+ACK"))
	}
	r.acknowledged(seq, false)
	return c.Publish(m.Reply, nil)
}

// consumerInfo is what a server says of a consumer.
type consumerInfo struct {
	Error     *struct{ Description string }
	Delivered struct {
		Stream uint64 `json:"stream_seq"`
	}
	Floor struct {
		Stream uint64 `json:"stream_seq"`
	} `json:"ack_floor"`
	Pending    int `json:"num_pending"`
	AckPending int `json:"num_ack_pending"`
}

func (r *readership) info(c *connection) (info consumerInfo, err error) {
	reply, err := c.request("$JS.API.CONSUMER.INFO."+r.stream+"."+r.name, nil)
	if err == nil {
		err = json.Unmarshal(reply.Data, &info)
	}
	if err == nil && info.Error != nil {
		err = fmt.Errorf("%s", info.Error.Description)
	}
	return info, err
}

// check compares what the consumer says with what was found in the stream and what clients know.
func (r *readership) check(c *connection, found contents) []string {
	info, err := r.info(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.complain("%v", err)
		return r.complaint
	}
	least, most := 0, 0 // messages that are still to be given
	behind := 0
	for seq := range found.messages {
		confirmed, asked := r.asked[seq]
		if !confirmed {
			most++
		}
		if !asked {
			least++
		}
		if seq > info.Delivered.Stream {
			behind++
		}
	}
	if left := info.Pending + info.AckPending; left < least || left > most || r.ledger != nil && left != len(found.messages) {
		r.complain("%d and %d messages are left, and there are %d to %d of %d", info.Pending, info.AckPending, least, most, len(found.messages))
	}
	if info.Pending != behind {
		r.complain("%d messages are pending, and %d are behind %d", info.Pending, behind, info.Delivered.Stream)
	}
	for seq := range found.messages {
		if _, asked := r.asked[seq]; !asked && seq <= info.Floor.Stream {
			r.complain("the floor is %d, and nobody has acknowledged %d", info.Floor.Stream, seq)
		}
	}
	return r.complaint
}

// drain has the consumer give all that is left, without waiting for acknowledgements of before, and compares that with
// what clients know.
func (w *world) drain(r *readership) {
	c := connect(w.t, w.server, &w.ending)
	js, err := jetstream.New(c.Conn)
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := readAll(c, r.stream)
	if err != nil {
		w.t.Fatal(err)
	}
	consumer, err := js.UpdateConsumer(w.t.Context(), r.stream, jetstream.ConsumerConfig{
		Durable: r.name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 50 * time.Millisecond, MaxAckPending: -1,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	given := map[uint64]bool{}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if info, err := r.info(c); err != nil || info.Pending+info.AckPending == 0 {
			break
		}
		batch, err := consumer.Fetch(pulled, jetstream.FetchMaxWait(200*time.Millisecond))
		if err != nil {
			w.t.Fatal(err)
		}
		for m := range batch.Messages() {
			if meta, err := m.Metadata(); err == nil {
				given[meta.Sequence.Stream] = true
			}
			if err := m.Ack(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(found.messages)) {
		switch confirmed, asked := r.asked[seq]; {
		case confirmed && given[seq]:
			r.complain("%d is given, its acknowledgement was confirmed", seq)
		case !asked && !given[seq]:
			r.complain("%d is not acknowledged, and not given again", seq)
		}
	}
	if left, err := readAll(c, r.stream); r.ledger != nil && (err != nil || left.count > 0) {
		r.complain("%d messages are left, and acknowledged: %v", left.count, err)
	}
	w.report(r.complaint)
}

// A readership whose consumer was told less than its clients, or more, is found out.
func TestTheReadershipIsHeldAgainstTheConsumer(t *testing.T) {
	w := newWorld(t, 1)
	w.work(func() { w.end(0) })
	if complaints := w.verify(); len(complaints) > 0 {
		t.Fatal(complaints)
	}
	r := w.readerships[0]
	some := false
	for seq, confirmed := range r.asked {
		if confirmed && !some {
			delete(r.asked, seq)
			some = true
		}
	}
	for _, r := range w.readerships[1:] {
		for seq := range uint64(1_000_000) {
			if _, asked := r.asked[seq+1]; !asked {
				r.asked[seq+1] = true // of what was never acknowledged, or never there
				break
			}
		}
	}
	if complaints := w.verify(); len(complaints) == 0 {
		t.Error("nothing is found")
	}
}
