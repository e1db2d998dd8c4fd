//go:build unix

package report

import (
	"syscall"
	"time"
)

// processCPU is the processor time that the process has used, in user and in system mode; 0 where the
// system does not tell.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
