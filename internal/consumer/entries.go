package consumer

import "math/bits"

// entries are the messages that wait for their acknowledgement. Each is in the list of all, which ascends by
// sequence since new ones are above all others, and in one more: of those to deliver again, of those that
// wait equally long and so end in the order in which they began, or in the heap of those with a delay of
// their own.
type entries struct {
	slab  []entry  // from 1; 0 is nobody
	free  uint32   // linked by next
	index []uint32 // by hash of seq, linear probing; at most two thirds full; 0 is free
	lists []list
	heap  []uint32 // by due
	live  int
	again int      // in that list
	due   []uint32 // scratch
}

// noEntries are those of a consumer that has delivered nothing yet. Nobody changes them.
var noEntries = entries{lists: make([]list, firstWait)}

// newEntries has room for messages of so many different waits.
func newEntries(waits int) *entries { return &entries{lists: make([]list, firstWait+waits)} }

// setWaits empties the lists of waits, of which there are so many from now on.
func (t *entries) setWaits(waits int) {
	lists := make([]list, firstWait+waits)
	copy(lists[:firstWait], t.lists)
	t.lists = lists
}

type entry struct {
	seq, dseq    uint64
	time         int64 // when the wait began; of those in the heap, when it ends
	count        uint32
	place        uint32 // which list; or inHeap
	prev, next   uint32 // in that list; of those in the heap, prev is the position
	older, newer uint32 // in the list of all
}

type list struct{ head, tail uint32 }

// Lists: that of all, that of those to deliver again, and the waits.
const (
	all = iota
	again
	firstWait
	inHeap = 1<<32 - 1
)

func (t *entries) slot(seq uint64) int {
	h, _ := bits.Mul64(seq*0x9e3779b97f4a7c15, uint64(len(t.index)))
	return int(h)
}

// find returns the entry of a sequence, or 0.
func (t *entries) find(seq uint64) uint32 {
	if t.live == 0 {
		return 0
	}
	for at := t.slot(seq); t.index[at] != 0; at = t.after(at) {
		if i := t.index[at]; t.slab[i].seq == seq {
			return i
		}
	}
	return 0
}

func (t *entries) after(slot int) int {
	if slot++; slot < len(t.index) {
		return slot
	}
	return 0
}

// add enters a message above all others; it is in no other list yet.
func (t *entries) add(seq, dseq uint64, time int64, count uint32) uint32 {
	if 3*(t.live+1) > 2*len(t.index) {
		t.grow()
	}
	i := t.free
	if i != 0 {
		t.free = t.slab[i].next
	} else {
		if len(t.slab) == 0 {
			t.slab = append(t.slab, entry{})
		}
		i = uint32(len(t.slab))
		t.slab = append(t.slab, entry{})
	}
	tail := t.lists[all].tail
	t.slab[i] = entry{seq: seq, dseq: dseq, time: time, count: count, older: tail}
	if tail != 0 {
		t.slab[tail].newer = i
	} else {
		t.lists[all].head = i
	}
	t.lists[all].tail = i
	t.live++
	t.enter(i)
	return i
}

func (t *entries) enter(i uint32) {
	at := t.slot(t.slab[i].seq)
	for t.index[at] != 0 {
		at = t.after(at)
	}
	t.index[at] = i
}

func (t *entries) grow() {
	t.index = make([]uint32, max(16, 2*len(t.index)))
	for i := t.lists[all].head; i != 0; i = t.slab[i].newer {
		t.enter(i)
	}
}

// remove takes an entry out of everything.
func (t *entries) remove(i uint32) {
	t.unlink(i)
	t.leaveIndex(i)
	e := &t.slab[i]
	if e.older != 0 {
		t.slab[e.older].newer = e.newer
	} else {
		t.lists[all].head = e.newer
	}
	if e.newer != 0 {
		t.slab[e.newer].older = e.older
	} else {
		t.lists[all].tail = e.older
	}
	*e = entry{next: t.free}
	t.free = i
	t.live--
	if t.live == 0 && len(t.slab) > 4096 {
		t.slab, t.index, t.free = nil, nil, 0 // what a rush took is given back
	}
}

// leaveIndex moves up what was put aside for an entry, so that no gap breaks a search.
func (t *entries) leaveIndex(i uint32) {
	gap := t.slot(t.slab[i].seq)
	for t.index[gap] != i {
		gap = t.after(gap)
	}
	for at := t.after(gap); t.index[at] != 0; at = t.after(at) {
		home := t.slot(t.slab[t.index[at]].seq)
		if t.distance(home, at) >= t.distance(gap, at) {
			t.index[gap], gap = t.index[at], at
		}
	}
	t.index[gap] = 0
}

func (t *entries) distance(from, to int) int {
	if to < from {
		to += len(t.index)
	}
	return to - from
}

// link puts an entry at the end of a list; it is in none.
func (t *entries) link(i uint32, place uint32) {
	if place == again {
		t.again++
	}
	l, e := &t.lists[place], &t.slab[i]
	e.place, e.prev, e.next = place, l.tail, 0
	if l.tail != 0 {
		t.slab[l.tail].next = i
	} else {
		l.head = i
	}
	l.tail = i
}

// unlink takes an entry out of its list or of the heap, if it is in one.
func (t *entries) unlink(i uint32) {
	e := &t.slab[i]
	switch e.place {
	case 0:
		return
	case inHeap:
		t.leaveHeap(int(e.prev))
	default:
		if e.place == again {
			t.again--
		}
		l := &t.lists[e.place]
		if e.prev != 0 {
			t.slab[e.prev].next = e.next
		} else {
			l.head = e.next
		}
		if e.next != 0 {
			t.slab[e.next].prev = e.prev
		} else {
			l.tail = e.prev
		}
	}
	e.place, e.prev, e.next = 0, 0, 0
}

// delay puts an entry into the heap, to end at due; it is in no list.
func (t *entries) delay(i uint32, due int64) {
	e := &t.slab[i]
	e.place, e.time = inHeap, due
	t.heap = append(t.heap, i)
	t.up(len(t.heap) - 1)
}

func (t *entries) leaveHeap(at int) {
	last := len(t.heap) - 1
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if at == last {
		return
	}
	t.heap[at] = moved
	t.slab[moved].prev = uint32(at)
	t.down(at)
	t.up(int(t.slab[moved].prev))
}

// The heap is no heap.Heap: with 4 bytes for each entry, and the times in the slab, it takes a quarter of the memory, and there may be
// millions that were put off.

func (t *entries) less(a, b int) bool { return t.slab[t.heap[a]].time < t.slab[t.heap[b]].time }

func (t *entries) swap(a, b int) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.slab[t.heap[a]].prev, t.slab[t.heap[b]].prev = uint32(a), uint32(b)
}

func (t *entries) up(at int) {
	t.slab[t.heap[at]].prev = uint32(at)
	for at > 0 && t.less(at, (at-1)/2) {
		t.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
}

func (t *entries) down(at int) {
	for child := 2*at + 1; child < len(t.heap); child = 2*at + 1 {
		if child+1 < len(t.heap) && t.less(child+1, child) {
			child++
		}
		if !t.less(child, at) {
			return
		}
		t.swap(at, child)
		at = child
	}
}
