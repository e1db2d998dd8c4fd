//go:build !unix

package server

import (
	"os"
	"os/signal"
)

// mindSignals stops the server when the user interrupts it, until stop is called.
func (s *Server) mindSignals() (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	go func() {
		for sig := range signals {
			s.log.Noticef("Trapped %q signal", sig)
			go s.Shutdown()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
