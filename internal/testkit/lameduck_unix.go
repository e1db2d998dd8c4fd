//go:build unix

package testkit

import "syscall"

// LameDuck tells the server to send its clients away and end.
func (s *Server) LameDuck() {
	s.tb.Helper()
	s.Signal(syscall.SIGUSR2)
}
