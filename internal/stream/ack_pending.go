package stream

import (
	"iter"
	"slices"
	"sort"
)

// pending are the messages that a consumer was given and has not acknowledged, by sequence. Each takes 24
// bytes. New ones are always above all others; any may go. Chunks that a frozen view may share are copied
// before they change.
type pending struct {
	chunks      []*pendingChunk
	epoch       uint64 // how often it was cloned
	count       int    // all
	abandoned   int    // of these, delivered as often as may be
	redelivered int    // of all, delivered more than once
	parked      int    // of all, not delivered yet
	low         uint64 // no lower one is waited for
}

type pendingChunk struct {
	first uint64 // sequence that offsets count from
	list  []pendingEntry
	head  int // the first live one
	live  int
	epoch uint64
}

// pendingEntry is one message. Its count is 0 once it is gone.
type pendingEntry struct {
	time   int64  // of its last delivery, or what stands for it: when the wait for an ack began
	dseq   uint64 // consumer sequence of its first delivery
	offset uint32
	count  uint32 // deliveries, or parkedBit; the top bit says that there will be no more
}

const (
	pendingPerChunk = 256
	abandonedBit    = 1 << 31
	parkedBit       = 1 << 30 // it was passed by and waits for its first delivery
	maxDeliveries   = parkedBit - 1
)

// pendingPlace is where an entry stands, until the next change.
type pendingPlace struct{ chunk, index int }

func (e *pendingEntry) deliveries() uint32 { return e.count &^ (abandonedBit | parkedBit) }

func (e *pendingEntry) isParked() bool { return e.count&parkedBit != 0 }

func (e *pendingEntry) isAbandoned() bool { return e.count&abandonedBit != 0 }

func (p *pending) at(at pendingPlace) *pendingEntry { return &p.chunks[at.chunk].list[at.index] }

func (p *pending) seq(at pendingPlace) uint64 {
	c := p.chunks[at.chunk]
	return c.first + uint64(c.list[at.index].offset)
}

// waiting is how many are waited for.
func (p *pending) waiting() int { return p.count - p.abandoned }

// first returns the lowest.
func (p *pending) first() (at pendingPlace, ok bool) {
	if p.count == 0 {
		return pendingPlace{}, false
	}
	return pendingPlace{0, p.chunks[0].head}, true
}

// firstWaiting returns the lowest that is waited for. It is never lower than before.
func (p *pending) firstWaiting() (at pendingPlace, ok bool) {
	if p.waiting() == 0 {
		return pendingPlace{}, false
	}
	at, _ = p.first()
	if p.low > p.seq(at) {
		at, _ = p.find(p.low)
	}
	for ; at.chunk < len(p.chunks); at = (pendingPlace{at.chunk + 1, 0}) {
		list := p.chunks[at.chunk].list
		for ; at.index < len(list); at.index++ {
			if e := &list[at.index]; e.count != 0 && !e.isAbandoned() {
				p.low = p.seq(at)
				return at, true
			}
		}
	}
	return pendingPlace{}, false
}

// find returns the entry of a sequence, or else where to look on for a higher one.
func (p *pending) find(seq uint64) (at pendingPlace, ok bool) {
	n := sort.Search(len(p.chunks), func(i int) bool { return p.chunks[i].first > seq }) - 1
	if n < 0 {
		return pendingPlace{}, false
	}
	c := p.chunks[n]
	if seq-c.first >= 1<<32 {
		return pendingPlace{n, len(c.list)}, false
	}
	offset := uint32(seq - c.first)
	i, found := slices.BinarySearchFunc(c.list, offset, func(e pendingEntry, offset uint32) int {
		switch {
		case e.offset < offset:
			return -1
		case e.offset > offset:
			return 1
		}
		return 0
	})
	return pendingPlace{n, i}, found && c.list[i].count != 0
}

// add enters a sequence above all others.
func (p *pending) add(seq, dseq uint64, time int64, count uint32) {
	n := len(p.chunks) - 1
	if n < 0 || len(p.chunks[n].list) >= pendingPerChunk || seq-p.chunks[n].first >= 1<<32 {
		p.chunks = append(p.chunks, &pendingChunk{first: seq, epoch: p.epoch})
		n++
	}
	c := p.own(n)
	c.list = append(c.list, pendingEntry{time, dseq, uint32(seq - c.first), count})
	c.live++
	p.count++
	if count&parkedBit != 0 {
		p.parked++
	} else if count&^abandonedBit > 1 {
		p.redelivered++
	}
	if count&abandonedBit != 0 {
		p.abandoned++
	}
}

// own returns a chunk that no view shares.
func (p *pending) own(n int) *pendingChunk {
	c := p.chunks[n]
	if c.epoch != p.epoch {
		copied := *c
		copied.list, copied.epoch = slices.Clone(c.list), p.epoch
		p.chunks[n] = &copied
		c = &copied
	}
	return c
}

// edit returns an entry to be changed, but for its count.
func (p *pending) edit(at pendingPlace) *pendingEntry { return &p.own(at.chunk).list[at.index] }

// deliver notes another delivery, the count-th at least.
func (p *pending) deliver(at pendingPlace, dseq uint64, time int64, count uint32) {
	e := p.edit(at)
	if e.isParked() {
		if count == 0 {
			return
		}
		p.parked--
		e.count, e.dseq = 0, dseq
	}
	e.time = time
	if count <= e.count {
		return
	}
	if e.count <= 1 && count > 1 {
		p.redelivered++
	}
	e.count = count
}

// abandon notes that there will be no more deliveries.
func (p *pending) abandon(at pendingPlace) {
	p.edit(at).count |= abandonedBit
	p.abandoned++
}

// remove takes an entry out, and reports whether it was waited for.
func (p *pending) remove(at pendingPlace) (waited bool) {
	c := p.own(at.chunk)
	e := &c.list[at.index]
	waited = !e.isAbandoned()
	if e.deliveries() > 1 {
		p.redelivered--
	}
	if e.isParked() {
		p.parked--
	}
	if e.isAbandoned() {
		p.abandoned--
	}
	e.count = 0
	c.live--
	p.count--
	switch {
	case c.live == 0 && at.chunk == 0:
		p.chunks[0] = nil
		p.chunks = p.chunks[1:]
	case c.live == 0:
		p.chunks = slices.Delete(p.chunks, at.chunk, at.chunk+1)
	case len(c.list)-c.head > 2*c.live && c.live > 8:
		c.list = slices.DeleteFunc(c.list, func(e pendingEntry) bool { return e.count == 0 })
		c.head = 0
	default:
		for c.list[c.head].count == 0 {
			c.head++
		}
	}
	if p.count == 0 {
		p.chunks = nil
	}
	return waited
}

// clear takes all out.
func (p *pending) clear() { *p = pending{epoch: p.epoch} }

// clone returns the same, to be changed from now on instead of p, which views keep.
func (p *pending) clone() pending {
	copied := *p
	copied.chunks = slices.Clone(p.chunks)
	copied.epoch++
	return copied
}

// all yields the entries in the order of their sequences. They must not change meanwhile.
func (p *pending) all() iter.Seq2[uint64, *pendingEntry] {
	return func(yield func(uint64, *pendingEntry) bool) {
		for _, c := range p.chunks {
			for i := c.head; i < len(c.list); i++ {
				if e := &c.list[i]; e.count != 0 && !yield(c.first+uint64(e.offset), e) {
					return
				}
			}
		}
	}
}
