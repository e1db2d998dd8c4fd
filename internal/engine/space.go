package engine

import "myelin/internal/replica"

// full says that there is no space on the disk for what does not free some.
func (e *Engine) full() bool {
	if !e.wal.Full() {
		return false
	}
	e.awaitSpace()
	return true
}

// awaitSpace looks for space from now on, and has the groups go on that stalled for lack of it.
func (e *Engine) awaitSpace() {
	if e.watching.CompareAndSwap(false, true) {
		e.log.Errorf("The disk is full: publishes to streams are refused until there is space")
		e.clock.AfterFunc(retryEvery, e.lookForSpace)
	}
}

func (e *Engine) lookForSpace() {
	if e.closed.Load() {
		return
	}
	if e.wal.Full() {
		e.clock.AfterFunc(retryEvery, e.lookForSpace)
		return
	}
	e.watching.Store(false)
	e.log.Noticef("There is space on the disk again: streams take messages")
	retry := replica.Event{Kind: replica.Retry}
	e.assets.events.post(retry)
	for _, s := range e.all() {
		s.events.post(retry)
	}
}
