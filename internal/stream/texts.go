package stream

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// texts keeps short byte strings without a pointer or a header for each: slots of equal size in chunks, by
// size, and freed slots in a list through themselves. A text is found again by its reference and length.
type texts struct {
	slabs []slab // by slot size in words of 8 bytes, less one; beyond maxSlotWords by powers of two
	epoch uint64 // how often they were frozen
}

type slab struct {
	chunks []textChunk
	used   uint32 // slots handed out once
	free   uint32 // the first freed slot, plus one
}

// textChunk is chunkSlots slots; the first chunk of a slab grows up to that. In one that a frozen view may
// share, slots that were handed out stay as they are.
type textChunk struct {
	bytes []byte
	epoch uint64 // of the texts when the chunk was made
}

const (
	chunkSlots      = 256
	firstChunkSlots = 16
	maxSlotWords    = 32
)

// class is the number of the slab for texts of n bytes, and the bytes of its slots.
func class(n int) (number, slotBytes int) {
	words := max(1, (n+7)/8)
	if words <= maxSlotWords {
		return words - 1, words * 8
	}
	power := bits.Len(uint(words - 1)) // of the slot size in words, at least 6
	return maxSlotWords + power - 6, 8 << power
}

// add stores a copy of text and returns its reference.
func (t *texts) add(text []byte) uint32 {
	number, size := class(len(text))
	for len(t.slabs) <= number {
		t.slabs = append(t.slabs, slab{})
	}
	s := &t.slabs[number]
	ref := s.used
	if s.free > 0 {
		ref = s.free - 1
		s.own(ref/chunkSlots, t.epoch)
		s.free = binary.LittleEndian.Uint32(s.slot(ref, size))
	} else {
		s.extend(size, t.epoch)
	}
	copy(s.slot(ref, size), text)
	return ref
}

// extend hands out one more slot.
func (s *slab) extend(size int, epoch uint64) {
	switch n := int(s.used); {
	case n == 0:
		s.chunks = append(s.chunks, textChunk{make([]byte, firstChunkSlots*size), epoch})
	case n%chunkSlots == 0:
		s.chunks = append(s.chunks, textChunk{make([]byte, chunkSlots*size), epoch})
	case n < chunkSlots && n*size == len(s.chunks[0].bytes):
		grown := make([]byte, 2*n*size)
		copy(grown, s.chunks[0].bytes)
		s.chunks[0] = textChunk{grown, epoch}
	}
	s.used++
}

// own makes a chunk one that no view shares.
func (s *slab) own(chunk uint32, epoch uint64) {
	if c := &s.chunks[chunk]; c.epoch != epoch {
		*c = textChunk{slices.Clone(c.bytes), epoch}
	}
}

// get returns the text of n bytes at ref; it is valid until the text is removed.
func (t *texts) get(ref uint32, n int) []byte {
	number, size := class(n)
	return t.slabs[number].slot(ref, size)[:n:n]
}

// remove frees the text of n bytes at ref.
func (t *texts) remove(ref uint32, n int) {
	number, size := class(n)
	s := &t.slabs[number]
	s.own(ref/chunkSlots, t.epoch)
	binary.LittleEndian.PutUint32(s.slot(ref, size), s.free)
	s.free = ref + 1
}

func (s *slab) slot(ref uint32, size int) []byte {
	at := int(ref%chunkSlots) * size
	return s.chunks[ref/chunkSlots].bytes[at : at+size]
}
