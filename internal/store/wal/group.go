package wal

import "fmt"

// group is where a group stands, after all its records so far.
type group struct {
	id     uint64
	number uint64 // of its last record; 0 before its first

	term, vote, commit uint64

	checkpointIndex, checkpointTerm uint64
	last, lastTerm                  uint64
	settled                         uint64 // entries above this were written in the current term, which lets them stand

	spans  []span  // where the entries behind the checkpoint are, in order
	damage *Damage // why the group is refused

	*trace // while the log is being read only
}

// span says which live entries of a group a segment holds.
type span struct {
	segment     uint64
	first, last uint64
}

// check says whether a record may follow.
func (g *group) check(r *Record) error {
	switch r.Kind {
	case Entry:
		return g.checkEntry(r)
	case HardState:
		if r.Term < g.term {
			return g.refuse("hard state of term %d after term %d", r.Term, g.term)
		}
		if r.Term == g.term && g.vote != 0 && r.Vote != g.vote {
			return g.refuse("second vote in term %d", r.Term)
		}
	case Checkpoint:
		if r.Index < g.checkpointIndex {
			return g.refuse("checkpoint at %d after one at %d", r.Index, g.checkpointIndex)
		}
	case Drop:
	default:
		return g.refuse("record of unknown kind %d", r.Kind)
	}
	return nil
}

func (g *group) checkEntry(r *Record) error {
	switch {
	case r.Index == 0 || r.Index > g.last+1:
		return g.refuse("entry %d after %d", r.Index, g.last)
	case r.Index <= g.checkpointIndex:
		return g.refuse("entry %d at or before the checkpoint %d", r.Index, g.checkpointIndex)
	case r.Term > g.term:
		return g.refuse("entry %d of term %d before the hard state of that term", r.Index, r.Term)
	case r.Index == g.last+1 && r.Term < g.lastTerm:
		return g.refuse("entry %d of term %d after term %d", r.Index, r.Term, g.lastTerm)
	case r.Index <= g.last && r.Index <= g.commit:
		return g.refuse("entry %d, which is committed, again", r.Index)
	case r.Index <= g.last && r.Index > g.settled:
		return g.refuse("entry %d again in the term that it was written in", r.Index)
	}
	return nil
}

func (g *group) refuse(format string, args ...any) error {
	return fmt.Errorf("group %d: %s: %w", g.id, fmt.Sprintf(format, args...), ErrOrder)
}

// apply lets a record that was checked take effect, apart from the spans.
func (g *group) apply(r *Record) {
	switch r.Kind {
	case Entry:
		if r.Index <= g.last {
			g.settled = r.Index - 1
		}
		g.last, g.lastTerm = r.Index, r.Term
	case HardState:
		if r.Term > g.term {
			g.settled = g.last
		}
		g.term, g.vote, g.commit = r.Term, r.Vote, r.Index
	case Checkpoint:
		g.checkpointIndex, g.checkpointTerm = r.Index, r.Term
		if r.Index > g.last {
			g.last, g.lastTerm = r.Index, r.Term
		}
	}
}

// next is the number of the next record, which will stand at the given place.
func (g *group) next(segment uint64, offset int64) uint64 {
	if g.number == 0 {
		return firstNumber(segment, offset)
	}
	return g.number + 1
}

// place notes in which segment a record was put that has been applied. References to segments are
// counted through add, which is called with -1 for each that the group no longer needs.
func (g *group) place(r *Record, segment uint64, add func(segment uint64, n int)) {
	switch r.Kind {
	case Entry:
		g.trim(r.Index, add)
		if n := len(g.spans); n > 0 && g.spans[n-1].segment == segment {
			g.spans[n-1].last = r.Index
			return
		}
		g.spans = append(g.spans, span{segment, r.Index, r.Index})
		add(segment, 1)
	case Checkpoint:
		n := 0
		for n < len(g.spans) && g.spans[n].last <= r.Index {
			add(g.spans[n].segment, -1)
			n++
		}
		g.spans = append(g.spans[:0], g.spans[n:]...)
	case Drop:
		g.trim(0, add)
	}
}

// trim forgets the entries from an index on.
func (g *group) trim(from uint64, add func(segment uint64, n int)) {
	for n := len(g.spans); n > 0; n-- {
		s := &g.spans[n-1]
		if s.first < from {
			s.last = min(s.last, from-1)
			return
		}
		add(s.segment, -1)
		g.spans = g.spans[:n-1]
	}
}

// describe is the group as others see it.
func (g *group) describe() Group {
	return Group{
		ID: g.id, Term: g.term, Vote: g.vote, Commit: g.commit,
		CheckpointIndex: g.checkpointIndex, CheckpointTerm: g.checkpointTerm,
		LastIndex: g.last, LastTerm: g.lastTerm, Damage: g.damage,
	}
}
