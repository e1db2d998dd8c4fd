package stream

import (
	"math"
	"slices"
)

// record is what the machine knows of one stored message, or of a batch that spans several sequences.
type record struct {
	time    int64
	size    uint32 // as limits count it
	subject uint32 // its number plus one; 0: removed
	prev    uint32 // distance to the record before it of the same subject; 0: none, far: see table
	next    uint32 // distance to the one after it
}

// blockRecords is how many records a block takes.
const blockRecords = 512

// block is a run of records in the order of their sequences. Columns that most blocks do not need are
// there only once they say something. A frozen view may share a block that is older than the last freeze:
// of such a one nothing changes any more but the links between its records, which no view reads.
type block struct {
	records []record
	offsets []uint32 // of each record's sequence from the block's first; none: 0, 1, 2, ...
	spans   []uint32 // how many sequences each record takes; none: 1
	lives   []life   // how each record ends; none: as others do
	live    int      // records that are not removed
	bytes   uint64   // their sizes
	epoch   uint64   // of the table when the block was made
}

func (b *block) offset(i int) uint32 {
	if b.offsets == nil {
		return uint32(i)
	}
	return b.offsets[i]
}

func (b *block) span(i int) uint32 {
	if b.spans == nil {
		return 1
	}
	return b.spans[i]
}

func (b *block) life(i int) life {
	if b.lives == nil {
		return life{}
	}
	return b.lives[i]
}

// find returns the last record at or before an offset, removed or not; -1 if there is none.
func (b *block) find(offset uint32) int {
	if b.offsets == nil {
		return min(int(offset), len(b.records)-1)
	}
	i, found := slices.BinarySearch(b.offsets, offset)
	if !found {
		i--
	}
	return i
}

// before counts the live records whose offset is below one that is not 0, and sums up their sizes.
func (b *block) before(offset uint64) (records int, bytes uint64) {
	i := b.find(uint32(min(offset-1, math.MaxUint32))) + 1
	if rest := b.records[i:]; len(rest) < i { // the shorter way
		records, bytes = sum(rest)
		return b.live - records, b.bytes - bytes
	}
	return sum(b.records[:i])
}

func sum(list []record) (records int, bytes uint64) {
	for i := range list {
		if list[i].subject != 0 {
			records++
			bytes += uint64(list[i].size)
		}
	}
	return records, bytes
}

// add appends a record.
func (b *block) add(offset uint32, span uint32, end life, r record) {
	n := len(b.records)
	if b.offsets == nil && offset != uint32(n) {
		b.offsets = make([]uint32, n, cap(b.records))
		for i := range b.offsets {
			b.offsets[i] = uint32(i)
		}
	}
	if b.offsets != nil {
		b.offsets = append(b.offsets, offset)
	}
	if b.spans == nil && span != 1 {
		b.spans = make([]uint32, n, cap(b.records))
		for i := range b.spans {
			b.spans[i] = 1
		}
	}
	if b.spans != nil {
		b.spans = append(b.spans, span)
	}
	if b.lives == nil && end != (life{}) {
		b.lives = make([]life, n, cap(b.records))
	}
	if b.lives != nil {
		b.lives = append(b.lives, end)
	}
	b.records = append(b.records, r)
	b.bytes += uint64(r.size)
	b.live++
}

// remove takes out record i.
func (b *block) remove(i int) {
	b.bytes -= uint64(b.records[i].size)
	b.records[i] = record{}
	b.live--
}

// reset empties the block and keeps its memory.
func (b *block) reset() { *b = block{records: b.records[:0]} }

// clone returns a copy that shares no memory with b and has as much room.
func (b *block) clone() *block {
	c := *b
	c.records = cloneWithRoom(b.records)
	c.offsets, c.spans, c.lives = cloneWithRoom(b.offsets), cloneWithRoom(b.spans), cloneWithRoom(b.lives)
	return &c
}

func cloneWithRoom[T any](s []T) []T {
	if s == nil {
		return nil
	}
	return append(make([]T, 0, cap(s)), s...)
}
