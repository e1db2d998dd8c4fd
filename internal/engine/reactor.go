package engine

import (
	"sync"

	"myelin/internal/clock"
	"myelin/internal/replica"
)

// reactor gives a group its inbox, its token and the time. Whoever holds the token runs turns until there
// is no more to do.
type reactor[FX any] struct {
	clock clock.Clock
	// fetch turns what waits elsewhere into events; may be nil. after is called behind each turn, with what
	// the turn returned. Both belong to the holder of the token.
	fetch func(in []replica.Event) []replica.Event
	after func(error)
	// outside does what follows from turns and is not part of them; may be nil. It is called by whoever had the
	// token: behind a turn with last false when another one comes, where it must not take long; with last true when
	// the token was given back.
	outside func(last bool)

	// of the holder of the token
	group *replica.Group[FX]
	log   *replica.WAL // nil for a group that is in no log
	spare []replica.Event

	mu      sync.Mutex
	inbox   []replica.Event
	calls   []func()
	more    bool // something waits
	running bool // somebody holds the token
	closed  bool
	idle    chan struct{} // closed when the token is given back for the last time; nil before close
}

// post hands over an event. It does not block. It reports false if the reactor is closed.
func (r *reactor[FX]) post(e replica.Event) bool {
	return r.enter(func() { r.inbox = append(r.inbox, e) })
}

// do has fn called by the holder of the token, behind a turn. It reports false if the reactor is closed:
// then fn will not be called.
func (r *reactor[FX]) do(fn func()) bool {
	return r.enter(func() { r.calls = append(r.calls, fn) })
}

// enter adds to the inbox and sees to it that somebody looks there.
func (r *reactor[FX]) enter(add func()) bool {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return false
	}
	add()
	token := r.claimLocked()
	r.mu.Unlock()
	if token {
		go r.run()
	}
	return true
}

// claim says that there is something to do where fetch finds it. It reports whether the caller got the
// token with that: then it must run.
func (r *reactor[FX]) claim() (token bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.closed && r.claimLocked()
}

func (r *reactor[FX]) claimLocked() bool {
	r.more = true
	if r.running {
		return false
	}
	r.running = true
	return true
}

// run takes turns until nothing waits, and gives the token back.
func (r *reactor[FX]) run() {
	for r.turn() {
		if r.outside != nil && r.waits() {
			r.outside(false)
		}
	}
	if r.outside != nil {
		r.outside(true)
	}
}

// again asks for another turn. It is called by the holder of the token.
func (r *reactor[FX]) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.more = true
}

// waits reports whether there is work for another turn.
func (r *reactor[FX]) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.more
}

// runInLine takes one turn on the caller's goroutine, in which the log may commit, and leaves what came
// meanwhile to another goroutine. The caller has the token.
func (r *reactor[FX]) runInLine() {
	if r.log == nil || !r.group.Idle() {
		r.turn()
	} else {
		r.log.SetInLine(true)
		r.turn()
		r.log.SetInLine(false)
	}
	if r.goOn() {
		go r.run()
	} else if r.outside != nil {
		r.outside(true)
	}
}

// goOn reports whether there is more to do; if not, the token is given back.
func (r *reactor[FX]) goOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.more {
		r.releaseLocked()
	}
	return r.more
}

// releaseLocked gives the token back.
func (r *reactor[FX]) releaseLocked() {
	r.running = false
	if r.idle != nil {
		close(r.idle)
	}
}

// turn takes one turn with all that waits, if there is anything; if not, it gives the token back.
func (r *reactor[FX]) turn() bool {
	r.mu.Lock()
	if !r.more {
		r.releaseLocked()
		r.mu.Unlock()
		return false
	}
	events, calls := r.inbox, r.calls
	r.inbox, r.calls, r.more = r.spare[:0], nil, false
	r.mu.Unlock()
	if r.fetch != nil {
		events = r.fetch(events)
	}
	err := r.group.Turn(r.clock.Now().UnixNano(), events)
	for _, call := range calls {
		call()
	}
	r.after(err)
	clear(events)
	r.spare = events
	return true
}

// close ends the reactor: what comes from now on is ignored. It returns when nobody holds the token any
// more, and that stays so; what had been posted before is done.
func (r *reactor[FX]) close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	r.closed, r.idle = true, idle
	token := r.claimLocked()
	r.mu.Unlock()
	for token && r.turn() {
	}
	<-idle
}
