package netx

import (
	"slices"
	"sync"
)

// Registry numbers the open connections and remembers the last that were closed.
//
// T is an open connection; C is what is remembered of a closed one.
type Registry[T, C any] struct {
	maxClosed int

	mu     sync.RWMutex
	last   uint64 // the highest number given
	open   map[uint64]T
	closed []C // ring of at most maxClosed
	oldest int // index of the ring's oldest element
}

// NewRegistry returns a registry that remembers at most maxClosed closed connections.
func NewRegistry[T, C any](maxClosed int) *Registry[T, C] {
	return &Registry[T, C]{maxClosed: maxClosed, open: make(map[uint64]T)}
}

// Next gives out a number that was never given before; the first is 1.
func (r *Registry[T, C]) Next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return r.last
}

// Add enters an open connection under its number, unless there are max of them already; 0: no limit.
func (r *Registry[T, C]) Add(id uint64, conn T, max int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if max != 0 && len(r.open) >= max {
		return false
	}
	r.open[id] = conn
	return true
}

// Remove takes a connection out, if it was let in, and remembers it as closed.
func (r *Registry[T, C]) Remove(id uint64, memory C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
	switch {
	case len(r.closed) < r.maxClosed:
		r.closed = append(r.closed, memory)
	case r.maxClosed > 0:
		r.closed[r.oldest] = memory
		r.oldest = (r.oldest + 1) % r.maxClosed
	}
}

// Get finds an open connection.
func (r *Registry[T, C]) Get(id uint64) (T, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	conn, ok := r.open[id]
	return conn, ok
}

// Len is the number of open connections.
func (r *Registry[T, C]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.open)
}

// Total is how many connections there have ever been.
func (r *Registry[T, C]) Total() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last
}

// Open returns the open connections in the order of their numbers.
func (r *Registry[T, C]) Open() []T {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ids := make([]uint64, 0, len(r.open))
	for id := range r.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	conns := make([]T, len(ids))
	for i, id := range ids {
		conns[i] = r.open[id]
	}
	return conns
}

// Closed returns what is remembered of closed connections, the longest closed first.
func (r *Registry[T, C]) Closed() []C {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return append(slices.Clone(r.closed[r.oldest:]), r.closed[:r.oldest]...)
}
