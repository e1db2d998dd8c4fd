package stream

// busyHeap are consumers that wait for acks, the one with the lowest sequence first. So those that wait for
// a message which goes are found without asking those that are beyond it.
type busyHeap struct{ list []*consumer }

func (c *consumer) lowest() uint64 {
	at, _ := c.pending.first()
	return c.pending.seq(at)
}

// fix puts c in its place, or takes it out if it waits for nothing.
func (h *busyHeap) fix(c *consumer) {
	switch {
	case c.pending.count == 0:
		h.remove(c)
	case c.place < 0:
		c.place = len(h.list)
		h.list = append(h.list, c)
		h.up(c.place)
	default:
		h.down(h.up(c.place))
	}
}

func (h *busyHeap) remove(c *consumer) {
	if c.place < 0 {
		return
	}
	i, last := c.place, len(h.list)-1
	h.list[i] = h.list[last]
	h.list[i].place = i
	h.list[last] = nil
	h.list = h.list[:last]
	c.place = -1
	if i < last {
		h.down(h.up(i))
	}
}

func (h *busyHeap) up(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if h.list[i].lowest() >= h.list[parent].lowest() {
			break
		}
		h.swap(i, parent)
		i = parent
	}
	return i
}

func (h *busyHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			return
		}
		if child+1 < len(h.list) && h.list[child+1].lowest() < h.list[child].lowest() {
			child++
		}
		if h.list[child].lowest() >= h.list[i].lowest() {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h *busyHeap) swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].place, h.list[j].place = i, j
}

// holding appends to list the consumers that wait for an ack of seq.
func (h *busyHeap) holding(seq uint64, list []*consumer) []*consumer {
	if len(h.list) == 0 || h.list[0].lowest() > seq {
		return list
	}
	return h.visit(0, seq, list)
}

func (h *busyHeap) visit(i int, seq uint64, list []*consumer) []*consumer {
	if i >= len(h.list) || h.list[i].lowest() > seq {
		return list
	}
	if _, ok := h.list[i].pending.find(seq); ok {
		list = append(list, h.list[i])
	}
	return h.visit(2*i+2, seq, h.visit(2*i+1, seq, list))
}
