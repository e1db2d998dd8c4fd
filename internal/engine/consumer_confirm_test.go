package engine

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// pauses is a post that holds each delivery until it is let through.
type pauses struct {
	*post
	begun chan bool
	gate  chan struct{}
}

func (p *pauses) Open(c *Consumer) ConsumerOutlet { return &pausing{&mailbox{p.post, c}, p} }

type pausing struct {
	*mailbox
	of *pauses
}

func (p *pausing) Deliver(d *consumer.Delivery, m *Message) {
	select {
	case p.of.begun <- true:
	default:
	}
	<-p.of.gate
	p.mailbox.Deliver(d, m)
}

// newPauses starts a node with a stream that keeps what is wanted, of which a consumer without acknowledgements is being sent ten
// messages A.x. In front of each there is one of each of the other subjects, which another consumer wants.
func newPauses(t *testing.T, fs vfs.FS, others ...string) (n *node, c *Consumer, p *pauses) {
	p = &pauses{newPost(), make(chan bool, 1), make(chan struct{})}
	n = mustOpen(t, fs, func(o *Options) { o.Courier = func(*Stream) Courier { return p } })
	n.post = p.post
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.Interest })
	c = n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.Ack, c.FilterSubject = stream.AckNone, "A.x" })
	n.listenTo("inbox")
	n.consumer(s, "other")
	for range 10 {
		for _, subject := range append(others, "A.x") {
			n.publish(subject, 1, 20)
		}
	}
	go n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 10, Expires: int64(time.Hour)})
	<-p.begun
	return n, c, p
}

// What was being sent when a consumer was reset is not taken as delivered behind that.
func TestSentBeforeAReset(t *testing.T) {
	n, c, p := newPauses(t, vfs.NewMem())
	if _, err := c.stream.ResetConsumer("c", 1); err != nil {
		t.Fatal(err)
	}
	close(p.gate)
	n.delivered(10)
	if v := n.status(c).View; v.NumPending != 10 || v.Delivered.Stream != 0 {
		t.Errorf("%+v", v)
	}
}

// Nor is what was being sent while the reset was under way.
func TestSentDuringAReset(t *testing.T) {
	disk := newGated()
	n, c, p := newPauses(t, disk)
	gate, answer := disk.shut(), make(chan stream.Reply, 1)
	c.stream.events.do(func() {
		c.stream.dispatch.change("c", stream.ResetConsumer{Name: "c", Seq: 1}.Encode(nil), func(r stream.Reply) { answer <- r })
	})
	c.stream.turns()
	close(p.gate)
	n.delivered(10)
	n.await("all to be sent", func() bool { return c.transit.deliveries.Load() == 0 })
	c.stream.turns()
	close(gate)
	if r := <-answer; r.Err != nil {
		t.Fatal(r.Err)
	}
	if v := n.status(c).View; v.NumPending != 10 || v.Delivered.Stream != 0 {
		t.Errorf("%+v", v)
	}
}

// Who goes leaves nothing behind: neither a time nor a place among those who wait.
func TestWhoGoesIsForgotten(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A")
	c := n.consumer(s, "c")
	n.listenTo("inbox")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
	left := func() (timers, hungry, watches int) {
		done := make(chan bool)
		s.turns()
		s.events.do(func() {
			timers, hungry, watches = s.dispatch.timers.heap.Len(), len(s.dispatch.hungry), len(s.dispatch.consumers)
			close(done)
		})
		<-done
		return timers, hungry, watches
	}
	if a, b, c := left(); a != 1 || b != 1 || c != 1 {
		t.Errorf("%d %d %d", a, b, c)
	}
	if err := s.DropConsumer("c"); err != nil {
		t.Fatal(err)
	}
	if a, b, c := left(); a != 0 || b != 0 || c != 0 {
		t.Errorf("%d %d %d are left", a, b, c)
	}
}

// Who asks how a consumer is waits for what is being sent.
func TestStatusWaitsForWhatIsBeingSent(t *testing.T) {
	_, c, p := newPauses(t, vfs.NewMem())
	told := make(chan bool, 1)
	c.stream.events.do(func() {
		c.stream.dispatch.whenSent([]*Consumer{c}, func() { told <- true }, func() { told <- false })
	})
	c.stream.turns()
	if len(told) > 0 {
		t.Error("nobody has waited")
	}
	close(p.gate)
	if !<-told {
		t.Error("the stream is closed")
	}
}

// An acknowledgement that comes behind a reset is not confirmed: the message is delivered again.
func TestAcknowledgementsBehindAReset(t *testing.T) {
	disk := newGated()
	n := mustOpen(t, disk)
	s := n.create("A")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.AckWait = time.Hour })
	n.listenTo("inbox")
	n.publish("A.x", 5, 20)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 5, Expires: int64(time.Hour)})
	n.delivered(5)
	n.status(c)
	gate, answer := disk.shut(), make(chan stream.Reply, 1)
	s.events.do(func() {
		s.dispatch.change("c", stream.ResetConsumer{Name: "c", Seq: 3}.Encode(nil), func(r stream.Reply) { answer <- r })
	})
	s.turns()
	n.ask(func(b *router.Batch) {
		for seq := range uint64(5) {
			c.Acknowledge(b, fmt.Appendf(nil, "ok.%d", seq+1), &stream.AckItem{Kind: stream.AckDone, Seq: seq + 1})
		}
	})
	s.turns()
	close(gate)
	if r := <-answer; r.Err != nil {
		t.Fatal(r.Err)
	}
	if v := n.status(c).View; v.NumPending != 3 {
		t.Errorf("%+v", v)
	}
	got := n.acks.wait(t, 2)
	s.turns()
	n.acks.mu.Lock()
	defer n.acks.mu.Unlock()
	maps.Copy(got, n.acks.got)
	for seq := range uint64(5) {
		if _, confirmed := got[fmt.Sprintf("ok.%d", seq+1)]; confirmed != (seq+1 < 3) {
			t.Errorf("the acknowledgement of %d is confirmed: %v", seq+1, confirmed)
		}
	}
}

// A consumer that the same entry of the log creates and drops never was.
func TestConsumerThatComesAndGoesAtOnce(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A")
	checked, err := stream.CheckConsumer(stream.ConsumerConfig{Durable: "c", Ack: stream.AckExplicit}, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan stream.Reply, 2)
	s.events.do(func() {
		s.propose(stream.AddConsumer{Config: checked}.Encode(nil), false, func(r stream.Reply) { answers <- r })
		s.propose(stream.DropConsumer{Name: "c"}.Encode(nil), false, func(r stream.Reply) { answers <- r })
	})
	for range 2 {
		if r := <-answers; r.Err != nil {
			t.Error(r.Err)
		}
	}
	s.turns()
	if c := s.Consumer("c"); c != nil || s.Err() != nil {
		t.Errorf("it is there: %v; %v", c != nil, s.Err())
	}
}

// What was being sent when the filter changed is of the old one, and says nothing of what the new one takes.
func TestSentBeforeAnotherFilter(t *testing.T) {
	n, c, p := newPauses(t, vfs.NewMem(), "A.y")
	cfg := *c.Config()
	cfg.FilterSubject = "A.y"
	if _, _, err := c.stream.AddConsumer(&cfg, stream.ConsumerUpdate); err != nil {
		t.Fatal(err)
	}
	close(p.gate)
	n.delivered(10)
	if v := n.status(c).View; v.NumPending != 10 || v.Delivered.Stream != 0 {
		t.Errorf("%+v", v)
	}
}

// What is removed before it is sent is not sent.
func TestRemovedBeforeItIsSent(t *testing.T) {
	n, c, p := newPauses(t, vfs.NewMem())
	n.publish("A.x", 2, 20)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 2, Expires: int64(time.Hour)})
	c.stream.turns()
	if on := c.transit.deliveries.Load(); on != 12 {
		t.Fatalf("%d are on their way", on)
	}
	if r := c.stream.DeleteMessage(11, false); r.Err != nil {
		t.Fatal(r.Err)
	}
	close(p.gate)
	if got := n.delivered(11); len(got) != 11 || got[10].Seq != 12 {
		t.Errorf("%d messages, at last %+v", len(got), got[len(got)-1])
	}
}
