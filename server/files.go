package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
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

// writeFiles writes the pid file and the ports file that a configuration asks for, and returns their names.
func (s *Server) writeFiles(c *Config) (files []string, err error) {
	pid := strconv.Itoa(os.Getpid())
	if name := c.PidFile; name != "" {
		if err := vfs.WriteFile(s.fs, name, []byte(pid)); err != nil {
			return nil, fmt.Errorf("could not write pidfile: %w", err)
		}
		files = append(files, name)
	}
	if c.PortsFileDir == "" {
		return files, nil
	}
	doc, err := json.Marshal(s.ports())
	if err != nil {
		return files, fmt.Errorf("encode the ports: %w", err)
	}
	name := filepath.Join(c.PortsFileDir, s.program+"_"+pid+".ports")
	// The file appears whole or not at all: its readers wait for it.
	if err := vfs.WriteFile(s.fs, name+".new", doc); err != nil {
		return files, fmt.Errorf("could not write ports file: %w", err)
	}
	if err := s.fs.Rename(name+".new", name); err != nil {
		return files, fmt.Errorf("could not write ports file: %w", err)
	}
	return append(files, name), nil
}

func (s *Server) ports() ports {
	p := ports{NATS: urls(s.clientScheme(), s.config().Host, s.clients.Addr())}
	if s.monitor != nil {
		p.Monitoring = urls(s.monitorScheme(), s.monitorHost(), s.monitor.Addr())
	}
	if s.profiler != nil {
		p.Profile = urls("http", s.config().Host, s.profiler.Addr())
	}
	return p
}

// urls are the addresses at which a port can be reached that was bound for a host: one, or for a host
// that stands for all addresses of the machine each of them, the loopback first.
func urls(scheme, host string, bound net.Addr) []string {
	port := strconv.Itoa(bound.(*net.TCPAddr).Port)
	url := func(host string) string { return scheme + "://" + net.JoinHostPort(host, port) }
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{url(host)}
	}
	list := []string{url("127.0.0.1")}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return list
	}
	for _, addr := range addrs {
		// Link-local addresses need a zone to be reached, and the first is listed already.
		if ip, _, err := net.ParseCIDR(addr.String()); err == nil && !ip.IsLinkLocalUnicast() && ip.String() != "127.0.0.1" {
			list = append(list, url(ip.String()))
		}
	}
	return list
}

func (s *Server) removeFiles(files []string) {
	for _, name := range files {
		if err := s.fs.Remove(name); err != nil {
			s.log.Warnf("could not remove %s: %v", name, err)
		}
	}
}
