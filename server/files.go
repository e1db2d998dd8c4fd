package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"myelin/internal/vfs"
)

var errNotRunning = errors.New("server is not accepting connections")

// ports is the document that tells other programs where this server listens.
type ports struct {
	NATS       []string `json:"nats,omitempty"`
	Monitoring []string `json:"monitoring,omitempty"`
	Profile    []string `json:"profile,omitempty"`
}

// writeFiles writes the pid file and the ports file.
func (s *Server) writeFiles() error {
	pid := strconv.Itoa(os.Getpid())
	if name := s.cfg.PidFile; name != "" {
		if err := vfs.WriteFile(s.fs, name, []byte(pid)); err != nil {
			return fmt.Errorf("could not write pidfile: %w", err)
		}
		s.files = append(s.files, name)
	}
	if s.cfg.PortsFileDir == "" {
		return nil
	}
	doc, err := json.Marshal(s.ports())
	if err != nil {
		return fmt.Errorf("encode the ports: %w", err)
	}
	name := filepath.Join(s.cfg.PortsFileDir, s.program+"_"+pid+".ports")
	// The file appears whole or not at all: its readers wait for it.
	if err := vfs.WriteFile(s.fs, name+".new", doc); err != nil {
		return fmt.Errorf("could not write ports file: %w", err)
	}
	if err := s.fs.Rename(name+".new", name); err != nil {
		return fmt.Errorf("could not write ports file: %w", err)
	}
	s.files = append(s.files, name)
	return nil
}

func (s *Server) ports() ports {
	p := ports{NATS: []string{s.ClientURL()}}
	if url := s.MonitorURL(); url != "" {
		p.Monitoring = []string{url}
	}
	if s.profiler != nil {
		p.Profile = []string{"http://" + s.profiler.Addr().String()}
	}
	return p
}

func (s *Server) removeFiles() {
	for _, name := range s.files {
		if err := s.fs.Remove(name); err != nil {
			s.log.Warnf("could not remove %s: %v", name, err)
		}
	}
	s.files = nil
}
