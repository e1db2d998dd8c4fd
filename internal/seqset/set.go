// Package seqset holds sets of sequence numbers: what was deleted from a stream, what waits to be
// acknowledged, what was acknowledged out of order.
//
// Such sets are long runs most of the time, and scattered single numbers at their worst. The numbers are
// parted into blocks of 65,536, and a block is held as sorted runs (4 bytes each) while there are few of
// them, and else as 65,536 bits. Neighbouring blocks that are full are one entry, however many they are.
// So a set takes, per number in it, next to nothing in runs, 4 bytes scattered, and at most 1 bit per
// number from its first to its last when it is dense; a block that holds anything costs about 60 bytes.
//
// Operations take the logarithm of the number of blocks, and move what lies behind in memory when a block
// comes or goes; within a block they take 10 microseconds at most. Those on ranges take time by what is in
// the set between the ends, not by the distance. Nothing here depends on a map's order or on history:
// equal sets have equal encodings (see [Set.Append]).
package seqset

import (
	"iter"
	"math"
	"slices"
)

// Set is a set of numbers. Its zero value is empty. It must not be copied once it is in use ([Set.Clone]
// does that), nor changed while it is walked through.
type Set struct {
	blocks []block // ascending; no two full ones are neighbours by key
	n      uint64  // members, modulo 2^64
}

// Add adds v, and says whether it was not there.
func (s *Set) Add(v uint64) bool { return s.AddRange(v, v) > 0 }

// Remove removes v, and says whether it was there.
func (s *Set) Remove(v uint64) bool { return s.RemoveRange(v, v) > 0 }

// AddRange adds the numbers from first to last, both included, and returns how many were not there. It
// does nothing when last is below first. (All 2^64 numbers, added to the empty set, count as 0.)
func (s *Set) AddRange(first, last uint64) uint64 {
	before := s.n
	s.edit(first, last, true)
	return s.n - before
}

// RemoveRange removes the numbers from first to last, both included, and returns how many were there. It
// does nothing when last is below first.
func (s *Set) RemoveRange(first, last uint64) uint64 {
	before := s.n
	s.edit(first, last, false)
	return before - s.n
}

// Clear removes everything.
func (s *Set) Clear() { *s = Set{} }

// Clone returns a copy.
func (s *Set) Clone() *Set {
	c := &Set{blocks: slices.Clone(s.blocks), n: s.n}
	for i := range c.blocks {
		c.blocks[i].unshare()
	}
	return c
}

// Equal says whether two sets have the same members.
func (s *Set) Equal(o *Set) bool {
	return s.n == o.n && slices.EqualFunc(s.blocks, o.blocks, func(a, b block) bool {
		return a.key == b.key && a.last == b.last && a.n == b.n && a.count == b.count && a.sameMembers(&b)
	})
}

// Has says whether v is in the set.
func (s *Set) Has(v uint64) bool {
	i, ok := s.find(key(v))
	return ok && s.blocks[i].has(low(v))
}

// Len is the number of members. The set of all numbers has one more than it says.
func (s *Set) Len() uint64 {
	if s.n == 0 && len(s.blocks) > 0 {
		return math.MaxUint64
	}
	return s.n
}

// Empty says whether there is no member.
func (s *Set) Empty() bool { return len(s.blocks) == 0 }

// Min returns the smallest member; not ok when there is none.
func (s *Set) Min() (v uint64, ok bool) { return s.Next(0) }

// Max returns the largest member; not ok when there is none.
func (s *Set) Max() (v uint64, ok bool) {
	if len(s.blocks) == 0 {
		return 0, false
	}
	b := &s.blocks[len(s.blocks)-1]
	return join(b.last, b.max()), true
}

// Next returns the smallest member from v on, v included; not ok when there is none.
func (s *Set) Next(v uint64) (member uint64, ok bool) {
	for i, _ := s.find(key(v)); i < len(s.blocks); i++ {
		if first, _, ok := s.blocks[i].next(v); ok {
			return first, true
		}
	}
	return 0, false
}

// NextGap returns the smallest number from v on, v included, that is not a member; not ok when there is
// none.
func (s *Set) NextGap(v uint64) (gap uint64, ok bool) {
	for i, _ := s.find(key(v)); i < len(s.blocks); i++ {
		first, last, ok := s.blocks[i].next(v)
		if !ok || first > v {
			break
		}
		if last == math.MaxUint64 {
			return 0, false
		}
		v = last + 1
		if low(v) > 0 {
			break // what ends within a block goes on nowhere
		}
	}
	return v, true
}

// Range yields the members from v on, in their order.
func (s *Set) Range(v uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for first, last := range s.Runs(v) {
			for member := first; ; member++ {
				if !yield(member) {
					return
				}
				if member == last {
					break
				}
			}
		}
	}
}

// Runs yields the first and the last number of each run of members from v on, in their order; the first
// run starts at v when v is within one. Runs are as long as can be: between two there is a gap.
func (s *Set) Runs(v uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(first, last uint64) bool) {
		var first, last uint64
		open := false // there is a run that may go on
		for a, b := range s.pieces(v) {
			if open && a == last+1 {
				last = b
				continue
			}
			if open && !yield(first, last) {
				return
			}
			first, last, open = a, b, true
		}
		if open {
			yield(first, last)
		}
	}
}

// pieces yields the runs from v on, cut at the blocks.
func (s *Set) pieces(v uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(first, last uint64) bool) {
		for i, _ := s.find(key(v)); i < len(s.blocks); {
			first, last, ok := s.blocks[i].next(v)
			if !ok {
				i++
				continue
			}
			if !yield(first, last) || last == math.MaxUint64 {
				return
			}
			v = last + 1
		}
	}
}

// Count is how many members there are from first to last, both included.
func (s *Set) Count(first, last uint64) (n uint64) {
	if first > last {
		return 0
	}
	for i, _ := s.find(key(first)); i < len(s.blocks) && s.blocks[i].key <= key(last); i++ {
		b := &s.blocks[i]
		from, to := max(first, join(b.key, 0)), min(last, join(b.last, maxLow))
		switch {
		case b.full():
			n += to - from + 1
		case to-from == maxLow:
			n += uint64(b.n)
		default:
			n += uint64(b.countFrom(low(from), low(to)))
		}
	}
	return n
}

// find returns the first block that ends with key k or later, and whether it has k.
func (s *Set) find(k uint64) (i int, ok bool) {
	n := len(s.blocks)
	if n == 0 || s.blocks[n-1].last < k {
		return n, false // what is new is mostly at the end
	}
	i, _ = slices.BinarySearchFunc(s.blocks, k, func(b block, k uint64) int {
		if b.last < k {
			return -1
		}
		return 1
	})
	return i, s.blocks[i].key <= k
}

// edit adds or removes the numbers from first to last: those of the blocks at both ends one by one, and
// what is between as whole blocks.
func (s *Set) edit(first, last uint64, on bool) {
	if first > last {
		return
	}
	from, to := key(first), key(last)
	if from == to && last-first < maxLow {
		s.editBlock(from, low(first), low(last), on)
		return
	}
	if low(first) > 0 {
		s.editBlock(from, low(first), maxLow, on)
		from++
	}
	toEnd := low(last) == maxLow
	if toEnd {
		to++
	}
	if from < to {
		s.editWhole(from, to-1, on)
	}
	if !toEnd {
		s.editBlock(to, 0, low(last), on)
	}
}

// editBlock adds or removes numbers of one block.
func (s *Set) editBlock(k uint64, lo, hi uint16, on bool) {
	i, ok := s.find(k)
	switch {
	case !ok && !on, ok && on && s.blocks[i].full():
		return
	case !ok:
		s.blocks = slices.Insert(s.blocks, i, block{key: k, last: k})
	case s.blocks[i].full():
		i = s.split(k)
		s.split(k + 1)
		s.blocks[i].loosen()
	}
	b := &s.blocks[i]
	before := b.n
	b.edit(lo, hi, on)
	s.n += uint64(b.n) - uint64(before)
	if b.n == 0 {
		s.blocks = slices.Delete(s.blocks, i, i+1)
	} else if b.full() {
		*b = fullBlock(k, k)
		s.merge(i)
	}
}

// editWhole adds or removes whole blocks.
func (s *Set) editWhole(from, to uint64, on bool) {
	i := s.split(from)
	j := s.split(to + 1)
	for _, b := range s.blocks[i:j] {
		s.n -= b.size()
	}
	if !on {
		s.blocks = slices.Delete(s.blocks, i, j)
		return
	}
	all := fullBlock(from, to)
	s.n += all.size()
	s.blocks = slices.Replace(s.blocks, i, j, all)
	s.merge(i)
}

// split returns the first block from key k on, and sees to it that none before it reaches that far.
func (s *Set) split(k uint64) int {
	i, ok := s.find(k)
	if !ok || s.blocks[i].key == k {
		return i
	}
	behind := fullBlock(k, s.blocks[i].last)
	s.blocks[i].last = k - 1
	s.blocks = slices.Insert(s.blocks, i+1, behind)
	return i + 1
}

// merge makes a full block and the full ones beside it one.
func (s *Set) merge(i int) {
	if i+1 < len(s.blocks) && s.blocks[i].continues(&s.blocks[i+1]) {
		s.blocks[i].last = s.blocks[i+1].last
		s.blocks = slices.Delete(s.blocks, i+1, i+2)
	}
	if i > 0 && s.blocks[i-1].continues(&s.blocks[i]) {
		s.blocks[i-1].last = s.blocks[i].last
		s.blocks = slices.Delete(s.blocks, i, i+1)
	}
}
