package stream

import (
	"cmp"
	"slices"
)

// needs counts, where messages go once nobody wants them, for each message the consumers that have not
// acknowledged it. It is derived from these.
type needs struct {
	on     bool
	chunks []needChunk // ascending by key
}

type needChunk struct {
	key    uint64 // sequence >> needBits
	used   int    // counts that are not 0
	counts *[1 << needBits]uint32
}

const needBits = 9

func (n *needs) search(seq uint64) (int, bool) {
	key, last := seq>>needBits, len(n.chunks)-1
	switch { // mostly at an end
	case last < 0 || n.chunks[last].key < key:
		return last + 1, false
	case n.chunks[last].key == key:
		return last, true
	case n.chunks[0].key >= key:
		return 0, n.chunks[0].key == key
	}
	return slices.BinarySearchFunc(n.chunks, key, func(c needChunk, key uint64) int { return cmp.Compare(c.key, key) })
}

func (n *needs) of(seq uint64) uint32 {
	i, found := n.search(seq)
	if !found {
		return 0
	}
	return n.chunks[i].counts[seq&(1<<needBits-1)]
}

// more adds to the count of a message.
func (n *needs) more(seq uint64, by uint32) {
	i, found := n.search(seq)
	switch {
	case by == 0:
		return
	case !found:
		n.chunks = slices.Insert(n.chunks, i, needChunk{key: seq >> needBits, counts: new([1 << needBits]uint32)})
	}
	c := &n.chunks[i]
	count := &c.counts[seq&(1<<needBits-1)]
	if *count == 0 {
		c.used++
	}
	*count += by
}

// less takes one off the count of a message, and returns what is left.
func (n *needs) less(seq uint64) uint32 {
	left := n.of(seq)
	switch left {
	case 0:
		return 0
	case 1:
		n.drop(seq)
		return 0
	}
	i, _ := n.search(seq)
	n.chunks[i].counts[seq&(1<<needBits-1)]--
	return left - 1
}

// drop forgets the count of a message.
func (n *needs) drop(seq uint64) {
	i, found := n.search(seq)
	if !found || n.chunks[i].counts[seq&(1<<needBits-1)] == 0 {
		return
	}
	c := &n.chunks[i]
	c.counts[seq&(1<<needBits-1)] = 0
	if c.used--; c.used > 0 {
		return
	}
	if i == 0 {
		n.chunks[0] = needChunk{}
		n.chunks = n.chunks[1:]
		return
	}
	n.chunks = slices.Delete(n.chunks, i, i+1)
}

// retains begins to count, if the stream's messages go once nobody wants them.
func (s *State) retains() {
	s.consumers.needs.on = s.config.Retention == Interest
}

// retain follows a change of retention: what nobody wants goes.
func (s *State) retain(fx *Effects) {
	n := &s.consumers.needs
	if s.config.Retention != Interest {
		*n = needs{}
		return
	}
	if n.on {
		return
	}
	s.recount()
	if len(s.consumers.list) == 0 {
		return // as in stock servers, what there is waits for the first consumer
	}
	fx.seqs = fx.seqs[:0]
	s.table.eachRecord(func(seq uint64, _ *record) {
		if n.of(seq) == 0 {
			fx.seqs = append(fx.seqs, seq)
		}
	})
	s.expel(fx.seqs, fx)
}

// recount counts from the consumers. Those of one filter are counted together, so that many cost no more
// than one walk through its messages.
func (s *State) recount() {
	x := &s.consumers
	x.needs = needs{on: true}
	count := func(f *filter) {
		var ends []uint64
		for _, c := range f.consumers {
			if c.initial == nil && c.early == nil {
				ends = append(ends, c.delivered.Stream)
			}
		}
		slices.Sort(ends)
		n := 0
		for seq, ok := f.set.next(0); ok && len(ends) > 0; seq, ok = f.set.next(seq + 1) {
			for n < len(ends) && ends[n] < seq {
				n++
			}
			x.needs.more(seq, uint32(n))
		}
	}
	if x.filters.all != nil {
		count(x.filters.all)
	}
	for _, f := range x.filters.list {
		if f != nil && !f.closed {
			count(f)
		}
	}
	for _, c := range x.list {
		if c.initial != nil || c.early != nil {
			s.want(c.wants(), c.delivered.Stream, nil)
		}
		for seq := range c.pending.all() {
			x.needs.more(seq, 1)
		}
	}
}

// want notes what a consumer is to be given after a sequence, and what it waits for.
func (s *State) want(w wants, after uint64, waiting []uint64) {
	n := &s.consumers.needs
	if !n.on {
		return
	}
	for _, seq := range waiting {
		n.more(seq, 1)
	}
	for seq, ok := w.next(after + 1); ok; seq, ok = w.next(seq + 1) {
		n.more(seq, 1)
	}
}

// unwant takes back what want noted. What nobody else wants goes.
func (s *State) unwant(w wants, after uint64, waiting []uint64, fx *Effects) {
	if !s.consumers.needs.on {
		return
	}
	list := slices.Clone(waiting)
	for seq, ok := w.next(after + 1); ok; seq, ok = w.next(seq + 1) {
		list = append(list, seq)
	}
	s.finish(list, fx)
}

// unwanted reports whether nobody would get a message that is stored next, so that it need not be.
func (s *State) unwanted(text []byte) bool {
	if s.config.Retention != Interest {
		return false
	}
	x := &s.consumers.filters
	if x.all != nil && x.all.wanting(s.last+1) > 0 {
		return false
	}
	if x.used == 0 {
		return true
	}
	number := x.group(text)
	return !slices.ContainsFunc(x.groups[number], func(f *filter) bool { return !f.closed && f.wanting(s.last+1) > 0 })
}

// wanting is how many consumers of a filter are to be given a message that is stored next.
func (f *filter) wanting(seq uint64) uint32 {
	if len(f.late) > 0 {
		f.late = slices.DeleteFunc(f.late, func(c *consumer) bool { return c.delivered.Stream < seq })
	}
	return uint32(len(f.consumers) - len(f.late))
}
