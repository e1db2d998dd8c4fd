//go:build unix

package server

import (
	"os"
	"os/signal"
	"syscall"
)

// mindSignals acts on the signals that a server understands until stop is called.
func (s *Server) mindSignals() (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for sig := range signals {
			s.log.Noticef("Trapped %q signal", sig)
			s.obey(sig)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

func (s *Server) obey(sig os.Signal) {
	switch sig {
	case syscall.SIGINT:
		go s.Shutdown()
	case syscall.SIGTERM:
		// Whoever manages the process sends this in the middle of the lame duck period, too.
		if !s.inState(lameDuck) {
			go s.Shutdown()
		}
	case syscall.SIGUSR1:
		s.ReopenLog()
	case syscall.SIGUSR2:
		go s.LameDuck()
	case syscall.SIGHUP:
		// It may wait for others, and a signal to stop must not.
		go s.obeyReload()
	}
}

func (s *Server) obeyReload() {
	if err := s.ReloadFile(); err != nil {
		s.log.Errorf("Failed to reload server configuration: %v", err)
	}
}
