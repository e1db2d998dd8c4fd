package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// mourner uses one stream whose consumer gives up messages, and knows what must become of them.
type mourner struct {
	name, target string
	retention    stream.Retention
	next         int
	sent         map[string]bool
	bodies       map[uint64]string // of messages that were acknowledged to their publisher
	answered     map[uint64]stream.AckKind
	confirmed    map[uint64]bool // the answer was confirmed
	done         map[uint64]bool // it may have been acknowledged, or purged
}

func newMourner(name, target string, retention stream.Retention) *mourner {
	return &mourner{
		name: name, target: target, retention: retention, sent: map[string]bool{}, bodies: map[uint64]string{},
		answered: map[uint64]stream.AckKind{}, confirmed: map[uint64]bool{}, done: map[uint64]bool{},
	}
}

// open returns the stream and the number of its consumer, which it creates if need be.
func (m *mourner) open(n *node) (*stream.ConsumerView, *Stream) {
	s := n.Stream(account, m.name)
	if s == nil {
		if s, _, _ = n.tryCreate(m.name, func(c *stream.Config) { c.Retention = m.retention }); s == nil {
			return nil, nil
		}
	}
	if s.Config() == nil {
		return nil, nil // the process died while the stream was created
	}
	cfg := stream.ConsumerConfig{Durable: "c", Ack: stream.AckExplicit, AckWait: time.Hour}
	deadTo(m.target)(&cfg)
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		n.t.Fatal(err)
	}
	if s.Propose(stream.AddConsumer{Config: checked}.Encode(nil), false).Err != nil {
		return nil, nil // the process is dead
	}
	var view stream.ConsumerView
	s.View(func(state *stream.State) { view, _ = state.Consumer("c") })
	return &view, s
}

// step publishes, or gives messages to a client and answers for it.
func (m *mourner) step(n *node, rnd *rand.Rand) {
	view, s := m.open(n)
	switch {
	case view == nil:
	case rnd.IntN(3) == 0:
		for range 1 + rnd.IntN(5) {
			m.publish(s, 10+rnd.IntN(2000))
		}
	case m.retention == stream.Limits && rnd.IntN(8) == 0:
		before := 1 + rnd.Uint64N(s.Info().Last+1)
		s.Propose(stream.Purge{Before: before}.Encode(nil), true)
	default:
		m.answer(s, view, rnd)
	}
}

func (m *mourner) publish(s *Stream, size int) {
	m.next++
	id := m.name + strconv.Itoa(m.next)
	m.sent[id] = true
	a := message(m.name, id, size)
	if r := s.Propose(a.Encode(nil), false); r.Err == nil {
		m.bodies[r.Seq] = string(a.Body)
	}
}

// answer delivers messages and answers some of these and of those before.
func (m *mourner) answer(s *Stream, view *stream.ConsumerView, rnd *rand.Rand) {
	d := &stream.Delivered{Consumer: view.Number}
	var waiting []uint64
	s.View(func(state *stream.State) {
		src := state.Source(view.Number)
		dseq := view.Delivered.Consumer
		for seq, ok := src.Next(view.Delivered.Stream + 1); ok && len(d.At) < 6; seq, ok = src.Next(seq + 1) {
			dseq++
			d.At = append(d.At, stream.Delivery{Seq: seq, DSeq: dseq, Count: 1})
			waiting = append(waiting, seq)
		}
		for p := range src.Pending() {
			waiting = append(waiting, p.Seq)
		}
	})
	if len(d.At) > 0 && s.Propose(d.Encode(nil), false).Err != nil {
		return
	}
	a := &stream.Ack{Consumer: view.Number}
	kinds := []stream.AckKind{stream.AckDone, stream.AckTerm, stream.AckAbandon}
	for _, seq := range waiting {
		if rnd.IntN(2) == 0 {
			kind := kinds[rnd.IntN(3)]
			a.Acks = append(a.Acks, stream.AckItem{Kind: kind, Seq: seq})
			m.answered[seq] = kind
			m.done[seq] = m.done[seq] || kind == stream.AckDone
		}
	}
	r := s.Propose(a.Encode(nil), false)
	for i := range a.Acks {
		m.confirmed[a.Acks[i].Seq] = r.Err == nil && r.Acks[i] == stream.AckApplied
	}
}

// check compares what is in the target with what is known, once all is relayed. relaxed: what was confirmed may be lost.
func (m *mourner) check(n *node, relaxed bool) error {
	s, dead := n.Stream(account, m.name), n.Stream(account, m.target)
	if s == nil {
		return nil
	}
	empty := func() (empty bool) {
		s.View(func(state *stream.State) { empty = state.Outbox() == 0 })
		return empty
	}
	if dead == nil {
		dead = n.create(m.target)
	}
	n.await(m.name+" to be relayed", empty)
	letters, err := m.read(dead)
	if err != nil {
		return err
	}
	for seq, kind := range m.answered {
		if _, told := letters[seq]; m.confirmed[seq] && !relaxed && told != (kind != stream.AckDone) {
			return fmt.Errorf("%s %d was answered with %v, and is a dead letter: %v", m.name, seq, kind, told)
		}
	}
	for seq := uint64(1); seq <= s.Info().Last && m.retention == stream.WorkQueue; seq++ {
		_, _, err := s.Read(seq, nil)
		_, told := letters[seq]
		switch {
		case err == nil && told:
			return fmt.Errorf("%s %d is there, and a dead letter", m.name, seq)
		case errors.Is(err, ErrNotFound) && !told && !m.done[seq]:
			return fmt.Errorf("%s %d is lost", m.name, seq)
		}
	}
	return nil
}

// read returns the dead letters of the stream by their sequences.
func (m *mourner) read(dead *Stream) (map[uint64]string, error) {
	letters := map[uint64]string{}
	err := dead.each(func(l *Message) error {
		if field(l.Header, "Myelin-Dead-Stream") != m.name {
			return nil
		}
		seq, err := strconv.ParseUint(field(l.Header, "Myelin-Dead-Sequence"), 10, 64)
		body, twice := letters[seq]
		lost := field(l.Header, "Myelin-Dead-Lost") == "true"
		switch {
		case err != nil || twice:
			return fmt.Errorf("says %q after %q: %v", l.Header, cut0([]byte(body)), err)
		case lost && m.retention == stream.WorkQueue:
			return fmt.Errorf("lost its body: %q", l.Header)
		case !lost && !m.sent[cut0(l.Body)] || m.bodies[seq] != "" && !lost && m.bodies[seq] != string(l.Body):
			return fmt.Errorf("is %q instead of %q", cut0(l.Body), cut0([]byte(m.bodies[seq])))
		}
		letters[seq] = string(l.Body)
		return nil
	})
	return letters, err
}

// cut0 is the text before the first zero.
func cut0(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// Consumers give up messages while the process dies at a random operation, the system with it or not. No dead letter is
// lost and none comes twice; a message leaves a work queue when its dead letter is there, and not before. One of the targets
// is absent until there was a crash.
func TestDeadLettersThroughCrashes(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		disk := vfs.NewMem()
		all := []*mourner{newMourner("A", "DEAD", stream.WorkQueue), newMourner("B", "DEAD", stream.Limits), newMourner("C", "LATE", stream.WorkQueue)}
		relaxed := seed%3 == 2
		relax := func(o *Options) {
			if o.TailBytes = 1 << 20; relaxed {
				o.SyncEvery = 2 * time.Millisecond
			}
		}
		for life := range 5 {
			process := vfs.NewFault(disk)
			process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: rnd.IntN(400), Err: vfs.ErrKilled})
			if n, err := open(t, process, relax); err == nil {
				if n.Stream(account, "DEAD") == nil {
					_, _, _ = n.tryCreate("DEAD")
				}
				for range 30 {
					all[rnd.IntN(len(all))].step(n, rnd)
				}
				_ = n.Close()
			}
			if rnd.IntN(3) == 0 {
				disk = disk.Crash(vfs.ProcessDeath)
			} else {
				disk = disk.Crash(vfs.PowerLoss(rnd.Uint64()))
			}
			n := mustOpen(t, disk, relax)
			for _, m := range all {
				if err := m.check(n, relaxed); err != nil {
					t.Fatalf("life %d: %v\n%s", life, err, n.logs.all())
				}
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
