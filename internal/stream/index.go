package stream

import (
	"encoding/binary"
	"math/bits"
)

// index finds numbers by hash: open addressing with linear probing. Texts stand elsewhere; who asks
// compares them.
type index struct {
	slots []slot // a power of two, or none
	used  int
}

// slot is a hash, which is never 0, and its number. The zero slot is empty.
type slot struct{ hash, number uint32 }

const minSlots = 8

// find returns the first number of that hash for which same says yes.
func (x *index) find(hash uint32, same func(number uint32) bool) (uint32, bool) {
	if x.used == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := x.slots[i]
		if s.hash == 0 {
			return 0, false
		}
		if s.hash == hash && same(s.number) {
			return s.number, true
		}
	}
}

// add enters a number that is not there.
func (x *index) add(hash, number uint32) {
	if (x.used+1)*4 > len(x.slots)*3 {
		x.grow()
	}
	x.put(slot{hash, number})
	x.used++
}

func (x *index) put(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(minSlots, 2*len(old)))
	for _, s := range old {
		if s.hash != 0 {
			x.put(s)
		}
	}
}

// fill enters numbers into an empty index, unless same says of two numbers that they are. It goes through the slots from part to part, each of which fits into a cache.
func (x *index) fill(list []slot, same func(a, b uint32) bool) bool {
	size := minSlots
	for size*3 < len(list)*4 {
		size *= 2
	}
	const parts = 1 << 10
	shift := max(0, bits.Len(uint(size-1))-bits.Len(parts-1))
	mask := uint32(size - 1)
	var ends [parts + 1]int
	for _, s := range list {
		ends[s.hash&mask>>shift+1]++
	}
	for i := range parts {
		ends[i+1] += ends[i]
	}
	sorted := make([]slot, len(list))
	for _, s := range list {
		part := s.hash & mask >> shift
		sorted[ends[part]] = s
		ends[part]++
	}
	x.slots, x.used = make([]slot, size), len(list)
	for _, s := range sorted {
		i := s.hash & mask
		for ; x.slots[i].hash != 0; i = (i + 1) & mask {
			if x.slots[i].hash == s.hash && same(x.slots[i].number, s.number) {
				return false
			}
		}
		x.slots[i] = s
	}
	return true
}

// remove takes out a number that is there, and closes the gap that this leaves in its run of slots.
func (x *index) remove(hash, number uint32) {
	mask := uint32(len(x.slots) - 1)
	gap := hash & mask
	for x.slots[gap] != (slot{hash, number}) {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; x.slots[i].hash != 0; i = (i + 1) & mask {
		home := x.slots[i].hash & mask
		if (i-home)&mask >= (i-gap)&mask { // it may stand at the gap: that is not before its home
			x.slots[gap] = x.slots[i]
			gap = i
		}
	}
	x.slots[gap] = slot{}
	x.used--
}

// hashOf mixes text into a hash that is not 0. The seed differs between streams, so that texts which
// collide in one need not in another.
func hashOf(seed uint64, text []byte) uint32 {
	const k = 0x9e3779b97f4a7c15
	h := seed ^ uint64(len(text))*k
	for len(text) >= 8 {
		h = mix(h^binary.LittleEndian.Uint64(text), k)
		text = text[8:]
	}
	var tail uint64
	for i := len(text) - 1; i >= 0; i-- {
		tail = tail<<8 | uint64(text[i])
	}
	h = mix(h^tail, 0xbf58476d1ce4e5b9)
	return max(1, uint32(h))
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
