package router

import (
	"sync"
	"sync/atomic"

	"myelin/internal/subject"
)

// Watch is told when the subscriptions that may match a literal subject change. Its fields are set before it is
// handed over.
type Watch struct {
	Subject string
	// Changed is called after each such change, by whoever made it. It must not block, nor call the router.
	Changed func()
}

// watches are all Watches of a router. While there is none, they cost a look.
type watches struct {
	count atomic.Int64
	mu    sync.RWMutex
	by    map[string]map[*Watch]struct{}
}

// Watch begins to tell w. What changed before is for the caller to find out afterwards.
func (r *Router) Watch(w *Watch) {
	x := &r.watches
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.by == nil {
		x.by = map[string]map[*Watch]struct{}{}
	}
	if x.by[w.Subject] == nil {
		x.by[w.Subject] = map[*Watch]struct{}{}
	}
	x.by[w.Subject][w] = struct{}{}
	x.count.Add(1)
}

// Unwatch ends that. A change that is under way may still be told.
func (r *Router) Unwatch(w *Watch) {
	x := &r.watches
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.by[w.Subject][w]; !ok {
		return
	}
	delete(x.by[w.Subject], w)
	if len(x.by[w.Subject]) == 0 {
		delete(x.by, w.Subject)
	}
	x.count.Add(-1)
}

// changed tells those whom a change of the subscriptions to a pattern concerns.
func (x *watches) changed(pattern string) {
	if x.count.Load() == 0 {
		return
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !subject.HasWildcard(pattern) {
		tell(x.by[pattern])
		return
	}
	for literal, list := range x.by {
		if subject.Matches(pattern, literal) {
			tell(list)
		}
	}
}

func tell(list map[*Watch]struct{}) {
	for w := range list {
		w.Changed()
	}
}
