package stream

import (
	"cmp"
	"slices"
)

// stored notes a message that became part of the stream, by the number of its subject; fresh if it is the
// first one of that.
func (x *consumers) stored(seq uint64, id uint32, fresh bool, t *table, fx *Effects) {
	if x.filters.none() {
		return
	}
	wanting := uint32(0)
	if f := x.filters.all; f != nil {
		f.set.add(seq)
		fx.touch(f)
		if x.needs.on {
			wanting += f.wanting(seq)
		}
	}
	if x.filters.used > 0 {
		for _, f := range x.filters.of(id, t.subjects.text(id), fresh) {
			if f.closed {
				continue
			}
			f.set.add(seq)
			fx.touch(f)
			if x.needs.on {
				wanting += f.wanting(seq)
			}
		}
	}
	x.needs.more(seq, wanting)
}

// left notes that a message is about to go.
func (s *State) left(seq uint64, id uint32, fx *Effects) {
	x := &s.consumers
	s.outbox.unhide(seq)
	if x.filters.none() {
		return
	}
	fx.holders = fx.holders[:0]
	x.filters.each(id, s.table.subjects.text(id), false, func(f *filter) {
		f.set.remove(seq)
		fx.holders = f.busy.holding(seq, fx.holders)
	})
	fx.holders = x.strays.holding(seq, fx.holders)
	if x.needs.on {
		x.needs.drop(seq)
	}
	for _, c := range slices.Clone(x.early) {
		if x.edit(c).early.Remove(seq) {
			x.sweepEarly(c)
		}
	}
	slices.SortFunc(fx.holders, func(a, b *consumer) int { return cmp.Compare(a.number, b.number) })
	for _, c := range fx.holders {
		at, _ := c.pending.find(seq)
		x.release(c, at, seq, s.now, &s.table)
		fx.consumer(c.number, ConsumerVanished, AckItem{Seq: seq})
	}
}

// emptied notes that all messages are gone.
func (s *State) emptied(fx *Effects) {
	x := &s.consumers
	s.outbox.hidden = nil
	if x.filters.none() {
		return
	}
	x.filters.clear()
	x.needs.chunks, x.early = nil, nil
	for _, c := range x.list {
		if c.early != nil {
			x.edit(c).early = nil
		}
		if c.pending.count > 0 {
			waited := c.pending.waiting() > 0
			c.busy.remove(c)
			x.edit(c).pending.clear()
			if c.settle(); waited {
				x.settle(c, 0, s.now, &s.table)
			}
			fx.consumer(c.number, ConsumerEmptied, AckItem{})
		}
	}
}

// passed moves consumers behind what a purge of the subjects that a filter matches has removed, as stock servers do. Those for which a purge
// of some subjects has left nothing go behind the last message.
func (s *State) passed(filter string) {
	first := max(s.Info().First, 1)
	for _, c := range s.consumers.list {
		to := first - 1
		if filter != ">" {
			if !overlap(c.config.Filters(), []string{filter}) {
				continue
			}
			if _, left := c.wants().match(1); !left {
				to = s.last
			}
		}
		if c.delivered.Stream < to {
			s.consumers.edit(c).delivered.Stream = to
		}
		if c.floor.Stream < to {
			s.consumers.settle(c, 0, c.floor.Active, &s.table)
		}
	}
}

// watched is decide for a sweep whose records consumers may have.
func (s *State) watched(fx *Effects, decide func(r *record, seq, span uint64) verdict) func(r *record, seq, span uint64) verdict {
	if s.consumers.filters.none() && s.outbox.hidden == nil {
		return decide
	}
	return func(r *record, seq, span uint64) verdict {
		v := decide(r, seq, span)
		if v == drop {
			s.left(seq, r.subject-1, fx)
		}
		return v
	}
}
