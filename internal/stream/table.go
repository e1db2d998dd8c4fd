package stream

import (
	"math"
	"slices"
)

// table holds the records of a stream and its subjects. Records stand in blocks by sequence and are linked
// by subject; a block that has lost half of its records is packed, so that a stream of which little is left
// takes little.
type table struct {
	blocks   []placed
	array    []placed // where blocks begins if none was dropped from its front; empty
	head     int      // the first live record of the first block
	spare    *block   // an emptied block for the next one
	epoch    uint64   // how often the table was frozen
	subjects subjects
	expiries expiries
	aged     uint64            // no record before this sequence ends by its age; merely remembered
	farNext  map[uint64]uint64 // links whose distance is far, by sequence
	farPrev  map[uint64]uint64

	records  int    // live records
	removed  uint64 // records that were taken out since the table was made
	messages uint64 // the sequences that they take
	bytes    uint64
}

// placed is a block and the sequence that its offsets count from.
type placed struct {
	first uint64
	*block
}

// far is the distance of a link that is in the maps of the table.
const far = math.MaxUint32

// place is where a record stands. It is valid until the next change.
type place struct {
	block int
	index int
}

func (t *table) at(p place) *record { return &t.blocks[p.block].records[p.index] }

func (t *table) seq(p place) uint64 {
	b := t.blocks[p.block]
	return b.first + uint64(b.offset(p.index))
}

func (t *table) span(p place) uint32 { return t.blocks[p.block].span(p.index) }

func (t *table) life(p place) life { return t.blocks[p.block].life(p.index) }

// first returns the place of the oldest record, if there is any.
func (t *table) first() (place, bool) { return place{0, t.head}, t.records > 0 }

// blockOf returns the number of the last block that begins at or before seq; -1 if there is none.
func (t *table) blockOf(seq uint64) int {
	n := len(t.blocks)
	if n == 0 || seq < t.blocks[0].first {
		return -1
	}
	switch {
	case seq >= t.blocks[n-1].first:
		return n - 1
	case seq < t.blocks[1].first:
		return 0 // where the oldest are, which go first
	}
	if i := int(min((seq-t.blocks[0].first)/blockRecords, uint64(n-2))); t.blocks[i].first <= seq && seq < t.blocks[i+1].first {
		return i // no sequence is missing in the blocks before
	}
	i, found := slices.BinarySearchFunc(t.blocks, seq, func(b placed, seq uint64) int {
		switch {
		case b.first < seq:
			return -1
		case b.first > seq:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	return i
}

// find returns the place of the live record that seq belongs to.
func (t *table) find(seq uint64) (place, bool) {
	n := t.blockOf(seq)
	if n < 0 {
		return place{}, false
	}
	b := t.blocks[n]
	d := min(seq-b.first, math.MaxUint32)
	i := b.find(uint32(d))
	if i < 0 || b.records[i].subject == 0 || d-uint64(b.offset(i)) >= uint64(b.span(i)) {
		return place{}, false
	}
	return place{n, i}, true
}

// from returns the place of the first live record that reaches seq or stands after it.
func (t *table) from(seq uint64) (place, bool) {
	if p, ok := t.find(seq); ok {
		return p, true
	}
	n := t.blockOf(seq)
	if n < 0 {
		return t.first()
	}
	b := t.blocks[n]
	d := min(seq-b.first, math.MaxUint32)
	return t.live(place{n, b.find(uint32(d)) + 1})
}

// after returns the place of the live record after p.
func (t *table) after(p place) (place, bool) { return t.live(place{p.block, p.index + 1}) }

// live returns the first place from p on with a live record.
func (t *table) live(p place) (place, bool) {
	for ; p.block < len(t.blocks); p = (place{p.block + 1, 0}) {
		records := t.blocks[p.block].records
		for ; p.index < len(records); p.index++ {
			if records[p.index].subject != 0 {
				return p, true
			}
		}
	}
	return place{}, false
}

// add stores a record, which comes after all others, and returns its subject's previous sequence.
func (t *table) add(seq uint64, span uint32, time int64, size uint32, id uint32, end life) (previous uint64) {
	var before place
	if s := t.subjects.at(id); s.messages > 0 {
		before, _ = t.find(s.last)
	}
	return t.addAfter(before, seq, span, time, size, id, end)
}

// addAfter is add for one who knows where the last record of the subject stands, if it has any.
func (t *table) addAfter(before place, seq uint64, span uint32, time int64, size uint32, id uint32, end life) (previous uint64) {
	s := t.subjects.at(id)
	r := record{time: time, size: size, subject: id + 1}
	if s.messages == 0 {
		s.first = seq
	} else {
		previous = s.last
		t.link(before, previous, seq, &r)
	}
	s.last = seq
	s.messages += uint64(span)
	b := t.tail(seq)
	b.add(uint32(seq-b.first), span, end, r)
	if end.expires != 0 && end.expires != never {
		t.expire(end.expires, seq)
	}
	t.records++
	t.messages += uint64(span)
	t.bytes += uint64(size)
	return previous
}

// tail returns the block that takes the record of seq.
func (t *table) tail(seq uint64) placed {
	if n := len(t.blocks); n > 0 {
		b := t.blocks[n-1]
		if len(b.records) < blockRecords && seq-b.first < math.MaxUint32 {
			return placed{b.first, t.own(n - 1)}
		}
	}
	b := t.spare
	if t.spare = nil; b == nil {
		b = new(block)
		if len(t.blocks) > 0 { // a stream that has filled a block will fill another
			b.records = make([]record, 0, blockRecords)
		}
	}
	b.epoch = t.epoch
	t.push(placed{seq, b})
	if n := len(t.blocks); n > 1 {
		t.tidy(n - 2)
		return t.blocks[len(t.blocks)-1]
	}
	t.head = 0
	return t.blocks[0]
}

// link joins the record at p, whose sequence is seq, and the record r at next, which follows it.
func (t *table) link(p place, seq, next uint64, r *record) {
	distance := next - seq
	if distance < far {
		t.at(p).next, r.prev = uint32(distance), uint32(distance)
		return
	}
	if t.farNext == nil {
		t.farNext, t.farPrev = map[uint64]uint64{}, map[uint64]uint64{}
	}
	t.at(p).next, r.prev = far, far
	t.farNext[seq], t.farPrev[next] = next, seq
}

// next is the sequence of the record after that of seq in its subject; 0 if there is none.
func (t *table) next(r *record, seq uint64) uint64 {
	switch r.next {
	case 0:
		return 0
	case far:
		return t.farNext[seq]
	}
	return seq + uint64(r.next)
}

// prev is the sequence of the record before that of seq in its subject. Of the first of a subject it means
// nothing.
func (t *table) prev(r *record, seq uint64) uint64 {
	switch r.prev {
	case 0:
		return 0
	case far:
		return t.farPrev[seq]
	}
	return seq - uint64(r.prev)
}

// remove takes out the record at p.
func (t *table) remove(p place) {
	r, seq := t.at(p), t.seq(p)
	id, span := r.subject-1, uint64(t.span(p))
	if expires := t.life(p).expires; expires != 0 && expires != never {
		t.expiries.live--
	}
	s := t.subjects.at(id)
	prev, next := uint64(0), t.next(r, seq)
	if seq != s.first {
		prev = t.prev(r, seq)
	}
	delete(t.farNext, seq)
	delete(t.farPrev, seq)
	t.unlink(s, prev, next)
	t.records--
	t.removed++
	t.messages -= span
	t.bytes -= uint64(r.size)
	t.own(p.block).remove(p.index)
	if s.messages -= span; s.messages == 0 {
		t.subjects.remove(id)
	}
	t.tidy(p.block)
}

// unlink joins what stood before and after a record that leaves its subject. What becomes the first keeps a
// link that means nothing any more.
func (t *table) unlink(s *subjectEntry, prev, next uint64) {
	delete(t.farNext, prev)
	delete(t.farPrev, next)
	switch {
	case prev == 0 && next == 0:
	case prev == 0:
		s.first = next
	case next == 0:
		before, _ := t.find(prev)
		t.at(before).next = 0
		s.last = prev
	default:
		before, _ := t.find(prev)
		after, _ := t.find(next)
		t.link(before, prev, next, t.at(after))
	}
}

// clear takes out all records.
func (t *table) clear() {
	*t = table{subjects: subjects{seed: t.subjects.seed}, removed: t.removed + uint64(t.records)}
}
