package home

import (
	"encoding/binary"
	"slices"
)

// squeezeBytes is about how much one Absorb copies at most to make sparse chunks dense.
const squeezeBytes = 1 << 20

// small says that a chunk is one that is to be merged with its like.
func (c *chunk) small() bool { return c.needed() < blockBytes/4 }

// judge queues a chunk that is worth being squeezed.
func (t *tail) judge(c *chunk) {
	if c.sparse() {
		t.queue(c)
	}
}

// queue has a chunk squeezed in time. The open one waits until it is closed.
func (t *tail) queue(c *chunk) {
	if c != t.open && !c.queued {
		c.queued = true
		t.sparse = append(t.sparse, c)
	}
}

// wasteful says that the tail as a whole holds half more than it needs, and what was refused in an entry counts as
// needed up to a quarter of it: so no more than twice what lives. Before that a chunk may well become empty by itself, as
// the oldest does in a queue.
func (t *tail) wasteful() bool { return t.bytes > t.needed*3/2+2*blockBytes }

// squeeze makes chunks dense while the tail is wasteful, until about so many bytes were copied.
func (t *tail) squeeze(maxBytes int64) {
	for n := len(t.sparse); n > 0 && maxBytes > 0 && t.wasteful(); n = len(t.sparse) {
		c := t.sparse[n-1]
		t.sparse[n-1] = nil
		t.sparse = t.sparse[:n-1]
		if c.queued = false; c.held > 0 {
			maxBytes -= t.pack(c)
		}
	}
	if len(t.sparse) == 0 {
		t.sparse = nil
	}
}

// pack replaces a chunk, and neighbours that are as small, by one. It returns how many bytes it copied. A
// neighbour joins only when it is less than twice as large, so that each message is copied a logarithmic
// number of times.
func (t *tail) pack(c *chunk) int64 {
	lo := t.search(c.base)
	hi, sum := lo+1, c.needed()
	joins := func(i int) bool {
		if i < 0 || i >= len(t.chunks) || t.chunks[i] == t.open {
			return false
		}
		n := t.chunks[i].needed()
		return n <= 2*sum+chunkBytes && n+sum <= blockBytes && t.chunks[min(lo, i)].takes(t.chunks[max(hi-1, i)].lastSeq())
	}
	for {
		if joins(lo - 1) {
			lo--
			sum += t.chunks[lo].needed()
			continue
		}
		if joins(hi) {
			sum += t.chunks[hi].needed()
			hi++
			continue
		}
		break
	}
	if hi-lo == 1 && !c.sparse() {
		return 0
	}
	dense := merge(t.chunks[lo:hi])
	for _, old := range t.chunks[lo:hi] {
		t.forget(old)
	}
	t.chunks[lo] = dense
	t.chunks = slices.Delete(t.chunks, lo+1, hi)
	t.account(dense)
	t.count(dense)
	return dense.held
}

func (c *chunk) lastSeq() uint64 { return c.seq(len(c.entries) - 1) }

// merge copies what lives in chunks into one.
func merge(chunks []*chunk) *chunk {
	live, bytes := 0, 0
	for _, c := range chunks {
		live += c.live
		for _, e := range c.entries {
			if e.offset&dead == 0 {
				bytes += timeBytes + len(command(c.data, e.offset))
			}
		}
	}
	dense := &chunk{base: chunks[0].base, own: true, data: make([]byte, 0, bytes), entries: make([]entry, 0, live)}
	for _, c := range chunks {
		for i, e := range c.entries {
			if e.offset&dead != 0 {
				continue
			}
			t := c.time
			if c.own {
				t = int64(binary.LittleEndian.Uint64(c.data[e.offset-timeBytes:]))
			}
			dense.begin(c.seq(i), t)
			dense.data = append(dense.data, command(c.data, e.offset)...)
		}
	}
	return dense
}

// scrub takes out the messages that occupy some sequences, which ascend, and replaces the chunks that hold or held them by
// copies without them, until about so many bytes were looked through. It returns the sequences that are left.
func (t *tail) scrub(seqs []uint64, maxBytes int64) (rest []uint64) {
	if len(t.chunks) == 0 || len(seqs) == 0 || seqs[len(seqs)-1] < t.chunks[0].base {
		return nil
	}
	if t.open != nil && seqs[len(seqs)-1] >= t.open.base {
		t.close()
	}
	for ; maxBytes > 0 && len(t.chunks) > 0; maxBytes -= chunkBytes {
		from, _ := slices.BinarySearch(seqs, t.chunks[0].base)
		if seqs = seqs[from:]; len(seqs) == 0 {
			break
		}
		n, to := t.search(seqs[0]), len(seqs)
		if n+1 < len(t.chunks) {
			to, _ = slices.BinarySearch(seqs, t.chunks[n+1].base)
		}
		maxBytes -= t.chunks[n].held
		t.scrubChunk(n, seqs[:to])
		seqs = seqs[to:]
	}
	if len(t.chunks) == 0 {
		return nil
	}
	return seqs
}

// scrubChunk takes messages out of one chunk and replaces it by a copy.
func (t *tail) scrubChunk(n int, seqs []uint64) {
	c := t.chunks[n]
	for _, seq := range seqs {
		if r, ok := c.find(seq); ok {
			c.kill(r.Seq, r.Seq)
		}
	}
	if c.live == 0 {
		t.drop(n, n+1)
		return
	}
	t.forget(c)
	t.chunks[n] = merge(t.chunks[n : n+1])
	t.account(t.chunks[n])
	t.count(t.chunks[n])
}
