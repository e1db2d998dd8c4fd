package server

import (
	"crypto/tls"
	"fmt"
	"time"

	"myelin/internal/monitor"
	"myelin/internal/nats"
	"myelin/internal/vfs"
)

// loadTLS reads the certificates that a configuration names; nil for none.
func loadTLS(c *Config, fs vfs.FS) (*tls.Config, error) {
	if c.TLS == nil {
		return nil, nil
	}
	loaded, err := c.TLS.Load(fs)
	if err != nil {
		return nil, fmt.Errorf("load the certificates: %w", err)
	}
	return loaded, nil
}

// changeTLS puts what was loaded into force, for connections that come.
func (s *Server) changeTLS(loaded *tls.Config, staples []*stapled) {
	s.dropStaples()
	s.stapling.Lock()
	s.tls.Store(loaded)
	s.staples = staples
	s.clients.SetTLS(s.clientTLS())
	s.stapling.Unlock()
	s.keepStaples()
}

// clientTLS is how clients are protected; nil for not at all.
func (s *Server) clientTLS() *nats.TLS {
	loaded, t := s.tls.Load(), s.config().TLS
	if loaded == nil {
		return nil
	}
	secure := &nats.TLS{
		Config: loaded, Optional: s.config().AllowNonTLS, First: t.HandshakeFirst, Fallback: t.FallbackDelay, Timeout: t.Timeout,
		Rate: t.ConnectionRate, Pinned: t.Pinned,
	}
	if t.Peers != nil {
		secure.Check = s.peers(t.Peers).Check
	}
	return secure
}

// tellTLS says in the log what clients have to be able to.
func (s *Server) tellTLS() {
	t := s.config().TLS
	if t == nil {
		return
	}
	only := t.HandshakeFirst && t.FallbackDelay == 0
	if s.config().AllowNonTLS && !only {
		s.log.Noticef("TLS available for client connections")
	} else {
		s.log.Noticef("TLS required for client connections")
	}
	if only {
		s.log.Warnf("Clients that are not using \"TLS Handshake First\" option will fail to connect")
	}
}

// monitorOptions are the settings of the monitoring pages.
func (s *Server) monitorOptions() monitor.Options {
	o := monitor.Options{
		Addr: address(s.monitorHost(), s.config().HTTPPort), BasePath: s.config().HTTPBasePath, Views: s.views,
		Warnf: s.log.Warnf, PeerErrorf: s.peerLog.Errorf,
	}
	if s.config().HTTPSPort != 0 {
		o.Addr, o.TLS = address(s.monitorHost(), s.config().HTTPSPort), s.tls.Load
	}
	return o
}

func (s *Server) clientScheme() string {
	if s.config().TLS != nil && !s.config().AllowNonTLS {
		return "tls"
	}
	return "nats"
}

func (s *Server) monitorScheme() string {
	if s.config().HTTPSPort != 0 {
		return "https"
	}
	return "http"
}

// certNotAfter is when the first of the server's certificates expires; zero without any.
func (s *Server) certNotAfter() (first time.Time) {
	loaded := s.tls.Load()
	if loaded == nil {
		return first
	}
	for _, pair := range loaded.Certificates {
		if at := pair.Leaf.NotAfter; first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}
