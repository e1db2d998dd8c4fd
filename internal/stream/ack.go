package stream

import (
	"math"
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/seqset"
)

// delivered applies a Delivered; false: it is malformed.
func (s *State) delivered(r *bin.Reader, fx *Effects) (Reply, bool) {
	number := r.Uvarint()
	sent, ok := readDeliveries(r, fx.sent[:0])
	fx.sent = sent
	c := s.consumers.numbered(number)
	if !ok || c == nil {
		return refuse(apierr.ConsumerNotFound), ok
	}
	fx.seqs = fx.seqs[:0]
	for _, at := range sent {
		s.deliver(c, at, fx)
	}
	if c.pending.count == 0 {
		s.consumers.settle(c, 0, c.floor.Active, &s.table) // nobody has acknowledged anything
	} else {
		c.settle()
	}
	s.finish(fx.seqs, fx)
	return Reply{Consumer: c.number}, true
}

// numbered is find for a number that may be any.
func (x *consumers) numbered(number uint64) *consumer {
	if number > math.MaxUint32 {
		return nil
	}
	return x.find(uint32(number))
}

// deliver notes one delivery. Messages that c is done with by it are appended to fx.seqs.
func (s *State) deliver(c *consumer, at Delivery, fx *Effects) {
	if at.Seq > s.last {
		return // there never was such a message
	}
	r := s.consumers.edit(c)
	r.delivered.Consumer = max(r.delivered.Consumer, at.DSeq)
	r.delivered.Active = s.now
	if at.Seq <= r.delivered.Stream {
		if p, ok := r.pending.find(at.Seq); ok && !r.pending.at(p).isAbandoned() {
			r.pending.deliver(p, at.DSeq, s.now, at.Count)
		}
		return
	}
	wanted := c.wants().has(at.Seq)
	s.pass(c, at.Seq, fx)
	switch {
	case !wanted: // gone in the meantime
	case r.config.Ack == AckNone:
		fx.seqs = append(fx.seqs, at.Seq)
	case at.Count == 0:
		r.pending.add(at.Seq, 0, s.now, parkedBit)
	default:
		r.pending.add(at.Seq, at.DSeq, s.now, at.Count)
	}
}

// pass moves what was delivered to a sequence. Where messages go once nobody wants them, those that were left
// out are among fx.seqs.
func (s *State) pass(c *consumer, seq uint64, fx *Effects) {
	r := c.consumerRecord
	if s.consumers.needs.on {
		w := c.wants()
		for next, ok := w.next(r.delivered.Stream + 1); ok && next < seq; next, ok = w.next(next + 1) {
			fx.seqs = append(fx.seqs, next)
		}
	}
	r.delivered.Stream = seq
	if r.early != nil {
		r.early.RemoveRange(0, seq)
		s.consumers.sweepEarly(c)
	}
}

// sweepEarly forgets an empty set of early acks.
func (x *consumers) sweepEarly(c *consumer) {
	if c.early.Empty() {
		c.early = nil
		x.early = slices.DeleteFunc(x.early, func(other *consumer) bool { return other == c })
	}
}

// acknowledge applies an Ack; false: it is malformed.
func (s *State) acknowledge(r *bin.Reader, fx *Effects) (Reply, bool) {
	number := r.Uvarint()
	items, ok := readAcks(r, fx.answered[:0])
	fx.answered = items
	c := s.consumers.numbered(number)
	if !ok || c == nil {
		return refuse(apierr.ConsumerNotFound), ok
	}
	start := len(fx.acks)
	for _, item := range items {
		result := s.answer(c, item, fx)
		fx.acks = append(fx.acks, result)
		if result == AckApplied {
			fx.consumer(c.number, ConsumerAcked, item)
		}
	}
	return Reply{Consumer: c.number, Acks: fx.acks[start:len(fx.acks):len(fx.acks)]}, true
}

// answer applies one item.
func (s *State) answer(c *consumer, a AckItem, fx *Effects) AckResult {
	done := a.Kind == AckDone || a.Kind == AckTerm
	if a.Seq > c.delivered.Stream {
		if done && c.config.Ack != AckNone {
			return s.answerEarly(c, a, fx)
		}
		return AckIgnored
	}
	if done && c.upTo() {
		return s.doneUpTo(c, a, fx)
	}
	at, ok := c.pending.find(a.Seq)
	if !ok {
		return AckKnown
	}
	if c.pending.at(at).isParked() {
		return AckIgnored
	}
	r := s.consumers.edit(c)
	e := r.pending.at(at)
	if a.Kind == AckTerm || a.Kind == AckAbandon && !e.isAbandoned() {
		switch s.bury(c, &a, e.deliveries(), fx) {
		case buried:
			done = true
		case noRoom:
			if done {
				return AckIgnored // it comes again
			}
		}
	}
	switch {
	case done:
		s.consumers.release(c, at, a.Seq, s.now, &s.table)
		fx.seqs = append(fx.seqs[:0], a.Seq)
		s.finish(fx.seqs, fx)
	case e.isAbandoned():
		return AckKnown
	case a.Kind == AckAbandon:
		r.pending.abandon(at)
	case a.Kind == AckProgress:
		r.pending.edit(at).time = s.now
	case a.Kind == AckNak:
		r.pending.edit(at).time = s.now + max(0, min(a.Delay, latest)) - int64(r.config.Wait(e.deliveries()))
	}
	return AckApplied
}

// upTo reports whether an ack is for all messages before it too.
func (c *consumer) upTo() bool { return c.config.Ack == AckAll || c.config.Ack == AckFlowControl }

// doneUpTo takes all up to a sequence as acknowledged.
func (s *State) doneUpTo(c *consumer, a AckItem, fx *Effects) AckResult {
	r, seq := s.consumers.edit(c), a.Seq
	if at, ok := r.pending.find(seq); ok && a.Kind == AckTerm && s.bury(c, &a, r.pending.at(at).deliveries(), fx) == noRoom {
		return AckIgnored
	}
	fx.seqs = fx.seqs[:0]
	for at, ok := r.pending.first(); ok && r.pending.seq(at) <= seq; at, ok = r.pending.first() {
		fx.seqs = append(fx.seqs, r.pending.seq(at))
		r.pending.remove(at)
	}
	if len(fx.seqs) == 0 {
		return AckKnown
	}
	s.consumers.settle(c, seq, s.now, &s.table)
	s.finish(fx.seqs, fx)
	return AckApplied
}

// answerEarly applies an ack for what is not known to be delivered: that was lost with a leader, or the ack is
// made up. Who knows the time of the message was given it.
func (s *State) answerEarly(c *consumer, a AckItem, fx *Effects) AckResult {
	if result := s.probeEarly(c, &a); result != AckApplied {
		return result
	}
	if a.Kind == AckTerm && s.bury(c, &a, 1, fx) == noRoom {
		return AckIgnored
	}
	r := s.consumers.edit(c)
	fx.seqs = fx.seqs[:0]
	if c.upTo() {
		for at, ok := r.pending.first(); ok; at, ok = r.pending.first() {
			fx.seqs = append(fx.seqs, r.pending.seq(at))
			r.pending.remove(at)
		}
		s.pass(c, a.Seq, fx)
		r.delivered.Consumer, r.delivered.Active = max(r.delivered.Consumer, a.DSeq), s.now
		s.consumers.settle(c, a.Seq, s.now, &s.table)
	} else {
		if r.early == nil {
			r.early = new(seqset.Set)
			s.consumers.early = append(s.consumers.early, c)
		}
		r.early.Add(a.Seq)
	}
	fx.seqs = append(fx.seqs, a.Seq)
	s.finish(fx.seqs, fx)
	return AckApplied
}

// finish removes messages that a consumer is done with, if that is what the stream is for.
func (s *State) finish(seqs []uint64, fx *Effects) {
	switch s.config.Retention {
	case WorkQueue:
		s.expel(seqs, fx)
	case Interest:
		unwanted := seqs[:0]
		for _, seq := range seqs {
			if s.consumers.needs.less(seq) == 0 {
				unwanted = append(unwanted, seq)
			}
		}
		s.expel(unwanted, fx)
	}
}

// expel removes messages that nobody wants, which are there, ascending. If they are many, one walk through all messages takes
// them, but for those that an older one of the same subject outlives.
func (s *State) expel(seqs []uint64, fx *Effects) {
	t := &s.table
	seqs = s.spare(seqs, fx)
	if len(seqs) == t.records && len(seqs) > blockRecords {
		fx.gone(seqs[0], s.last, Acked)
		s.emptied(fx)
		t.clear()
		return
	}
	if len(seqs) > t.records/manyRecords+blockRecords {
		outlived := make([]bool, t.subjects.used)
		left := seqs[:0]
		s.sweep(Acked, fx, func(r *record, seq, _ uint64) verdict {
			for len(seqs) > 0 && seqs[0] < seq {
				seqs = seqs[1:] // it is gone
			}
			switch {
			case len(seqs) == 0:
				return stop
			case seq != seqs[0]:
				outlived[r.subject-1] = true
				return keep
			}
			seqs = seqs[1:]
			if outlived[r.subject-1] {
				left = append(left, seq)
				return keep
			}
			return drop
		})
		seqs = left
	}
	for _, seq := range seqs {
		if p, ok := t.find(seq); ok {
			s.remove(p, Acked, fx)
		}
	}
}
