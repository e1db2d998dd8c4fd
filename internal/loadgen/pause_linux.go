package loadgen

import (
	"syscall"
	"time"
)

// pause sleeps for d. The runtime's own timers round up to a millisecond when
// the process is otherwise idle, which is too coarse to pace a load.
func pause(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // woken early by a signal is fine
}
