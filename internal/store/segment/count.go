package segment

import (
	"fmt"
	"math"
	"sort"
)

// Reconcile is for the owner that has recovered: live tells the bytes of records, as Size counts them, that
// are wanted in a range of sequences. It sets what is dead in each file, and reports the ranges up to
// Options.Synced in which something is wanted and no file is there.
func (s *Set) Reconcile(live func(first, last uint64) int64) []Damage {
	var missing []Damage
	gap := func(first, last uint64) {
		if first <= last && live(first, last) > 0 {
			d := &Damage{File: s.dir, Next: last + 1, Err: fmt.Errorf("no file holds sequences %d to %d: %w", first, last, errMissing)}
			missing = append(missing, *s.report(d))
		}
	}
	next := uint64(1)
	for _, c := range s.census(1, math.MaxUint64) {
		gap(next, c.segment.first-1)
		next = max(c.segment.first, c.high+1)
		s.count(c, live)
		if c.unreadable {
			next = math.MaxUint64 // up to the next file nobody knows
		}
	}
	gap(next, s.options.Synced)
	return missing
}

// Recount sets what is dead in the files that reach into a range of sequences. It is for the owner that does
// not report each record with Dead, but knows where records have died since the last count; live is as for
// Reconcile. Where it errs high, space is given back later.
func (s *Set) Recount(first, last uint64, live func(first, last uint64) int64) {
	for _, c := range s.census(first, last) {
		s.count(c, live)
	}
}

// counted is what was in a file at one moment.
type counted struct {
	segment    *segment
	high       uint64
	bytes      int64
	unreadable bool
}

// census lists the files that reach into a range of sequences.
func (s *Set) census(first, last uint64) (list []counted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].first > first })
	for i = max(i-1, 0); i < len(s.segments) && s.segments[i].first <= last; i++ {
		g := s.segments[i]
		list = append(list, counted{g, g.last(), g.bytes, g.unreadable})
	}
	return list
}

// count asks what lives in a file. What was written to it since the census counts as live.
func (s *Set) count(c counted, live func(first, last uint64) int64) {
	if c.high < c.segment.first {
		return
	}
	dead := max(c.bytes-live(c.segment.first, c.high), 0)
	s.mu.Lock()
	c.segment.dead = dead
	s.mu.Unlock()
}
