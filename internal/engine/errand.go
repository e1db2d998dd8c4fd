package engine

import (
	"sync"
	"time"

	"myelin/internal/clock"
)

// errand is work that has a goroutine only while there is something to do: whoever wakes it starts one, unless it
// runs.
type errand struct {
	clock clock.Clock
	// round does what there is to do now. It does not matter what woke it. One goroutine at a time calls it, which is
	// said to have the token.
	round func()

	mu      sync.Mutex // guards all below; a leaf
	more    bool
	running bool // somebody has the token
	idle    sync.Cond
	closed  bool
	timer   clock.Timer
}

func (e *errand) init(clock clock.Clock, round func()) {
	e.clock, e.round = clock, round
	e.idle.L = &e.mu
}

// wake has somebody look what there is to do. It does not block.
func (e *errand) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.more = true
	if !e.running && !e.closed {
		e.running = true
		go e.run()
	}
}

// later wakes after a while, instead of when it was asked to before.
func (e *errand) later(wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		if e.timer != nil {
			e.timer.Stop()
		}
		e.timer = e.clock.AfterFunc(wait, e.wake)
	}
}

func (e *errand) run() {
	for e.again() {
		e.round()
	}
}

// again reports whether there is more to do; if not, the token is given back.
func (e *errand) again() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more && !e.closed {
		e.more = false
		return true
	}
	e.running = false
	e.idle.Broadcast()
	return false
}

// close ends the errand; nobody has the token when it returns.
func (e *errand) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	for e.running {
		e.idle.Wait()
	}
}
