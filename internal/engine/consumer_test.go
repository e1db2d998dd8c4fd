package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// post is a Courier of all streams that keeps what it is to send.
type post struct {
	mu   sync.Mutex
	got  []sent
	said []string // statuses and events
	wake chan struct{}
}

// sent is a delivery.
type sent struct {
	consumer, to, body string
	consumer.Delivery
}

func newPost() *post { return &post{wake: make(chan struct{}, 1)} }

func (p *post) Open(c *Consumer) ConsumerOutlet { return &mailbox{p, c} }
func (p *post) Rest()                           {}
func (p *post) Flush() []router.Dest {
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

type mailbox struct {
	*post
	c *Consumer
}

func (m *mailbox) AckPrefix() int { return 10 }
func (m *mailbox) Deliver(d *consumer.Delivery, msg *Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, sent{m.c.Name(), string(d.To), string(msg.Body), *d})
}
func (m *mailbox) Status(s *consumer.Status)         { m.say("%s: %d %s", s.To, s.Code, s.Text) }
func (m *mailbox) Refused(to []byte, problem string) { m.say("%s: 400 %s", to, problem) }
func (m *mailbox) Advise(a *consumer.Advisory) {
	m.say("%s advises %d of %d", m.c.Name(), a.Kind, a.Seq)
}
func (m *mailbox) Created() { m.say("%s created", m.c.Name()) }
func (m *mailbox) Dropped() { m.say("%s dropped", m.c.Name()) }
func (m *mailbox) say(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, fmt.Sprintf(format, args...))
}

// await waits until so many messages were delivered, and takes them.
func (n *node) delivered(count int) []sent {
	n.t.Helper()
	p := n.post
	for {
		p.mu.Lock()
		if got := p.got; len(got) >= count {
			p.got = nil
			p.mu.Unlock()
			return got
		}
		have := len(p.got)
		p.mu.Unlock()
		select {
		case <-p.wake:
		case <-time.After(patience):
			n.t.Fatalf("%d of %d deliveries; said %q", have, count, p.said)
		}
	}
}

// heard waits until something was said, and forgets all that was.
func (n *node) heard(text string) {
	n.t.Helper()
	n.await(text, func() bool {
		n.post.mu.Lock()
		defer n.post.mu.Unlock()
		for _, said := range n.post.said {
			if said == text {
				n.post.said = nil
				return true
			}
		}
		return false
	})
}

func (n *node) consumer(s *Stream, name string, change ...func(*stream.ConsumerConfig)) *Consumer {
	n.t.Helper()
	cfg := stream.ConsumerConfig{Name: name, Durable: name, Ack: stream.AckExplicit}
	for _, c := range change {
		c(&cfg)
	}
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		n.t.Fatal(err)
	}
	c, _, err := s.AddConsumer(checked, stream.ConsumerEither)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// ask gathers what clients say and pushes it.
func (n *node) ask(gather func(b *router.Batch)) {
	p := n.routes.Publisher(nil)
	gather(&p.Batch)
	p.Flush()
}

// listen has somebody listen to a subject.
func (n *node) listenTo(subject string) *router.Sub {
	sub := &router.Sub{Pattern: subject, Sink: deaf{}}
	n.routes.Subscribe(sub)
	return sub
}

type deaf struct{}

func (deaf) Deliver(*router.Message, *router.Batch) bool { return true }

func (n *node) pull(c *Consumer, r consumer.Request) {
	n.ask(func(b *router.Batch) { c.Pull(b, &r) })
}

func (n *node) status(c *Consumer) ConsumerStatus {
	n.t.Helper()
	st, ok := c.Status()
	if !ok {
		n.t.Fatalf("consumer %s is gone", c.Name())
	}
	return st
}

// Messages that are pulled and acknowledged are not delivered again, also not after a restart; the others are.
func TestPullAndAck(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs)
	s := n.create("A")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.AckWait = time.Hour })
	n.listenTo("inbox")
	n.publish("A.x", 10, 20)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 6, Expires: int64(time.Minute)})
	got := n.delivered(6)
	for i, d := range got {
		if d.Seq != uint64(i+1) || d.DSeq != uint64(i+1) || d.Count != 1 || d.to != "inbox" || d.Pending != uint64(9-i) {
			t.Errorf("delivery %d: %+v", i, d)
		}
	}
	if st := n.status(c); st.View.NumPending != 4 || st.View.NumAckPending != 6 || st.View.Delivered.Stream != 6 || st.Waiting != 0 {
		t.Errorf("after the deliveries: %+v", st)
	}
	n.ask(func(b *router.Batch) {
		for seq := range uint64(3) {
			c.Acknowledge(b, fmt.Appendf(nil, "ok.%d", seq), &stream.AckItem{Kind: stream.AckDone, Seq: seq + 1})
		}
		c.Acknowledge(b, []byte("never"), &stream.AckItem{Kind: stream.AckDone, Seq: 1000, DSeq: 7})
		c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: 5})
	})
	n.acks.wait(t, 3)
	if st := n.status(c); st.View.NumAckPending != 2 || st.View.Floor.Stream != 3 {
		t.Errorf("after the acks: %+v", st.View)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	n = mustOpen(t, fs)
	s = n.Stream(account, "A")
	c = s.Consumer("c")
	n.listenTo("inbox")
	if st := n.status(c); st.View.NumAckPending != 2 || st.View.Floor.Stream != 3 || st.View.NumPending != 4 {
		t.Errorf("after the restart: %+v", st.View)
	}
	n.ask(func(b *router.Batch) {
		c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckNak, Seq: 4})
		c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 5, Expires: int64(time.Minute)})
	})
	got = n.delivered(5)
	if got[0].Seq != 7 && got[0].Seq != 4 || n.status(c).View.NumAckPending != 6 {
		t.Errorf("%+v", got)
	}
}

// A push consumer delivers while somebody listens.
func TestPushWhileSomebodyListens(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.DeliverSubject = "to"; c.Ack = stream.AckNone })
	n.publish("A.x", 3, 20)
	if st := n.status(c); st.Listening || st.View.NumPending != 3 {
		t.Errorf("%+v", st)
	}
	sub := n.listenTo("to")
	n.delivered(3)
	n.publish("A.x", 5, 20)
	n.delivered(5)
	if st := n.status(c); !st.Listening || st.View.NumPending != 0 || st.View.Floor.Stream != 8 {
		t.Errorf("%+v", st)
	}
	n.routes.Unsubscribe(sub)
	n.publish("A.x", 1, 20)
	if st := n.status(c); st.Listening || st.View.NumPending != 1 {
		t.Errorf("%+v", st)
	}
}

// Consumers come, change and go; who waits is told.
func TestConsumersComeAndGo(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A")
	c := n.consumer(s, "c")
	n.heard("c created")
	n.listenTo("inbox")
	n.ask(func(b *router.Batch) {
		c.Refuse(b, []byte("inbox"), "Bad")
		c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 1, NoWait: true})
	})
	n.heard("inbox: 404 No Messages")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(20 * time.Millisecond)})
	n.heard("inbox: 408 Request Timeout")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
	if err := s.PauseConsumer("c", time.Now().Add(time.Hour).UnixNano()); err != nil {
		t.Fatal(err)
	}
	n.publish("A.x", 3, 20)
	if st := n.status(c); st.Waiting != 1 || st.View.NumAckPending != 0 || st.View.PausedUntil() == 0 {
		t.Errorf("paused: %+v", st)
	}
	if err := s.PauseConsumer("c", 0); err != nil {
		t.Fatal(err)
	}
	n.delivered(1)
	if begun, err := s.ResetConsumer("c", 2); err != nil || begun.Delivered.Stream != 1 {
		t.Errorf("reset: %+v %v", begun, err)
	}
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 3, Expires: int64(time.Hour)})
	if got := n.delivered(2); got[0].Seq != 2 || got[0].DSeq != 1 || got[1].Seq != 3 {
		t.Errorf("after the reset: %+v", got)
	}
	if err := s.DropConsumer("c"); err != nil {
		t.Fatal(err)
	}
	n.heard("inbox: 409 Consumer Deleted")
	if err := s.DropConsumer("c"); err == nil || s.Consumer("c") != nil {
		t.Error("dropped twice")
	}
	if _, ok := c.Status(); ok {
		t.Error("status of what is gone")
	}
}

// A consumer that nobody wants goes by itself, and a message that nobody acknowledges comes again.
func TestConsumersInTime(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.WorkQueue })
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) {
		c.Durable, c.Inactive, c.AckWait, c.MaxDeliver = "", 200*time.Millisecond, 10*time.Millisecond, 2
	})
	n.listenTo("inbox")
	n.publish("A.x", 1, 20)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 2, Expires: int64(100 * time.Millisecond)})
	if got := n.delivered(2); got[1].Count != 2 || got[1].DSeq != 2 {
		t.Errorf("%+v", got)
	}
	n.heard(fmt.Sprintf("c advises %d of 1", consumer.MaxDeliver))
	n.heard("c dropped")
	n.await("the name to be free", func() bool { return s.Consumer("c") == nil })
}

// A work queue loses what is acknowledged, and only that.
func TestWorkQueue(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs)
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.WorkQueue })
	c := n.consumer(s, "c")
	n.listenTo("inbox")
	n.publish("A.x", 100, 2000)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 100, Expires: int64(time.Minute)})
	n.delivered(100)
	n.ask(func(b *router.Batch) {
		for seq := range uint64(99) {
			c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: seq + 1})
		}
	})
	n.await("the acknowledged to go", func() bool { return s.Info().Messages == 1 })
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpen(t, fs)
	if info := n.Stream(account, "A").Info(); info.Messages != 1 || info.First != 100 {
		t.Errorf("%+v", info)
	}
}

// Messages of one key go out one after the other, also after a restart; others do not wait for them.
func TestOrderByKey(t *testing.T) {
	for _, key := range []string{"subject:2", "header:Key"} {
		fs := vfs.NewMem()
		n := mustOpen(t, fs)
		s := n.create("A")
		c := n.consumer(s, "c", func(c *stream.ConsumerConfig) {
			c.AckWait, c.Metadata = time.Hour, map[string]string{stream.MetaOrderKey: key}
		})
		n.listenTo("inbox")
		p := n.routes.Publisher(nil)
		for i, k := range []string{"x", "x", "y", "x", "z"} {
			p.Publish(&router.Message{
				Subject: []byte("A." + k), Header: []byte("NATS/1.0\r\nKey: " + k + "\r\n\r\n"), Reply: fmt.Appendf(nil, "r.%d", i),
			})
		}
		p.Flush()
		n.acks.wait(t, 5)
		pull := func(want ...uint64) {
			t.Helper()
			n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 5, Expires: int64(time.Minute)})
			for i, d := range n.delivered(len(want)) {
				if d.Seq != want[i] || d.Count != 1 {
					t.Errorf("%s: delivered %+v, want %v", key, d, want)
				}
			}
		}
		pull(1, 3, 5)
		if st := n.status(c); st.View.NumAckPending != 3 || st.View.NumPending != 2 {
			t.Errorf("%s: %+v", key, st.View)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = mustOpen(t, fs)
		s = n.Stream(account, "A")
		c = s.Consumer("c")
		n.listenTo("inbox")
		ack := func(seq uint64) {
			n.ask(func(b *router.Batch) { c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: seq}) })
		}
		ack(3)
		ack(1)
		pull(2)
		ack(2)
		n.delivered(1)
		if st := n.status(c); st.View.NumAckPending != 2 || st.View.NumPending != 0 {
			t.Errorf("%s: %+v", key, st.View)
		}
	}
}

// Where messages go with their delivery, they are sent first.
func TestMessagesGoOnceTheyAreSent(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.Interest })
	n.listenTo("to")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.DeliverSubject, c.Ack = "to", stream.AckNone })
	const count = 300
	n.publish("A.x", count, 20)
	for i, got := range n.delivered(count) {
		if got.Seq != uint64(i+1) {
			t.Fatalf("message %d instead of %d", got.Seq, i+1)
		}
	}
	n.await("all to be removed", func() bool { return s.Info().Messages == 0 })
	if st := n.status(c); st.View.Delivered.Stream != count || st.View.Floor.Stream != count {
		t.Errorf("%+v", st)
	}
	if _, err := s.ResetConsumer("c", 1); err != nil {
		t.Fatal(err)
	}
	n.publish("A.x", 3, 20)
	if got := n.delivered(3); got[0].DSeq != 1 || got[2].Seq != count+3 {
		t.Errorf("after a reset: %+v", got)
	}
	n.await("all to be removed again", func() bool { return s.Info().Messages == 0 })
}

// Whoever was given a message finds it counted, also where the machine hears of that only once it was sent.
func TestStatusCountsWhatWasSent(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.Interest })
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.Ack = stream.AckNone })
	n.listenTo("inbox")
	for i := range uint64(100) {
		n.publish("A.x", 1, 20)
		n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Minute)})
		n.delivered(1)
		if st := n.status(c); st.View.Delivered.Consumer != i+1 || st.View.NumPending != 0 {
			t.Fatalf("after %d deliveries: %+v", i+1, st.View)
		}
	}
}
