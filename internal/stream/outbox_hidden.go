package stream

import "myelin/internal/seqset"

// A message that nobody wants any more, but for its dead letters, is hidden: to consumers it is gone, and it goes with
// the last of these.

// release takes back one hold on a message, and reports whether the message was only there for that.
func (o *outbox) release(seq uint64) (free bool) {
	if o.holds[seq]--; o.holds[seq] > 0 {
		return false
	}
	delete(o.holds, seq)
	return o.unhide(seq)
}

// unhide forgets that a message is hidden, and reports whether it was.
func (o *outbox) unhide(seq uint64) (was bool) {
	if o.hidden == nil {
		return false
	}
	if was = o.hidden.Remove(seq); o.hidden.Empty() {
		o.hidden = nil
	}
	return was
}

// isHidden reports whether no consumer is to get a message any more.
func (o *outbox) isHidden(seq uint64) bool { return o.hidden != nil && o.hidden.Has(seq) }

// spare leaves out of messages that nobody wants those that are dead letters: they are hidden instead of removed.
func (s *State) spare(seqs []uint64, fx *Effects) []uint64 {
	o := &s.outbox
	if len(o.holds) == 0 {
		return seqs
	}
	left := seqs[:0]
	for _, seq := range seqs {
		p, there := s.table.find(seq)
		switch {
		case o.holds[seq] == 0:
			left = append(left, seq)
		case there && !o.isHidden(seq):
			s.hide(seq, p, fx)
		}
	}
	return left
}

// hide hides a message.
func (s *State) hide(seq uint64, p place, fx *Effects) {
	s.left(seq, s.table.at(p).subject-1, fx)
	if s.outbox.hidden == nil {
		s.outbox.hidden = new(seqset.Set)
	}
	s.outbox.hidden.Add(seq)
}

// conceal takes hidden messages out of a filter that was just filled.
func (s *State) conceal(f *filter) {
	if s.outbox.hidden != nil && len(f.consumers) == 0 {
		for seq := range s.outbox.hidden.Range(0) {
			f.set.remove(seq)
		}
	}
}

// concealAll is conceal for all filters.
func (s *State) concealAll() {
	if s.outbox.hidden == nil {
		return
	}
	for seq := range s.outbox.hidden.Range(0) {
		p, _ := s.table.find(seq)
		id := s.table.at(p).subject - 1
		s.consumers.filters.each(id, s.table.subjects.text(id), false, func(f *filter) { f.set.remove(seq) })
	}
}
