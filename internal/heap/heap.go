// Package heap keeps items in the order of a key, of which the first is at hand, and each can be moved or taken out.
//
// A heap holds the keys beside the items: to compare, no item has to be read. An item is told where it stands whenever
// that changes, so that it can be named by its place. Items of equal keys come in any order. A heap belongs to one
// goroutine at a time; its zero value is empty.
package heap

import "cmp"

// Item is told its place in a heap, from 1; 0: it is in none any more.
type Item interface{ Placed(at int) }

// Heap has items of type T, the one with the lowest key first.
type Heap[K cmp.Ordered, T Item] struct{ list []entry[K, T] }

type entry[K cmp.Ordered, T Item] struct {
	key  K
	item T
}

// Len is how many items there are.
func (h *Heap[K, T]) Len() int { return len(h.list) }

// First returns the item with the lowest key, of which there must be one.
func (h *Heap[K, T]) First() (K, T) { return h.list[0].key, h.list[0].item }

// Set gives an item a key. at is its place; 0 enters one that is in no heap.
func (h *Heap[K, T]) Set(at int, key K, item T) {
	e := entry[K, T]{key, item}
	if at == 0 {
		h.list = append(h.list, e)
		h.put(h.up(len(h.list)-1, key), e)
		return
	}
	i := at - 1
	to := i
	switch was := h.list[i].key; {
	case key < was:
		to = h.up(i, key)
	case key > was:
		to = h.down(i, key)
	}
	if to != i {
		h.put(to, e)
		return
	}
	h.list[i].key = key
}

// Remove takes out the item at a place; 0 does nothing.
func (h *Heap[K, T]) Remove(at int) {
	if at == 0 {
		return
	}
	i, last := at-1, len(h.list)-1
	gone, moved := h.list[i], h.list[last]
	h.list[last] = entry[K, T]{}
	h.list = h.list[:last]
	switch {
	case i == last:
	case moved.key < gone.key:
		h.put(h.up(i, moved.key), moved)
	default:
		h.put(h.down(i, moved.key), moved)
	}
	gone.item.Placed(0)
}

// UpTo calls visit with the items whose keys are not above one, in any order. The heap must not change meanwhile.
func (h *Heap[K, T]) UpTo(key K, visit func(T)) { h.upTo(0, key, visit) }

func (h *Heap[K, T]) upTo(i int, key K, visit func(T)) {
	for ; i < len(h.list) && h.list[i].key <= key; i = 2*i + 2 {
		visit(h.list[i].item)
		h.upTo(2*i+1, key, visit)
	}
}

// up moves the gap at i to where a key belongs at or above it, and returns that.
func (h *Heap[K, T]) up(i int, key K) int {
	for i > 0 {
		parent := (i - 1) / 2
		if h.list[parent].key <= key {
			break
		}
		h.put(i, h.list[parent])
		i = parent
	}
	return i
}

// down moves the gap at i to where a key belongs at or below it, and returns that.
func (h *Heap[K, T]) down(i int, key K) int {
	for child := 2*i + 1; child < len(h.list); child = 2*i + 1 {
		if child+1 < len(h.list) && h.list[child+1].key < h.list[child].key {
			child++
		}
		if h.list[child].key >= key {
			break
		}
		h.put(i, h.list[child])
		i = child
	}
	return i
}

func (h *Heap[K, T]) put(i int, e entry[K, T]) {
	h.list[i] = e
	e.item.Placed(i + 1)
}
