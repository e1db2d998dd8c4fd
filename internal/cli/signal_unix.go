//go:build unix

package cli

import "syscall"

// signals are the names that --signal takes.
var signals = map[string]syscall.Signal{
	"stop":   syscall.SIGKILL,
	"quit":   syscall.SIGINT,
	"term":   syscall.SIGTERM,
	"reopen": syscall.SIGUSR1,
	"reload": syscall.SIGHUP,
	"ldm":    syscall.SIGUSR2,
}

// signalProcess sends the signal that command names; known is false when there is none.
func signalProcess(command string, pid int) (known bool, err error) {
	signal, known := signals[command]
	if !known {
		return false, nil
	}
	return true, syscall.Kill(pid, signal)
}
