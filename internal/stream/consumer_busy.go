package stream

import "myelin/internal/heap"

// busyHeap are consumers that wait for acks, the one with the lowest sequence first. So those that wait for
// a message which goes are found without asking those that are beyond it.
type busyHeap struct {
	heap heap.Heap[uint64, *consumer]
}

func (c *consumer) lowest() uint64 {
	at, _ := c.pending.first()
	return c.pending.seq(at)
}

// Placed implements heap.Item.
func (c *consumer) Placed(at int) { c.place = at }

// fix puts c in its place, or takes it out if it waits for nothing.
func (h *busyHeap) fix(c *consumer) {
	if c.pending.count == 0 {
		h.remove(c)
		return
	}
	h.heap.Set(c.place, c.lowest(), c)
}

func (h *busyHeap) remove(c *consumer) { h.heap.Remove(c.place) }

// holding appends to list the consumers that wait for an ack of seq.
func (h *busyHeap) holding(seq uint64, list []*consumer) []*consumer {
	h.heap.UpTo(seq, func(c *consumer) {
		if _, ok := c.pending.find(seq); ok {
			list = append(list, c)
		}
	})
	return list
}
