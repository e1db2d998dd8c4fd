package engine

import (
	"fmt"
	"slices"
	"strconv"

	"myelin/internal/stream"
)

// letter is a dead letter: of which consumer, about which message.
type letter struct {
	consumer string
	seq      uint64
}

// relayed returns when all dead letters are where they belong.
func (m *market) relayed() {
	if !m.buries {
		return
	}
	if m.n.Stream(account, deadStream) == nil {
		m.n.create(deadStream)
	}
	for _, p := range m.shops {
		s := m.n.Stream(account, p.name)
		m.n.await(p.name+" to be relayed", func() (empty bool) {
			if s == nil || s.Err() != nil {
				return true
			}
			s.View(func(state *stream.State) { empty = state.Outbox() == 0 })
			return empty
		})
	}
}

// checkLetters finds whether the dead letters are those that are due, and that may be.
func (m *market) checkLetters(due map[letter]bool) error {
	if !m.buries {
		return nil
	}
	times := map[letter]uint64{}
	if err := m.n.Stream(account, deadStream).each(func(l *Message) error {
		seq, err := strconv.ParseUint(field(l.Header, "Myelin-Dead-Sequence"), 10, 64)
		if err != nil {
			return fmt.Errorf("%q: %w", l.Header, err)
		}
		for _, p := range m.shops {
			for _, k := range p.customers {
				if k.name == field(l.Header, "Myelin-Dead-Consumer") && p.name == field(l.Header, "Myelin-Dead-Stream") && !p.memory {
					times[letter{k.name, seq}]++
					if err := k.checkLetter(l, seq, times[letter{k.name, seq}]); err != nil {
						return fmt.Errorf("dead letter of %s, %d: %w", k.name, seq, err)
					}
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, p := range m.shops {
		for _, k := range p.customers {
			for seq := range k.buried {
				due[letter{k.name, seq}] = k.dead && !p.memory
			}
		}
	}
	for l, is := range due {
		if is && times[l] == 0 {
			return fmt.Errorf("no dead letter of %s, %d", l.consumer, l.seq)
		}
	}
	return nil
}

// checkLetter looks at the dead letter that is the n-th of its message.
func (k *customer) checkLetter(l *Message, seq, n uint64) error {
	most := uint64(1) // what leaves a work queue does not come back
	if k.shop.retention != stream.WorkQueue {
		most = max(1, k.births)
	}
	reason, count := field(l.Header, "Myelin-Dead-Reason"), field(l.Header, "Myelin-Dead-Deliveries")
	text, known := k.shop.subjects[seq]
	switch {
	case n > most:
		return fmt.Errorf("is there %d times, and began %d times", n, k.births)
	case !k.dead:
		return fmt.Errorf("is of one that has none")
	case reason == "max_deliver" && count != strconv.Itoa(k.tries) && !k.moves:
		return fmt.Errorf("was delivered %s times", count)
	case known && !k.shop.lossy && text != string(l.Subject) && field(l.Header, "Myelin-Dead-Subject") != text:
		return fmt.Errorf("has subject %s, %q", l.Subject, l.Header)
	case field(l.Header, "Myelin-Dead-Lost") != "" && k.shop.retention != stream.Limits && !k.shop.removed[seq] && !k.shop.lossy:
		return fmt.Errorf("lost its message")
	}
	return nil
}

// passes reports whether a consumer leaves messages behind that its filter takes again later.
func (p *shop) passes(name string) bool {
	return slices.ContainsFunc(p.customers, func(k *customer) bool { return k.name == name && k.moves })
}

// checkLeft finds whether somebody wants what is left when all is acknowledged: what was delivered as often as may be, and what
// in a work queue nobody is for.
func (p *shop) checkLeft(s *Stream) (err error) {
	if p.retention == stream.Limits {
		return nil
	}
	s.View(func(state *stream.State) {
		wanted := map[uint64]bool{}
		for view := range state.Consumers() {
			for pending := range state.Source(view.Number).Pending() {
				wanted[pending.Seq] = pending.Abandoned
			}
			if p.retention != stream.WorkQueue {
				continue
			}
			now := customer{filters: view.Config.Filters()}
			for seq, ok := state.NextLive(1); ok; seq, ok = state.NextLive(seq + 1) {
				if msg, _ := state.Get(seq); now.wants(string(msg.Subject)) && !wanted[seq] && !p.passes(view.Config.Name) {
					err = fmt.Errorf("%s keeps %d, which nobody wants; %+v", p.name, seq, view)
				}
			}
		}
		for seq, ok := state.NextLive(1); ok && p.retention == stream.Interest; seq, ok = state.NextLive(seq + 1) {
			if !wanted[seq] {
				err = fmt.Errorf("%s keeps %d, which nobody wants", p.name, seq)
			}
		}
	})
	return err
}
