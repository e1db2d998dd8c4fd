package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"myelin/internal/logging"
)

// Run is the whole life of a server process: it starts, minds signals, and stops. It returns the exit
// code of the process. The configuration is what load returns, which is asked again for a reload.
func Run(load func() (*Config, error)) int {
	cfg, err := load()
	if err != nil {
		return refuse(err)
	}
	s, err := New(Options{Config: cfg, Name: program(), Load: load})
	if err != nil {
		return refuse(err)
	}
	// Before Start writes its files: who reads them may send signals at once.
	stop := s.mindSignals()
	defer stop()
	if err := s.Start(); err != nil {
		s.log.Fatalf("%v", err)
		s.Shutdown()
		return 1
	}
	s.Wait()
	return 0
}

// refuse says why there will be no server, after the name that scripts and test suites look for, whatever this program is called.
func refuse(err error) int {
	fmt.Fprintf(os.Stderr, "nats-server: %v\n", err)
	return 1
}

// program is the name that this program was called by.
func program() string {
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
}

// Peers that do something wrong all the time must not fill the disk with it: at most a hundred lines come in any second, half of
// them at once.
const (
	peerLogEvery = 20 * time.Millisecond
	peerLogBurst = 50
)

// openLog opens the log that the configuration asks for.
func (s *Server) openLog() error {
	log, err := logging.Open(logging.Options(s.config().Log), s.fs, s.clock)
	if err != nil {
		return err
	}
	s.log, s.ownLog, s.peerLog = log, log, log.RateLimited(peerLogEvery, peerLogBurst)
	s.closeLog = func() { log.Close() }
	return nil
}
