package stream

import (
	"cmp"
	"iter"
	"math"
)

// Info sums up what a stream holds. Without messages First is one more than Last.
type Info struct {
	Messages  uint64
	Bytes     uint64
	First     uint64 // 0 in a stream that never held any, unless it starts elsewhere
	Last      uint64 // the last sequence that was given out
	FirstTime int64  // 0 without messages
	LastTime  int64  // of the last message that was taken, be it gone
	Subjects  int
	Deleted   uint64 // sequences from First to Last whose messages are gone
}

// Info sums up what the stream holds.
func (s *State) Info() Info {
	t := &s.table
	info := Info{
		Messages: t.messages, Bytes: t.bytes, Last: s.last, LastTime: s.lastTime, Subjects: t.subjects.count,
	}
	p, ok := t.first()
	if !ok {
		info.First = s.floor
		if s.last > 0 {
			info.First = s.last + 1
		}
		return info
	}
	info.First, info.FirstTime = t.seq(p), t.at(p).time
	info.Deleted = s.last - info.First + 1 - t.messages
	return info
}

// Record is what the machine knows of a message. Subject is valid until the next Apply.
type Record struct {
	Seq     uint64
	Span    uint32
	Size    uint32
	Time    int64
	Subject []byte
}

func (s *State) record(p place) Record {
	r := s.table.at(p)
	return Record{s.table.seq(p), s.table.span(p), r.size, r.time, s.table.subjects.text(r.subject - 1)}
}

// Get returns the message that seq belongs to.
func (s *State) Get(seq uint64) (Record, bool) {
	p, ok := s.table.find(seq)
	if !ok {
		return Record{}, false
	}
	return s.record(p), true
}

// Removals counts the messages that went since the state was made or restored: while it stays, all that there was is there.
func (s *State) Removals() uint64 { return s.table.removed }

// Has reports whether there is a message at a sequence, as Get does.
func (s *State) Has(seq uint64) bool {
	_, ok := s.table.find(seq)
	return ok
}

// Next returns the first message that reaches seq or stands after it and whose subject matches the
// filter, if it is not empty.
func (s *State) Next(seq uint64, filter string) (Record, bool) {
	if filter == "" || filter == ">" {
		p, ok := s.table.from(seq)
		if !ok {
			return Record{}, false
		}
		return s.record(p), true
	}
	best := uint64(0)
	for _, id := range s.table.matching(filter) {
		if at := s.table.nextOf(id, seq); at != 0 && (best == 0 || at < best) {
			best = at
		}
	}
	return s.Get(best)
}

// NextLive returns the sequence of the first message that reaches from or stands after it: from itself, if it
// is within one that spans several.
func (s *State) NextLive(from uint64) (seq uint64, ok bool) {
	p, ok := s.table.from(from)
	if !ok {
		return 0, false
	}
	return max(from, s.table.seq(p)), true
}

// Live counts the messages that begin with a sequence from first to last, and sums up their sizes; one that
// spans several sequences is one. It looks at each block between and at the records of at most two.
func (s *State) Live(first, last uint64) (records int, bytes uint64) {
	t := &s.table
	begin, end := max(0, t.blockOf(first)), t.blockOf(last)
	if first > last || end < 0 {
		return 0, 0
	}
	for _, b := range t.blocks[begin : end+1] {
		records += b.live
		bytes += b.bytes
	}
	if b := t.blocks[begin]; first > b.first {
		before, beforeBytes := b.before(first - b.first)
		records, bytes = records-before, bytes-beforeBytes
	}
	if b := t.blocks[end]; last-b.first < math.MaxUint64 {
		until, untilBytes := b.before(last - b.first + 1)
		records, bytes = records-(b.live-until), bytes-(b.bytes-untilBytes)
	}
	return records, bytes
}

// nextOf is the sequence of the first record of a subject that reaches seq or stands after it; 0 if
// there is none. It is found from the nearer end of the subject.
func (t *table) nextOf(id uint32, seq uint64) uint64 {
	e := t.subjects.at(id)
	if last, _ := t.find(e.last); seq > e.last && seq-e.last >= uint64(t.span(last)) {
		return 0
	}
	if seq <= e.first {
		return e.first
	}
	if seq-e.first <= e.last-min(seq, e.last) {
		return t.walkUp(e.first, seq)
	}
	return t.walkDown(e, seq)
}

func (t *table) walkUp(at, seq uint64) uint64 {
	for {
		p, _ := t.find(at)
		if at >= seq || seq-at < uint64(t.span(p)) {
			return at
		}
		at = t.next(t.at(p), at)
	}
}

func (t *table) walkDown(e *subjectEntry, seq uint64) uint64 {
	for at := e.last; ; {
		if at == e.first {
			return at
		}
		p, _ := t.find(at)
		prev := t.prev(t.at(p), at)
		before, _ := t.find(prev)
		if prev < seq && seq-prev >= uint64(t.span(before)) {
			return at
		}
		at = prev
	}
}

// Subjects yields the subjects that match a filter, if it is not empty, each with the number of its
// messages, in no particular order. The subject is valid until the next Apply.
func (s *State) Subjects(filter string) iter.Seq2[[]byte, uint64] {
	return s.yield(func() []uint32 { return s.table.matching(cmp.Or(filter, ">")) })
}

// yield yields the subjects of some numbers, each with the number of its messages.
func (s *State) yield(find func() []uint32) iter.Seq2[[]byte, uint64] {
	return func(yield func([]byte, uint64) bool) {
		for _, id := range find() {
			if !yield(s.table.subjects.text(id), s.table.subjects.at(id).messages) {
				return
			}
		}
	}
}

// Deleted yields the runs of sequences between the first message and the last sequence whose messages are
// gone.
func (s *State) Deleted() iter.Seq2[uint64, uint64] {
	return func(yield func(first, last uint64) bool) {
		p, ok := s.table.first()
		if !ok {
			return
		}
		next := s.table.seq(p)
		for ; ok; p, ok = s.table.after(p) {
			seq := s.table.seq(p)
			if seq > next && !yield(next, seq-1) {
				return
			}
			next = seq + uint64(s.table.span(p))
		}
		if next <= s.last && next != 0 {
			yield(next, s.last)
		}
	}
}

// newest returns the place of the youngest record.
func (t *table) newest() (place, bool) {
	for n := len(t.blocks) - 1; n >= 0; n-- {
		records := t.blocks[n].records
		for i := len(records) - 1; i >= 0; i-- {
			if records[i].subject != 0 {
				return place{n, i}, true
			}
		}
	}
	return place{}, false
}
