package stream

import (
	"fmt"
	"slices"
	"strings"
)

// modelDead are the dead letters of a consumerModel.
type modelDead struct {
	last    uint64
	letters []DeadLetter
	hidden  map[uint64]bool // messages that nobody wants, but for their dead letters
	taken   map[uint64]bool // by ID, of another stream
}

func (d *modelDead) holds(seq uint64) bool {
	return slices.ContainsFunc(d.letters, func(l DeadLetter) bool { return l.Seq == seq })
}

func (c *modelConsumer) target() string { return c.cfg.Metadata[MetaDeadLetter] }

func (m *consumerModel) lives(seq uint64) bool {
	_, ok := m.message(seq)
	return ok
}

// bury makes a dead letter if c has a stream for it.
func (m *consumerModel) bury(c *modelConsumer, a AckItem, count uint32) {
	msg, ok := m.message(a.Seq)
	if !ok || c.target() == "" {
		return
	}
	m.dead.last++
	l := DeadLetter{
		ID: m.dead.last, Target: c.target(), Consumer: c.cfg.Name, Reason: DeadMaxDeliver, Deliveries: max(1, count),
		Seq: a.Seq, Subject: msg.subject, Time: msg.time,
	}
	if a.Kind == AckTerm {
		l.Reason, l.Detail = DeadTerminated, string(a.Reason)
	}
	m.dead.letters = append(m.dead.letters, l)
}

// removeUnwanted is removeIf for messages that nobody wants: those that are dead letters are hidden.
func (m *consumerModel) removeUnwanted(unwanted func(consumerMessage) bool) {
	if m.dead.hidden == nil {
		m.dead.hidden = map[uint64]bool{}
	}
	var gone []uint64
	for _, msg := range m.messages {
		switch {
		case m.dead.hidden[msg.seq] || !unwanted(msg):
		case m.dead.holds(msg.seq):
			m.dead.hidden[msg.seq] = true
		default:
			gone = append(gone, msg.seq)
		}
	}
	m.removeIf(func(msg consumerMessage) bool { return slices.Contains(gone, msg.seq) })
}

// relayed takes letters out.
func (m *consumerModel) relayed(r Relayed) {
	m.dead.letters = slices.DeleteFunc(m.dead.letters, func(l DeadLetter) bool {
		return l.Target == r.Target && slices.Contains(r.IDs, l.ID)
	})
	m.removeIf(func(msg consumerMessage) bool { return m.dead.hidden[msg.seq] && !m.dead.holds(msg.seq) })
}

func (d *modelDead) show(b *strings.Builder) {
	for _, target := range []string{"DEAD", "MORGUE"} {
		for _, l := range d.letters {
			if l.Target == target {
				fmt.Fprintln(b, l)
			}
		}
	}
}

// shownDead is the same of a State.
func shownDead(b *strings.Builder, s *State) {
	n := 0
	for target := range s.OutboxQueues() {
		for l := range s.DeadLetters(target, 0) {
			fmt.Fprintln(b, *l)
			n++
		}
	}
	if n != s.Outbox() {
		fmt.Fprintln(b, "but counts", s.Outbox())
	}
}

// relay takes some of the letters for a target out, and now and then some that are not there.
func (r *consumerRun) relay() {
	c := Relayed{Target: r.pick([]string{"DEAD", "MORGUE"})}
	for id := uint64(1); id <= r.model.dead.last+1; id++ {
		if r.rng.IntN(2) == 0 {
			c.IDs = append(c.IDs, id)
		}
	}
	r.apply(c)
	r.model.relayed(c)
}

// deposit brings a dead letter of another stream, or brings it again.
func (r *consumerRun) deposit() {
	m := &r.model
	c := &Deposit{Origin: [16]byte{7}, ID: 1 + r.rng.Uint64N(50), Append: Append{Span: 1, Subject: []byte(r.pick(modelSubjects))}}
	reply := r.apply(c)
	if m.dead.taken == nil {
		m.dead.taken = map[uint64]bool{}
	}
	if reply.Duplicate != m.dead.taken[c.ID] {
		r.t.Fatalf("%v\n%+v", r.log[len(r.log)-1], reply)
	}
	if m.dead.taken[c.ID] {
		return
	}
	result := m.publish(string(c.Subject), r.now)
	r.expect(reply, result)
	m.dead.taken[c.ID] = result == "ok"
}
