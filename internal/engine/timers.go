package engine

// timers are the consumers that want to be looked after at some time, as a heap by that.
type timers struct{ heap []*Consumer }

// first is when the first of them does, or never.
func (t *timers) first() int64 {
	if len(t.heap) == 0 {
		return never
	}
	return t.heap[0].at
}

// set changes when a consumer wants to be looked after.
func (t *timers) set(c *Consumer, at int64) {
	switch {
	case c.timer == 0 && at == never:
		return
	case c.timer == 0:
		t.heap = append(t.heap, c)
		c.at, c.timer = at, len(t.heap)
	case at == never:
		t.remove(c)
		return
	default:
		c.at = at
	}
	t.fix(c.timer - 1)
}

func (t *timers) remove(c *Consumer) {
	i, last := c.timer-1, len(t.heap)-1
	t.swap(i, last)
	t.heap[last] = nil
	t.heap = t.heap[:last]
	c.timer = 0
	if i < last {
		t.fix(i)
	}
}

// fix puts the consumer at i into its place.
func (t *timers) fix(i int) {
	for i > 0 && t.heap[i].at < t.heap[(i-1)/2].at {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.heap); child++ {
			if t.heap[child].at < t.heap[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}

func (t *timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].timer, t.heap[j].timer = i+1, j+1
}
