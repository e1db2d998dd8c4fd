package home

import (
	"encoding/binary"
	"math"
	"sort"

	"myelin/internal/must"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
)

// entry is where one message stands in a chunk.
type entry struct {
	delta  uint32 // of its sequence from the chunk's base
	offset uint32 // of its command in the chunk's data; with the bit dead when it is gone
}

const (
	dead       = 1 << 31
	maxOffset  = dead - 1
	entryBytes = 8
	timeBytes  = 8
	// chunkBytes is about what a chunk takes besides its data and entries.
	chunkBytes = 152
)

// chunk is a run of messages: their commands, encoded as package stream does.
type chunk struct {
	base    uint64
	data    []byte
	entries []entry // ascending
	time    int64   // of all messages; own chunks have that of each in front of its command
	own     bool    // data was copied here, and is not an entry's
	queued  bool    // waits to be squeezed
	live    int     // entries that are not dead
	waste   int64   // bytes of data that no live message needs
	held    int64   // memory, as far as the tail has counted it
	counted int64   // what lives, likewise
}

// run is a view of some messages of a chunk.
type run struct {
	base    uint64
	data    []byte
	entries []entry
	time    int64
	own     bool
}

func (c *chunk) view(from, to int) run {
	return run{c.base, c.data, c.entries[from:to], c.time, c.own}
}

// seq is the first sequence of the i-th message.
func (c *chunk) seq(i int) uint64 { return c.base + uint64(c.entries[i].delta) }

// from is the first entry whose sequence is at or after seq.
func (c *chunk) from(seq uint64) int {
	if seq <= c.base {
		return 0
	}
	d := seq - c.base
	if d > math.MaxUint32 {
		return len(c.entries)
	}
	// Mostly all sequences are there.
	if first := uint64(c.entries[0].delta); d >= first && d-first < uint64(len(c.entries)) && uint64(c.entries[d-first].delta) == d {
		return int(d - first)
	}
	return sort.Search(len(c.entries), func(i int) bool { return uint64(c.entries[i].delta) >= d })
}

// takes says whether the distance of a sequence can be told.
func (c *chunk) takes(seq uint64) bool { return seq-c.base <= math.MaxUint32 }

// cost is how many bytes of data the i-th message takes, with what was refused behind it. It does not look at the
// data, which no processor's cache may have any more when a message goes.
func (c *chunk) cost(i int) int64 {
	end := len(c.data)
	if c.own {
		end += timeBytes // which the next message would have in front
	}
	if i+1 < len(c.entries) {
		end = int(c.entries[i+1].offset &^ dead)
	}
	return int64(end) - int64(c.entries[i].offset&^dead)
}

// needed is how much memory what lives takes.
func (c *chunk) needed() int64 { return int64(len(c.data)) - c.waste + int64(c.live)*entryBytes }

// sparse says that the chunk is worth being squeezed: a third of it is not needed, and more than a trifle.
func (c *chunk) sparse() bool { return c.needed()*3/2+2*chunkBytes < c.held }

// kill takes the messages out whose first sequence lies in a range.
func (c *chunk) kill(first, last uint64) {
	for i := c.from(first); i < len(c.entries) && c.seq(i) <= last; i++ {
		e := &c.entries[i]
		if e.offset&dead == 0 {
			c.waste += c.cost(i)
			e.offset |= dead
			c.live--
		}
	}
}

// find returns the message that occupies a sequence.
func (c *chunk) find(seq uint64) (segment.Record, bool) {
	i := c.from(seq)
	if i == len(c.entries) || c.seq(i) > seq {
		i--
	}
	if i < 0 || c.entries[i].offset&dead != 0 {
		return segment.Record{}, false
	}
	v := c.view(i, i+1)
	r := v.record(0)
	return r, r.Last() >= seq
}

// record decodes the i-th message. Its parts point into the chunk.
func (v *run) record(i int) segment.Record {
	e := v.entries[i]
	a, err := stream.ReadAppend(v.data[e.offset:])
	must.OK(err)
	t := v.time
	if v.own {
		t = int64(binary.LittleEndian.Uint64(v.data[e.offset-timeBytes:]))
	}
	return segment.Record{Seq: v.base + uint64(e.delta), Time: t, Span: a.Span, Subject: a.Subject, Header: a.Header, Body: a.Body}
}

// command returns the bytes of the command at the offset, with the length in front of it.
func command(data []byte, offset uint32) []byte {
	b := data[offset:]
	if size := int(b[0]); size < 0x80 {
		return b[:1+size]
	}
	size, n := binary.Uvarint(b)
	return b[:n+int(size)]
}
