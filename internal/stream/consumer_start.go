package stream

import (
	"cmp"
	"slices"

	"myelin/internal/subject"
)

// begin finds where a new consumer starts.
func (s *State) begin(c *consumer) {
	r := c.consumerRecord
	first := max(s.Info().First, 1)
	start := first
	switch r.config.Deliver {
	case DeliverNew:
		start = s.last + 1
	case DeliverLast:
		if last := s.lastOfAny(r.config.Filters()); last > 0 {
			start = last
		}
	case DeliverByStartSequence:
		start = max(start, r.config.StartSeq)
	case DeliverByStartTime:
		start = s.firstSince(r.config.StartTime.UnixNano())
	case DeliverLastPerSubject:
		start = s.beginLast(c)
	}
	r.delivered.Stream = start - 1
	r.floor = r.delivered
}

// beginLast makes the set of the last messages of all subjects of c, and returns where it begins.
func (s *State) beginLast(c *consumer) uint64 {
	filters := c.config.Filters()
	if len(filters) == 0 {
		filters = []string{">"}
	}
	set := s.lasts(filters, c.filter)
	first, ok := set.next(0)
	if !ok {
		return s.last + 1
	}
	c.initialEnd = s.last
	c.initial = s.consumers.filters.closedTo(filters, set, &s.table)
	if c.initial.wider {
		c.busy = &s.consumers.strays
	}
	return first
}

// manyMessages is how many messages there are to a subject from which on it takes less time to look for the subjects that a wildcard
// matches than to go through the messages.
const manyMessages = 8

// lasts is the set of those messages of a filter that are the last ones of their subjects. Where each subject has one message, those are
// all, and the set costs nothing.
func (s *State) lasts(subjects []string, f *filter) ranks {
	t := &s.table
	prefixes := slices.ContainsFunc(subjects, isPrefix) // then the filter has not all
	if t.records == t.subjects.count && !prefixes {
		return f.set.share()
	}
	var set ranks
	if prefixes || t.records > manyMessages*t.subjects.count || !slices.ContainsFunc(subjects, subject.HasWildcard) {
		var seqs []uint64
		for _, id := range t.any(subjects, t.listed) {
			if last := t.subjects.at(id).last; !s.outbox.isHidden(last) {
				seqs = append(seqs, last)
			}
		}
		slices.Sort(seqs)
		set.addAll(seqs)
		return set
	}
	t.eachRecord(func(seq uint64, r *record) {
		if r.next == 0 && f.set.has(seq) {
			set.add(seq)
		}
	})
	return set
}

func (s *State) lastOfAny(filters []string) (last uint64) {
	if len(filters) == 0 {
		return s.LastOf([]byte(">"))
	}
	for _, f := range filters {
		last = max(last, s.LastOf([]byte(f)))
	}
	return last
}

// firstSince is the sequence of the first message that is not older than a time; one behind the last if
// there is none. Times ascend, but for those that a mirror's origin gave.
func (s *State) firstSince(at int64) uint64 {
	t := &s.table
	n, _ := slices.BinarySearchFunc(t.blocks, at, func(b placed, at int64) int {
		return cmp.Compare(b.newest(), at)
	})
	for p, ok := t.live(place{n, 0}); ok; p, ok = t.after(p) {
		if t.at(p).time >= at {
			return t.seq(p)
		}
	}
	return s.last + 1
}

// newest is the time of the last live record of a block.
func (b *block) newest() int64 {
	i := len(b.records) - 1
	for b.records[i].subject == 0 {
		i--
	}
	return b.records[i].time
}
