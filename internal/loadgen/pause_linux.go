package loadgen

import (
	"syscall"
	"time"
)

// maxPrecise is the longest pause that is worth to block a thread for.
const maxPrecise = 2 * time.Millisecond

// pause sleeps for d. The runtime's own timers round up to a millisecond when
// the process is otherwise idle, which is too coarse to pace a load.
func pause(d time.Duration) {
	if d > maxPrecise {
		time.Sleep(d)
		return
	}
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // woken early by a signal is fine
}
