package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// far is an origin in another account, as its API shows it.
type far struct {
	mu       sync.Mutex
	identity string
	bodies   []string
	refusal  *apierr.Error
	lose     map[uint64]int // how often sequences get lost on their way
	mute     bool           // everything that is delivered after the answer is lost
	requests []Request
	open     []*farConsumer
	flows    []uint64 // sequences up to which flow was answered
	durable  bool
	gone     []string
}

type farConsumer struct {
	far    *far
	to     Receiver
	next   uint64
	dseq   uint64
	closed bool
}

func (f *far) Consume(r *Request, to Receiver) Reception {
	f.mu.Lock()
	f.requests = append(f.requests, *r)
	c := &farConsumer{far: f, to: to, next: max(1, r.Config.StartSeq, r.After+1)}
	b := Begun{Err: f.refusal, Identity: f.identity, Pending: uint64(len(f.bodies)) - min(uint64(len(f.bodies)), c.next-1), Acknowledged: f.durable}
	if b.Err == nil {
		f.open = append(f.open, c)
	}
	f.mu.Unlock()
	to.Begun(b)
	f.deliver()
	return c
}

func (f *far) Dismiss(_, _, _, name string) { f.gone = append(f.gone, name) }

// store takes a message, and delivers it.
func (f *far) store(bodies ...string) {
	f.mu.Lock()
	f.bodies = append(f.bodies, bodies...)
	f.mu.Unlock()
	f.deliver()
}

// deliver sends what has not been sent yet.
func (f *far) deliver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		for ; c.next <= uint64(len(f.bodies)) && !c.closed; c.next++ {
			c.dseq++
			if f.mute || f.lose[c.next] > 0 {
				if f.lose[c.next] > 0 {
					f.lose[c.next]--
				}
				continue
			}
			c.to.Arrived(&Arrival{
				Seq: c.next, DSeq: c.dseq, Time: int64(c.next), Pending: uint64(len(f.bodies)) - c.next,
				Subject: []byte("far.x"), Body: []byte(f.bodies[c.next-1]),
			})
		}
	}
}

// beat sends heartbeats.
func (f *far) beat(flow string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		if c.closed {
			continue
		}
		c.to.Quiet(c.dseq)
		if flow != "" {
			c.to.Arrived(&Arrival{Flow: []byte(flow)})
		}
	}
}

func (f *far) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

func (c *farConsumer) Answer(flow []byte, seq, _ uint64) {
	c.far.mu.Lock()
	defer c.far.mu.Unlock()
	c.far.flows = append(c.far.flows, seq)
}

func (c *farConsumer) Close() {
	c.far.mu.Lock()
	defer c.far.mu.Unlock()
	c.closed = true
}

func external(s *stream.Source) { s.External = &stream.External{API: "far.API", Deliver: "to.here"} }

func withAbroad(f *far) func(*Options) { return func(o *Options) { o.Abroad = f } }

func bodies(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

// bodiesOf are those of the messages of a stream.
func bodiesOf(t testing.TB, s *Stream) string {
	var list []string
	for line := range strings.Lines(told(t, s, false)) {
		list = append(list, strings.Trim(line[strings.LastIndex(line, " ")+1:], "\"\n"))
	}
	return strings.Join(list, " ")
}

// A mirror of a stream in another account has its messages under the same sequences and times, through losses on the way
// and restarts.
func TestExternalMirror(t *testing.T) {
	disk := vfs.NewMem()
	f := &far{identity: "one", bodies: bodies(1, 700), lose: map[uint64]int{300: 1}}
	n := mustOpen(t, disk, withAbroad(f))
	m := n.create("M", mirrorOf("FAR", external))
	n.awaitLast(m, 700)
	if r := f.requests[0]; r.API != "far.API" || r.Stream != "FAR" || r.Account != account || !strings.HasPrefix(r.Config.DeliverSubject, "to.here.M.") ||
		!r.Config.Sourcing || !r.Config.Direct || r.Config.Metadata["_nats.mirror.stream"] != "M" {
		t.Errorf("%+v %+v", r, r.Config)
	}
	if f.asked() != 2 {
		t.Errorf("%d requests, and one loss", f.asked())
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.open {
		if !c.closed {
			t.Error("who is closed goes on listening")
		}
	}
	f.store(bodies(701, 710)...)
	n = mustOpen(t, disk, withAbroad(f))
	m = n.Stream(account, "M")
	n.awaitLast(m, 710)
	if got := bodiesOf(t, m); got != strings.Join(bodies(1, 710), " ") {
		t.Errorf("%.200s", got)
	}
	if last := f.requests[len(f.requests)-1].Config; last.StartSeq != 701 {
		t.Errorf("it goes on at %d", last.StartSeq)
	}
	if msg, _, err := m.Read(705, nil); err != nil || msg.Time != 705 {
		t.Errorf("%+v %v", msg, err)
	}
	if st := m.Origins()[0]; st.Lag != 0 || st.Active < 0 || st.Err != nil {
		t.Errorf("%+v", st)
	}
}

// Losses that no message follows are noticed by the next heartbeat.
func TestExternalHeartbeat(t *testing.T) {
	f := &far{identity: "one"}
	n := mustOpen(t, vfs.NewMem(), withAbroad(f))
	s := n.create("S", func(c *stream.Config) {
		c.Subjects, c.Sources = nil, []stream.Source{{Name: "FAR", FilterSubject: "far.>"}}
		external(&c.Sources[0])
	})
	n.await("a consumer", func() bool { return f.asked() == 1 })
	f.mu.Lock()
	f.mute = true
	f.mu.Unlock()
	f.store("a", "b")
	f.mu.Lock()
	f.mute = false
	f.mu.Unlock()
	f.beat("")
	n.awaitLast(s, 2)
	if got := told(t, s, false); !strings.Contains(got, "Nats-Stream-Source: FAR:") || !strings.Contains(got, " 2 far.> > far.x one") {
		t.Error(got)
	}
}

// An origin that was created again is copied from its beginning by a source.
func TestExternalIncarnation(t *testing.T) {
	f := &far{identity: "one", bodies: bodies(1, 3)}
	disk := vfs.NewMem()
	n := mustOpen(t, disk, withAbroad(f))
	sources := func(c *stream.Config) {
		c.Subjects, c.Sources = nil, []stream.Source{{Name: "FAR"}}
		external(&c.Sources[0])
	}
	n.awaitLast(n.create("S", sources), 3)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	f.identity, f.bodies = "two", []string{"new1", "new2", "new3", "new4"}
	n = mustOpen(t, disk, withAbroad(f))
	s := n.Stream(account, "S")
	n.awaitLast(s, 7)
	if got := bodiesOf(t, s); got != "m1 m2 m3 new1 new2 new3 new4" {
		t.Error(got)
	}
}

// What is refused here is proposed again until it is taken, and flow control waits for that; what is refused there is asked for
// again, and the status says why.
func TestExternalRefusals(t *testing.T) {
	f := &far{identity: "one", bodies: bodies(1, 5), refusal: apierr.StreamNotFound.Err()}
	n := mustOpen(t, vfs.NewMem(), withAbroad(f))
	s := n.create("S", func(c *stream.Config) {
		c.Subjects, c.Sources, c.MaxMsgs, c.Discard = nil, []stream.Source{{Name: "FAR"}}, 3, stream.DiscardNew
		external(&c.Sources[0])
	})
	status := func() OriginStatus { return s.Origins()[0] }
	n.await("why not", func() bool { err := status().Err; return err != nil && err.ErrCode == apierr.StreamNotFound })
	if st := status(); st.Active != -1 || st.Lag != 0 {
		t.Errorf("%+v", st)
	}
	f.mu.Lock()
	f.refusal = nil
	f.mu.Unlock()
	n.await("a full stream", func() bool { err := status().Err; return err != nil && err.ErrCode != apierr.StreamNotFound })
	f.beat("flow")
	n.awaitLast(s, 3)
	if f.mu.Lock(); len(f.flows) != 0 || status().Lag != 2 {
		t.Errorf("flow was answered, or the lag is %d", status().Lag)
	}
	f.mu.Unlock()
	s.Propose(stream.Purge{}.Encode(nil), true)
	n.awaitLast(s, 5)
	n.await("an answer", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.flows) == 1 && f.flows[0] == 0 })
	if got := bodiesOf(t, s); got != "m4 m5" {
		t.Error(got)
	}
	if f.asked() > 8 {
		t.Errorf("%d requests", f.asked())
	}
}

// A consumer that acknowledges stays: it is told what was taken, starts again where it is to, and goes with the stream.
func TestExternalAcknowledges(t *testing.T) {
	f := &far{identity: "one", bodies: bodies(1, 5), durable: true}
	n := mustOpen(t, vfs.NewMem(), withAbroad(f))
	s := n.create("S", func(c *stream.Config) {
		c.Subjects, c.Sources = nil, []stream.Source{{Name: "FAR"}}
		external(&c.Sources[0])
	})
	n.awaitLast(s, 5)
	f.beat("flow")
	n.await("an answer", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.flows) == 1 && f.flows[0] == 5 })
	f.mu.Lock()
	f.lose = map[uint64]int{6: 2} // also when it has started again
	f.mu.Unlock()
	f.store(bodies(6, 7)...)
	n.awaitLast(s, 7)
	if last := f.requests[len(f.requests)-1]; f.asked() != 3 || !last.Again || last.After != 5 {
		t.Errorf("%+v", last)
	}
	if err := n.Delete(account, "S"); err != nil {
		t.Fatal(err)
	}
	if len(f.gone) != 1 || f.gone[0] != f.requests[0].Config.Name {
		t.Errorf("%q is dismissed", f.gone)
	}
}
