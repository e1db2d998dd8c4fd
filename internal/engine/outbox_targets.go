package engine

import "sync"

// relays knows who has dead letters for which stream, be it there or not.
type relays struct {
	mu sync.Mutex
	by map[streamName]map[*relay]bool
}

func (x *relays) add(of streamName, r *relay) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.by == nil {
		x.by = map[streamName]map[*relay]bool{}
	}
	if x.by[of] == nil {
		x.by[of] = map[*relay]bool{}
	}
	x.by[of][r] = true
}

func (x *relays) remove(of streamName, r *relay) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if delete(x.by[of], r); len(x.by[of]) == 0 {
		delete(x.by, of)
	}
}

// changed tells those who have dead letters for a stream that it appeared, went, or has another configuration.
func (x *relays) changed(s *Stream) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for r := range x.by[streamName{s.Account(), s.Name()}] {
		r.told(s.Name())
	}
}

// told notes that a target is to be tried again at once.
func (r *relay) told(name string) {
	r.answers.mu.Lock()
	if r.answers.changed == nil {
		r.answers.changed = map[string]bool{}
	}
	r.answers.changed[name] = true
	r.answers.mu.Unlock()
	r.wake()
}
