package home

import (
	"sync"

	"myelin/internal/store/segment"
)

// cargo is messages on their way out of the tail. What it points to does not change.
type cargo struct {
	runs    []run
	entries []entry          // of runs; none is dead
	records []segment.Record // of runs, once decoded
	bytes   int64            // of commands
	through uint64           // the last first sequence that was looked at
}

// cargoes are shared by all Homes: one that flushes takes one, an idle one has none.
var cargoes = sync.Pool{New: func() any { return new(cargo) }}

// maxPooledRecords bounds the memory that a cargo keeps when it is not used.
const maxPooledRecords = 1 << 14

func (g *cargo) reset() {
	clear(g.runs)
	clear(g.records)
	*g = cargo{runs: g.runs[:0], entries: g.entries[:0], records: g.records[:0]}
}

func (g *cargo) release() {
	g.reset()
	if cap(g.records) <= maxPooledRecords && cap(g.entries) <= maxPooledRecords {
		cargoes.Put(g)
	}
}

// collect takes the messages that reach from or stand after it and begin at or before upTo, up to the end of the chunk
// with which they have about maxBytes.
func (g *cargo) collect(t *tail, from, upTo uint64, maxBytes int64) {
	for n := t.search(from); n < len(t.chunks) && t.chunks[n].base <= upTo && g.bytes < maxBytes; n++ {
		g.take(t.chunks[n], from, upTo)
	}
}

func (g *cargo) take(c *chunk, from, upTo uint64) {
	i := c.from(from)
	if _, ok := c.find(from); ok && (i == len(c.entries) || c.seq(i) > from) {
		i-- // it spans from
	}
	start := len(g.entries)
	for ; i < len(c.entries) && c.seq(i) <= upTo; i++ {
		e := c.entries[i]
		if g.through = c.seq(i); e.offset&dead == 0 {
			g.entries = append(g.entries, e)
			g.bytes += c.cost(i)
		}
	}
	if len(g.entries) > start {
		v := c.view(0, 0)
		v.entries = g.entries[start:len(g.entries):len(g.entries)]
		g.runs = append(g.runs, v)
	}
}

// decode makes records of the messages that begin after a sequence, and returns the last that any occupies.
func (g *cargo) decode(after uint64) (last uint64) {
	for i := range g.runs {
		v := &g.runs[i]
		for n := range v.entries {
			r := v.record(n)
			if last = r.Last(); r.Seq > after {
				g.records = append(g.records, r)
			}
		}
	}
	return last
}
