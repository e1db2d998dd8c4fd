package home

import (
	"encoding/binary"
	"slices"
	"sort"

	"myelin/internal/must"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
)

const (
	// blockBytes is how large a chunk grows into which messages are copied; larger ones have one alone.
	blockBytes = 64 << 10
	// firstBytes is how large it begins in a stream that is not busy.
	firstBytes = 512
	// keepBytes is how large the Data of an entry is at least to be kept as it is.
	keepBytes = 4 << 10
)

// tail is messages in memory.
type tail struct {
	chunks []*chunk // ascending
	open   *chunk   // the last one when messages are copied into it, else nil
	expect int      // entries of the last chunk of that kind when it became full, else 0
	sparse []*chunk // worth being squeezed
	bytes  int64    // memory held
	needed int64    // of that, what lives takes
}

// count counts again what lives in a chunk.
func (t *tail) count(c *chunk) {
	needed := c.needed()
	t.needed += needed - c.counted
	c.counted = needed
}

// account counts the memory of a chunk again, which has grown.
func (t *tail) account(c *chunk) {
	held := int64(chunkBytes + entryBytes*cap(c.entries))
	if c.own {
		held += int64(cap(c.data))
	} else {
		held += int64(len(c.data))
	}
	t.bytes += held - c.held
	c.held = held
}

// last is the last chunk, nil when there is none.
func (t *tail) last() *chunk {
	if n := len(t.chunks); n > 0 {
		return t.chunks[n-1]
	}
	return nil
}

// search returns the number of the chunk in whose range a sequence lies, or of the first chunk.
func (t *tail) search(seq uint64) int {
	if n := len(t.chunks); n > 0 && t.chunks[n-1].base <= seq {
		return n - 1
	}
	return max(0, sort.Search(len(t.chunks), func(i int) bool { return t.chunks[i].base > seq })-1)
}

// find returns the message that occupies a sequence. Its parts point into the tail, where they do not change.
func (t *tail) find(seq uint64) (segment.Record, bool) {
	if len(t.chunks) == 0 || t.chunks[0].base > seq {
		return segment.Record{}, false
	}
	return t.chunks[t.search(seq)].find(seq)
}

// next returns the first message that occupies or follows a sequence.
func (t *tail) next(seq uint64) (segment.Record, bool) {
	if r, ok := t.find(seq); ok {
		return r, true
	}
	for n := t.search(seq); n < len(t.chunks); n++ {
		c := t.chunks[n]
		for i := c.from(seq); i < len(c.entries); i++ {
			if c.entries[i].offset&dead == 0 {
				v := c.view(i, i+1)
				return v.record(0), true
			}
		}
	}
	return segment.Record{}, false
}

// add takes what an entry stored, whose Data is data.
func (t *tail) add(data []byte, stored []stream.Stored) {
	if last := t.last(); last != nil && len(stored) > 0 {
		must.True(stored[0].Seq > last.lastSeq(), "sequence %d comes late", stored[0].Seq)
	}
	if worthKeeping(data, stored) {
		t.keep(data, stored)
		return
	}
	for i := range stored {
		t.copy(data, &stored[i])
	}
	if t.open != nil {
		t.count(t.open)
	}
}

// worthKeeping says whether an entry's Data is to be kept as it is: when it is large, and hardly anything in it is useless.
func worthKeeping(data []byte, stored []stream.Stored) bool {
	if len(data) < keepBytes || len(data) > maxOffset {
		return false
	}
	used := 0
	for i := range stored {
		s := &stored[i]
		if s.Changed {
			return false
		}
		used += len(s.Subject) + len(s.Header) + len(s.Body)
	}
	return used >= len(data)/4*3
}

// keep makes chunks of an entry's Data: one, unless sequences are far apart.
func (t *tail) keep(data []byte, stored []stream.Stored) {
	t.close()
	for start := uint32(0); len(stored) > 0; {
		c := &chunk{base: stored[0].Seq, time: stored[0].Time, entries: make([]entry, 0, len(stored)), waste: int64(stored[0].Offset - start)}
		n := 0
		for ; n < len(stored) && c.takes(stored[n].Seq) && stored[n].Time == c.time; n++ {
			c.entries = append(c.entries, entry{uint32(stored[n].Seq - c.base), stored[n].Offset - start})
		}
		end := uint32(len(data))
		if n < len(stored) {
			end = stored[n].Offset
		}
		c.data, c.live = data[start:end:end], n
		stored, start = stored[n:], end
		t.chunks = append(t.chunks, c)
		t.account(c)
		t.count(c)
		t.judge(c)
	}
}

// copy copies a message into the open chunk.
func (t *tail) copy(data []byte, s *stream.Stored) {
	if !s.Changed {
		raw := command(data, s.Offset)
		c := t.room(s.Seq, timeBytes+len(raw))
		c.begin(s.Seq, s.Time)
		c.data = append(c.data, raw...)
		return
	}
	a := stream.Append{Span: s.Span, Subject: s.Subject, Header: s.Header, Body: s.Body}
	c := t.room(s.Seq, timeBytes+maxCommandBytes+len(s.Subject)+len(s.Header)+len(s.Body))
	c.begin(s.Seq, s.Time)
	c.data = a.Encode(c.data)
}

// maxCommandBytes is what an Append takes at most besides its subject, header and body.
const maxCommandBytes = 10 + 1 + 5 + 5 + 5

// begin makes an entry of a message whose command is appended next.
func (c *chunk) begin(seq uint64, time int64) {
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(time))
	c.entries = append(c.entries, entry{uint32(seq - c.base), uint32(len(c.data))})
	c.live++
}

// room returns the open chunk with room for so many bytes and an entry; a new one when it is full.
func (t *tail) room(seq uint64, need int) *chunk {
	c := t.open
	if c != nil && (len(c.data)+need > blockBytes || !c.takes(seq)) {
		n := len(c.entries)
		t.close()
		t.expect, c = n, nil
	}
	if c == nil {
		size := firstBytes
		if t.expect > 0 {
			size = blockBytes
		}
		c = &chunk{base: seq, own: true, data: make([]byte, 0, max(size, need)), entries: make([]entry, 0, t.expect)}
		t.open = c
		t.chunks = append(t.chunks, c)
		t.account(c)
	}
	if size := len(c.data) + need; size > cap(c.data) {
		c.data = append(make([]byte, 0, max(size, min(2*cap(c.data), blockBytes))), c.data...)
		t.account(c)
	}
	if len(c.entries) == cap(c.entries) {
		c.entries = append(make([]entry, 0, max(4, 2*len(c.entries))), c.entries...)
		t.account(c)
	}
	return c
}

// close ends the open chunk.
func (t *tail) close() {
	c := t.open
	if c == nil {
		return
	}
	t.open, t.expect = nil, 0
	t.count(c)
	if c.live == 0 {
		i := len(t.chunks) - 1
		t.drop(i, i+1)
		return
	}
	t.judge(c)
}

// remove takes out the messages whose first sequence lies in a range.
func (t *tail) remove(first, last uint64) {
	lo := t.search(first)
	hi := lo
	for ; hi < len(t.chunks) && t.chunks[hi].base <= last; hi++ {
		c := t.chunks[hi]
		if whole := first <= c.base && c.lastSeq() <= last; whole && c != t.open {
			c.live = 0
			continue
		}
		c.kill(first, last)
		t.count(c)
		t.judge(c)
	}
	// Those between the outermost are empty.
	stays := func(c *chunk) bool { return c.live > 0 || c == t.open }
	if lo < hi && stays(t.chunks[lo]) {
		lo++
	}
	if lo < hi && stays(t.chunks[hi-1]) {
		hi--
	}
	t.drop(lo, hi)
}

// removeThrough takes out all messages up to a sequence, and the open chunk when nothing is left of it.
func (t *tail) removeThrough(seq uint64) {
	if t.remove(0, seq); t.open != nil && t.open.live == 0 {
		t.close()
	}
}

// drop forgets chunks.
func (t *tail) drop(from, to int) {
	if from >= to {
		return
	}
	for _, c := range t.chunks[from:to] {
		t.forget(c)
	}
	if from == 0 {
		clear(t.chunks[:to])
		t.chunks = t.chunks[to:]
	} else {
		t.chunks = slices.Delete(t.chunks, from, to)
	}
	// What stands side by side now may be small.
	if from > 0 && from < len(t.chunks) && t.chunks[from].small() {
		t.queue(t.chunks[from-1])
	}
}

// forget counts a chunk out.
func (t *tail) forget(c *chunk) {
	t.bytes -= c.held
	t.needed -= c.counted
	c.held, c.counted = 0, 0
}
