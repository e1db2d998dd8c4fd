//go:build unix

package netx

import (
	"runtime"
	"sync/atomic"
)

const (
	// eagerReads is how often an eager reader looks again: for some 30 us, what it may take to wake it where the core has gone to
	// sleep, as on virtual machines.
	eagerReads = 128
	// mostSkips is how many waits a reader sleeps through at once after it looked in vain.
	mostSkips = 64
)

// waits counts how often a reader of any connection has found nothing.
var waits atomic.Uint64

// eager decides whether a reader that finds nothing looks again for a moment instead of going to sleep. That is for the
// one client that waits for each answer before it asks again: to sleep and to be woken takes both of them longer than the
// answer does. Where others have waited meanwhile it would only take the processor from them, so it is not done
// there, nor where it was in vain before. The zero value is ready. It belongs to the reading goroutine.
type eager struct {
	waits uint64 // with our last one
	skip  uint8  // so many waits without looking again
	skips uint8  // after the next time that it is in vain, about twice as many
}

// looks is called before each wait, and says what to do. all counts the waits of all readers.
func (e *eager) looks(all *atomic.Uint64) bool {
	now := all.Add(1)
	alone := now == e.waits+1
	e.waits = now
	switch {
	case !alone:
		return false
	case e.skip > 0:
		e.skip--
		return false
	}
	return runtime.GOMAXPROCS(0) > 1 // on the only core the client could not go on
}

// looked takes in whether there was something.
func (e *eager) looked(found bool) {
	if found {
		e.skips = 0
	} else {
		e.skips = min(2*e.skips+1, mostSkips)
	}
	e.skip = e.skips
}
