package stream

import (
	"math/bits"
	"slices"
)

// ranks is a set of sequences that knows how many of its members stand before any of them. Sequences are
// parted into chunks of 4096; a chunk is a sorted list of 2 bytes per member or, from 256 members on, 4096
// bits. The sums of chunks stand in a Fenwick tree. So a member costs 1 bit where all sequences are members,
// and at most 60 bytes where there is one in a chunk. Adding at the end takes constant time, what else there
// is the logarithm of the number of chunks.
type ranks struct {
	chunks []rankChunk // ascending by key; ones without members stay for a while
	sums   []uint64    // Fenwick tree over the members of chunks
	count  uint64
	empty  int  // chunks without members
	shared bool // with a frozen view: to be copied before it is changed
}

type rankChunk struct {
	key  uint64   // sequence >> rankBits
	list []uint16 // ascending; nil if there are bits
	bits *[1 << rankBits / 64]uint64
	n    uint64
}

const (
	rankBits    = 12
	rankMask    = 1<<rankBits - 1
	maxRankList = 256
	minRankBits = 128 // fewer members become a list again
)

// search returns the first chunk whose key is at least that of seq.
func (r *ranks) search(seq uint64) (i int, found bool) {
	key, n := seq>>rankBits, len(r.chunks)
	switch { // mostly at an end
	case n == 0 || r.chunks[n-1].key < key:
		return n, false
	case r.chunks[n-1].key == key:
		return n - 1, true
	case r.chunks[0].key >= key:
		return 0, r.chunks[0].key == key
	}
	if i := key - r.chunks[0].key; i < uint64(n) && r.chunks[i].key == key {
		return int(i), true // no chunk is missing, as where all messages match
	}
	return slices.BinarySearchFunc(r.chunks, key, func(c rankChunk, key uint64) int {
		switch {
		case c.key < key:
			return -1
		case c.key > key:
			return 1
		}
		return 0
	})
}

// has reports whether seq is a member.
func (r *ranks) has(seq uint64) bool {
	i, found := r.search(seq)
	return found && r.chunks[i].has(uint16(seq&rankMask))
}

// add makes seq a member; it must be above all others.
func (r *ranks) add(seq uint64) {
	r.own()
	key, n := seq>>rankBits, len(r.chunks)
	if n == 0 || r.chunks[n-1].key != key {
		r.chunks = append(r.chunks, rankChunk{key: key})
		r.sums = append(r.sums, r.below(n))
		r.empty++
		n++
	}
	c := &r.chunks[n-1]
	if c.n == 0 {
		r.empty--
	}
	c.add(uint16(seq & rankMask))
	r.count++
	r.sums[n-1]++
}

// addAll makes members of sequences that ascend and are above all others.
func (r *ranks) addAll(seqs []uint64) {
	for _, seq := range seqs {
		r.add(seq)
	}
}

// below is what the tree holds at place i for the chunks before it.
func (r *ranks) below(i int) (sum uint64) {
	for j := i - 1; j >= i&(i+1); j = j&(j+1) - 1 {
		sum += r.sums[j]
	}
	return sum
}

// remove makes seq a member no more, and reports whether it was one.
func (r *ranks) remove(seq uint64) bool {
	i, found := r.search(seq)
	if !found || !r.chunks[i].has(uint16(seq&rankMask)) {
		return false
	}
	r.own()
	r.chunks[i].remove(uint16(seq & rankMask))
	r.count--
	for j := i; j < len(r.sums); j |= j + 1 {
		r.sums[j]--
	}
	if r.chunks[i].n == 0 {
		if r.empty++; r.empty > len(r.chunks)/4+1 {
			r.pack()
		}
	}
	return true
}

// pack drops the chunks without members.
func (r *ranks) pack() {
	r.chunks = slices.DeleteFunc(r.chunks, func(c rankChunk) bool { return c.n == 0 })
	r.sums, r.empty = r.sums[:0], 0
	for i := range r.chunks {
		r.sums = append(r.sums, r.chunks[i].n+r.below(i))
	}
}

// before counts the members below seq.
func (r *ranks) before(seq uint64) (n uint64) {
	i, found := r.search(seq)
	if found {
		n = r.chunks[i].before(uint16(seq & rankMask))
	} else if i == len(r.chunks) {
		return r.count
	}
	for j := i - 1; j >= 0; j = j&(j+1) - 1 {
		n += r.sums[j]
	}
	return n
}

// from counts the members that are not below seq.
func (r *ranks) from(seq uint64) uint64 { return r.count - r.before(seq) }

// next returns the first member that is not below seq.
func (r *ranks) next(seq uint64) (uint64, bool) {
	i, found := r.search(seq)
	if found {
		if low, ok := r.chunks[i].next(uint16(seq & rankMask)); ok {
			return seq&^rankMask | uint64(low), true
		}
		i++
	}
	for ; i < len(r.chunks); i++ {
		if low, ok := r.chunks[i].next(0); ok {
			return r.chunks[i].key<<rankBits | uint64(low), true
		}
	}
	return 0, false
}

// clear takes all members out.
func (r *ranks) clear() { *r = ranks{} }

// share returns the set as it is, which stays so.
func (r *ranks) share() ranks {
	r.shared = true
	return *r
}

// own makes the set one that no view shares.
func (r *ranks) own() {
	if !r.shared {
		return
	}
	r.chunks, r.sums, r.shared = slices.Clone(r.chunks), slices.Clone(r.sums), false
	for i := range r.chunks {
		c := &r.chunks[i]
		c.list = slices.Clone(c.list)
		if c.bits != nil {
			own := *c.bits
			c.bits = &own
		}
	}
}

func (c *rankChunk) has(low uint16) bool {
	if c.bits != nil {
		return c.bits[low/64]>>(low%64)&1 != 0
	}
	_, found := slices.BinarySearch(c.list, low)
	return found
}

func (c *rankChunk) add(low uint16) {
	c.n++
	if c.bits == nil && len(c.list) == maxRankList {
		c.bits = new([1 << rankBits / 64]uint64)
		for _, v := range c.list {
			c.bits[v/64] |= 1 << (v % 64)
		}
		c.list = nil
	}
	if c.bits != nil {
		c.bits[low/64] |= 1 << (low % 64)
		return
	}
	c.list = append(c.list, low)
}

func (c *rankChunk) remove(low uint16) {
	c.n--
	if c.bits == nil {
		i, _ := slices.BinarySearch(c.list, low)
		c.list = slices.Delete(c.list, i, i+1)
		return
	}
	c.bits[low/64] &^= 1 << (low % 64)
	if c.n < minRankBits {
		list := make([]uint16, 0, c.n)
		for v, ok := c.next(0); ok; v, ok = c.next(v + 1) {
			list = append(list, v)
		}
		c.list, c.bits = list, nil
	}
}

func (c *rankChunk) before(low uint16) (n uint64) {
	if c.bits == nil {
		i, _ := slices.BinarySearch(c.list, low)
		return uint64(i)
	}
	for _, w := range c.bits[:low/64] {
		n += uint64(bits.OnesCount64(w))
	}
	return n + uint64(bits.OnesCount64(c.bits[low/64]&(1<<(low%64)-1)))
}

func (c *rankChunk) next(low uint16) (uint16, bool) {
	if c.bits == nil {
		if i, _ := slices.BinarySearch(c.list, low); i < len(c.list) {
			return c.list[i], true
		}
		return 0, false
	}
	if low > rankMask {
		return 0, false
	}
	w := int(low / 64)
	rest := c.bits[w] >> (low % 64) << (low % 64)
	for rest == 0 {
		if w++; w == len(c.bits) {
			return 0, false
		}
		rest = c.bits[w]
	}
	return uint16(w*64 + bits.TrailingZeros64(rest)), true
}
