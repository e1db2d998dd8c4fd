package engine

import (
	"testing"

	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// slow is a post whose clients do not read until they are let.
type slow struct {
	*post
	client *reader
}

func (s *slow) Flush() []router.Dest {
	s.post.Flush()
	return []router.Dest{s.client}
}

// For a client that does not read no more is decided than may be on its way, and when it reads, what was put aside comes in order.
func TestWhoDoesNotRead(t *testing.T) {
	const messages = 4 * maxTransit
	client := &reader{relief: make(chan struct{})}
	posted := newPost()
	n := mustOpen(t, vfs.NewMem(), func(o *Options) {
		o.Courier = func(*Stream) Courier { return &slow{posted, client} }
	})
	n.post = posted
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	n.publish("A.x", messages, 20)
	n.listenTo("to")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.DeliverSubject, c.Ack = "to", stream.AckNone })
	rests := func() bool { // it is held back, and nothing more comes of what was decided
		rests, d := make(chan bool, 1), s.dispatch.deliverer
		s.events.do(func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			rests <- c.transit.held.Load() && !d.working && c.stalled
		})
		return <-rests
	}
	n.await("as much to be decided as may be", rests)
	s.turns()
	if on := c.transit.deliveries.Load(); on != maxTransit {
		t.Errorf("%d deliveries are on their way", on)
	}
	stirred := make(chan bool, 1)
	s.events.do(func() { stirred <- c.stirred })
	if <-stirred {
		t.Error("it is looked after all the time")
	}
	if v := n.status(c).View; v.NumPending == 0 {
		t.Errorf("all is delivered: %+v", v)
	}
	close(client.relief)
	for i, d := range n.delivered(messages) {
		if d.Seq != uint64(i+1) {
			t.Fatalf("message %d instead of %d", d.Seq, i+1)
		}
	}
	if v := n.status(c).View; v.NumPending != 0 || v.Delivered.Consumer != messages {
		t.Errorf("%+v", v)
	}
}
