package seqset

import (
	"iter"
	"math/bits"
	"slices"
)

const (
	blockSize = 1 << 16 // numbers in a block
	maxLow    = blockSize - 1

	// A block with more runs is held as bits, which then take less. It becomes runs again when there are
	// far fewer, lest it changes back and forth.
	maxRuns = blockSize / 8 / 4
	fewRuns = maxRuns / 2
)

// key is the number of the block that v is in, low is its place there.
func key(v uint64) uint64 { return v >> 16 }
func low(v uint64) uint16 { return uint16(v) }

func join(key uint64, low uint16) uint64 { return key<<16 | uint64(low) }

// run is a run of members of a block.
type run struct{ first, last uint16 }

func (r run) size() int32 { return int32(r.last) - int32(r.first) + 1 }

type bitmap [blockSize / 64]uint64

// block is one block that is not empty, or all blocks from key to last when they are full. When it is not
// full it is held in runs or in bits.
type block struct {
	key, last uint64
	runs      []run // ascending, with gaps between them
	bits      *bitmap
	n         int32 // members, per block
	count     int32 // of runs, in either form
}

func fullBlock(key, last uint64) block { return block{key: key, last: last, n: blockSize, count: 1} }

func (b *block) full() bool { return b.n == blockSize }

// size is the number of members in all.
func (b *block) size() uint64 { return (b.last - b.key + 1) * uint64(b.n) }

// continues says whether c is more of the same.
func (b *block) continues(c *block) bool { return b.full() && c.full() && b.last+1 == c.key }

// loosen makes a full block one that can be edited.
func (b *block) loosen() { b.runs = []run{{0, maxLow}} }

func (b *block) unshare() {
	b.runs = slices.Clone(b.runs)
	if b.bits != nil {
		own := *b.bits
		b.bits = &own
	}
}

func (b *block) sameMembers(c *block) bool {
	switch {
	case b.full():
		return true
	case b.bits != nil && c.bits != nil:
		return *b.bits == *c.bits
	case b.bits == nil && c.bits == nil:
		return slices.Equal(b.runs, c.runs)
	}
	return slices.Equal(slices.Collect(b.each(0)), slices.Collect(c.each(0)))
}

// reaching returns the first of runs that ends with v or later.
func reaching(runs []run, v int) int {
	lo, hi := 0, len(runs)
	for lo < hi {
		if mid := (lo + hi) / 2; int(runs[mid].last) < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (b *block) has(v uint16) bool {
	switch {
	case b.full():
		return true
	case b.bits != nil:
		return b.bits.has(v)
	}
	i := reaching(b.runs, int(v))
	return i < len(b.runs) && b.runs[i].first <= v
}

// max is the largest member.
func (b *block) max() uint16 {
	switch {
	case b.full():
		return maxLow
	case b.bits == nil:
		return b.runs[len(b.runs)-1].last
	}
	w := len(b.bits) - 1
	for b.bits[w] == 0 {
		w--
	}
	return uint16(w*64 + bits.Len64(b.bits[w]) - 1)
}

// next returns the first run from v on, which starts at v when v is within one.
func (b *block) next(v uint64) (first, last uint64, ok bool) {
	start, end := join(b.key, 0), join(b.last, maxLow)
	switch {
	case v > end:
		return 0, 0, false
	case b.full():
		return max(v, start), end, true
	}
	r, ok := b.nextRun(low(max(v, start)))
	return join(b.key, r.first), join(b.key, r.last), ok
}

// nextRun is next within a block that is not full.
func (b *block) nextRun(from uint16) (r run, ok bool) {
	if b.bits != nil {
		first := b.bits.next(int(from), true)
		return run{uint16(first), uint16(b.bits.next(first, false) - 1)}, first < blockSize
	}
	i := reaching(b.runs, int(from))
	if i == len(b.runs) {
		return run{}, false
	}
	return run{max(from, b.runs[i].first), b.runs[i].last}, true
}

// each yields the runs of a block that is not full, from a number on.
func (b *block) each(from uint16) iter.Seq[run] {
	return func(yield func(run) bool) {
		r, ok := b.nextRun(from)
		for ok && yield(r) && r.last < maxLow {
			r, ok = b.nextRun(r.last + 1)
		}
	}
}

// countFrom counts members of a block that is not full.
func (b *block) countFrom(lo, hi uint16) (n int32) {
	if b.bits != nil {
		for w, mask := range masks(lo, hi) {
			n += int32(bits.OnesCount64(b.bits[w] & mask))
		}
		return n
	}
	for r := range b.each(lo) {
		if r.first > hi {
			break
		}
		n += run{r.first, min(r.last, hi)}.size()
	}
	return n
}

// edit adds or removes the numbers from lo to hi, in a block that is not full or was loosened.
func (b *block) edit(lo, hi uint16, on bool) {
	switch {
	case b.bits != nil && lo == hi:
		b.editBit(lo, on)
	case b.bits != nil:
		b.editBits(lo, hi, on)
	case on:
		b.addRun(run{lo, hi})
	default:
		b.removeRun(run{lo, hi})
	}
	if b.bits != nil && b.count < fewRuns {
		b.toRuns()
	} else if b.bits == nil && b.count > maxRuns {
		b.toBits()
	}
}

func (b *block) addRun(r run) {
	i := reaching(b.runs, int(r.first)-1) // one that ends just before it grows
	j := i
	for ; j < len(b.runs) && int(b.runs[j].first) <= int(r.last)+1; j++ {
		r.first, r.last = min(r.first, b.runs[j].first), max(r.last, b.runs[j].last)
	}
	b.replace(i, j, r)
}

func (b *block) removeRun(r run) {
	i := reaching(b.runs, int(r.first))
	j := i
	var left [2]run
	rest := left[:0]
	for ; j < len(b.runs) && b.runs[j].first <= r.last; j++ {
		if old := b.runs[j]; old.first < r.first {
			rest = append(rest, run{old.first, r.first - 1})
		}
		if old := b.runs[j]; old.last > r.last {
			rest = append(rest, run{r.last + 1, old.last})
		}
	}
	b.replace(i, j, rest...)
}

// replace replaces runs and keeps the counts.
func (b *block) replace(i, j int, by ...run) {
	for _, r := range b.runs[i:j] {
		b.n -= r.size()
	}
	for _, r := range by {
		b.n += r.size()
	}
	b.runs = slices.Replace(b.runs, i, j, by...)
	b.count = int32(len(b.runs))
}

// editBit is editBits for one number, which is what happens most.
func (b *block) editBit(v uint16, on bool) {
	if b.bits.has(v) == on {
		return
	}
	b.bits[v/64] ^= 1 << (v % 64)
	change := int32(1) // what v alone adds to the runs
	if v > 0 && b.bits.has(v-1) {
		change--
	}
	if v < maxLow && b.bits.has(v+1) {
		change--
	}
	if on {
		b.n, b.count = b.n+1, b.count+change
	} else {
		b.n, b.count = b.n-1, b.count-change
	}
}

func (b *block) editBits(lo, hi uint16, on bool) {
	for w, mask := range masks(lo, hi) {
		if on {
			b.bits[w] |= mask
		} else {
			b.bits[w] &^= mask
		}
	}
	b.n, b.count = b.bits.tally()
}

func (b *block) toBits() {
	b.bits = new(bitmap)
	for _, r := range b.runs {
		for w, mask := range masks(r.first, r.last) {
			b.bits[w] |= mask
		}
	}
	b.runs = nil
}

func (b *block) toRuns() {
	b.runs = slices.AppendSeq(make([]run, 0, b.count), b.each(0))
	b.bits = nil
}

func (m *bitmap) has(v uint16) bool { return m[v/64]>>(v%64)&1 != 0 }

// masks yields, for the numbers from lo to hi, the words that they are in and their bits there.
func masks(lo, hi uint16) iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for w := int(lo / 64); w <= int(hi/64); w++ {
			mask := ^uint64(0)
			if w == int(lo/64) {
				mask <<= lo % 64
			}
			if w == int(hi/64) {
				mask &= ^uint64(0) >> (63 - hi%64)
			}
			if !yield(w, mask) {
				return
			}
		}
	}
}

// tally counts members and runs.
func (m *bitmap) tally() (n, runs int32) {
	before := uint64(0) // the last bit of the word before
	for _, w := range m {
		n += int32(bits.OnesCount64(w))
		runs += int32(bits.OnesCount64(w &^ (w<<1 | before)))
		before = w >> 63
	}
	return n, runs
}

// next returns the first number from v on that is a member, or is none; blockSize when there is no such.
func (m *bitmap) next(v int, member bool) int {
	for v < blockSize {
		w := m[v/64]
		if !member {
			w = ^w
		}
		if w >>= v % 64; w != 0 {
			return v + bits.TrailingZeros64(w)
		}
		v = v/64*64 + 64
	}
	return blockSize
}
