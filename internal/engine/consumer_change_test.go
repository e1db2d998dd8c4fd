package engine

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// gated is a disk whose syncs wait to be let through once it is shut.
type gated struct {
	*vfs.Fault
	gate atomic.Pointer[chan struct{}]

	waiting atomic.Int32 // syncs

	mu    sync.Mutex
	syncs map[string]int // by file
	only  string         // the file whose syncs wait; empty: those of all
}

func newGated() *gated {
	g := &gated{Fault: vfs.NewFault(vfs.NewMem()), syncs: map[string]int{}}
	g.OnOp = func(op vfs.Op) error {
		if op.Kind != vfs.OpSync {
			return nil
		}
		g.mu.Lock()
		g.syncs[op.Name]++
		waits, gate := g.only == "" || g.only == op.Name, g.gate.Load() // as they were together
		g.mu.Unlock()
		if gate != nil && waits {
			g.waiting.Add(1)
			<-*gate
			g.waiting.Add(-1)
		}
		return nil
	}
	return g
}

// shutBusiest is shut for the file alone that was synced most often.
func (g *gated) shutBusiest() (gate chan struct{}) {
	g.mu.Lock()
	for name, n := range g.syncs {
		if n > g.syncs[g.only] {
			g.only = name
		}
	}
	g.mu.Unlock()
	return g.shut()
}

func (g *gated) shut() (gate chan struct{}) {
	gate = make(chan struct{})
	g.gate.Store(&gate)
	return gate
}

// turns returns when the stream has taken some turns.
func (s *Stream) turns() {
	for range 3 {
		taken := make(chan bool)
		s.events.do(func() { close(taken) })
		<-taken
	}
}

// What is asked for while the filter is about to change is delivered by the new one.
func TestDeliverWhileTheFilterChanges(t *testing.T) {
	disk := newGated()
	n := mustOpen(t, disk)
	s := n.create("A")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.FilterSubject = "A.a" })
	n.listenTo("inbox")
	for _, subject := range []string{"A.a", "A.b", "A.a", "A.b", "A.b"} {
		n.publish(subject, 1, 20)
	}
	cfg := *c.Config()
	cfg.FilterSubject = "A.b"
	gate, changed := disk.shut(), make(chan stream.Reply, 1)
	go func() { changed <- s.ProposeConsumer(stream.AddConsumer{Config: &cfg, Action: stream.ConsumerUpdate}) }()
	n.await("the change to be proposed", func() bool {
		under := make(chan bool, 1)
		s.events.do(func() { under <- s.events.group.WaitingBytes() > 0 })
		return <-under
	})
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 10, Expires: int64(time.Hour)})
	s.turns()
	close(gate)
	if r := <-changed; r.Err != nil {
		t.Fatal(r.Err)
	}
	got := n.delivered(3)
	if st := n.status(c); len(got) != 3 || got[0].Seq != 2 || st.View.NumAckPending != 3 || st.View.NumPending != 0 {
		t.Errorf("%+v after %+v", st.View, got)
	}
}

// Of two resets that are under way the later one holds, and what is delivered between them skips nothing.
func TestTwoResets(t *testing.T) {
	disk := newGated()
	n := mustOpen(t, disk)
	s := n.create("A")
	c := n.consumer(s, "c")
	n.publish("A.x", 10, 20)
	n.listenTo("inbox")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 100, Expires: int64(time.Hour)})
	n.delivered(10)
	n.status(c)
	s.Propose(stream.Tick{}.Encode(nil), true) // behind which nothing is left to be synced
	gate, first, second := disk.shutBusiest(), make(chan stream.Reply, 1), make(chan stream.Reply, 1)
	reset := func(seq uint64, answer chan stream.Reply) {
		s.events.do(func() {
			s.dispatch.change("c", stream.ResetConsumer{Name: "c", Seq: seq}.Encode(nil), func(r stream.Reply) { answer <- r })
		})
		s.turns()
	}
	reset(8, first)
	n.await("it to be on its way to the disk", func() bool { return disk.waiting.Load() == 1 })
	reset(2, second)
	gate <- struct{}{} // the first is on the disk, and the second waits for it
	if r := <-first; r.Err != nil {
		t.Fatal(r.Err)
	}
	s.turns()
	close(gate)
	if r := <-second; r.Err != nil {
		t.Fatal(r.Err)
	}
	n.await("all to be delivered", func() bool { return n.status(c).View.Delivered.Stream == 10 })
	if st := n.status(c); st.View.NumAckPending != 9 || st.View.Delivered.Consumer != 9 || st.View.Floor.Stream != 1 {
		t.Errorf("%+v", st.View)
	}
}

// A disk that is so full that not even deliveries and acknowledgements can be noted loses nothing, and goes on when there is space.
func TestConsumersOnAFullDisk(t *testing.T) {
	const space = 3 << 20
	disk := vfs.NewFault(vfs.NewMem())
	disk.SetSpace(space)
	n := mustOpen(t, disk, func(o *Options) { o.LogBytes = 128 << 10 }) // so that there is little in reserve
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.WorkQueue })
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.AckWait, c.MaxAckPending = 100*time.Millisecond, -1 })
	n.listenTo("inbox")
	var refused atomic.Bool
	publish := func() {
		s.Append(stream.Append{Span: 1, Subject: []byte("A.x"), Body: make([]byte, 1000)}, func(r stream.Reply) {
			if r.Err != nil {
				refused.Store(true)
			}
		})
		s.turns()
	}
	for !refused.Load() {
		publish()
	}
	again := func(kind stream.AckKind) (got []sent) {
		n.post.mu.Lock()
		got, n.post.got = n.post.got, nil
		n.post.mu.Unlock()
		n.ask(func(b *router.Batch) {
			for _, d := range got {
				c.Acknowledge(b, nil, &stream.AckItem{Kind: kind, Seq: d.Seq})
			}
			for range 4 { // of which each proposes by itself
				c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 100, NoWait: true})
			}
		})
		s.turns()
		return got
	}
	stalls := 0
	for round := 0; stalls < 20 && round < 1000; round++ { // a stall may be over before it is seen
		publish()
		again(stream.AckNak)
		s.events.do(func() {
			if s.events.group.Stalled() {
				stalls++
				disk.SetSpace(space + int64(stalls%2)<<13)
			}
		})
		s.turns()
	}
	disk.SetSpace(-1)
	n.await("the log to take something", func() bool {
		return s.Propose((&stream.Append{Span: 1, Subject: []byte("A.x")}).Encode(nil), false).Err == nil
	})
	given := map[uint64]bool{}
	n.await("all to be acknowledged", func() bool {
		for _, d := range again(stream.AckDone) {
			given[d.Seq] = true
		}
		return s.Info().Messages == 0
	})
	if last := s.Info().Last; uint64(len(given)) != last {
		t.Errorf("%d messages were given of %d", len(given), last)
	}
	if st := n.status(c); st.View.NumPending != 0 || st.View.NumAckPending != 0 || st.View.Floor.Stream != s.Info().Last {
		t.Errorf("%+v", st.View)
	}
}

// A delivery that finds no room among what is proposed is dropped, and so is a smaller one that was decided behind it: all comes again.
func TestDeliveriesBehindOneThatIsDropped(t *testing.T) {
	const messages, many = 40, 30
	w := newCrowd(t, messages)
	w.fill(many * 2) // bytes; so many deliveries take more
	w.s.events.do(func() { w.c.frozen++ })
	w.s.turns()
	w.ask(many)
	w.s.events.do(func() {
		w.c.frozen--
		w.s.dispatch.stir(w.c) // behind this turn, so that what follows is heard in the next
		w.pull(w.c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
	})
	w.s.turns()
	close(w.gate)
	w.await("what was dropped", func() bool {
		w.ask(messages)
		v := w.status(w.c).View
		return v.NumPending == 0 && v.NumAckPending == messages
	})
}

// A change of a consumer that is being created holds deliveries back, too: what is asked for between the two is delivered by the
// later one, and nothing is left out.
func TestChangeWhileAConsumerIsCreated(t *testing.T) {
	disk := newGated()
	n := mustOpen(t, disk)
	s := n.create("A", func(c *stream.Config) { c.Retention = stream.Interest })
	n.consumer(s, "other")
	n.listenTo("inbox")
	for range 5 {
		n.publish("A.a", 1, 20)
		n.publish("A.b", 1, 20)
	}
	gate, answers := disk.shutBusiest(), make(chan stream.Reply, 2)
	for _, filter := range []string{"A.a", "A.b"} {
		cfg := stream.ConsumerConfig{Durable: "c", Ack: stream.AckExplicit, AckWait: time.Hour, FilterSubject: filter}
		checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
		if err != nil {
			t.Fatal(err)
		}
		under := s.waitingBytes()
		go func() { answers <- s.ProposeConsumer(stream.AddConsumer{Config: checked}) }()
		n.await("it to be proposed", func() bool { return s.waitingBytes() > under && disk.waiting.Load() == 1 })
	}
	gate <- struct{}{} // the first is on the disk, and the second waits for it
	n.await("the consumer", func() bool { return s.Consumer("c") != nil })
	c := s.Consumer("c")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 100, Expires: int64(time.Hour)})
	s.turns()
	close(gate)
	for range 2 {
		if r := <-answers; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	given := map[uint64]bool{}
	for _, d := range n.delivered(5) {
		given[d.Seq] = true
	}
	for seq := uint64(2); seq <= 10; seq += 2 {
		if !given[seq] {
			t.Errorf("%d is not delivered: %v, %+v", seq, given, n.status(c).View)
		}
	}
}

// waitingBytes is how much is proposed and not answered.
func (s *Stream) waitingBytes() int {
	answer := make(chan int, 1)
	s.turns()
	s.events.do(func() { answer <- s.events.group.WaitingBytes() })
	return <-answer
}
