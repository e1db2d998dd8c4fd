package engine

import "myelin/internal/heap"

// timers are the consumers that want to be looked after at some time.
type timers struct{ heap heap.Heap[int64, *timed] }

// timed is a Consumer that knows its place among the timers.
type timed Consumer

// Placed implements heap.Item.
func (c *timed) Placed(at int) { c.timer = at }

// first is when the first of them does, or never.
func (t *timers) first() int64 {
	if t.heap.Len() == 0 {
		return never
	}
	at, _ := t.heap.First()
	return at
}

// set changes when a consumer wants to be looked after.
func (t *timers) set(c *Consumer, at int64) {
	if at == never {
		t.heap.Remove(c.timer)
		return
	}
	t.heap.Set(c.timer, at, (*timed)(c))
}
