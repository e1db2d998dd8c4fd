package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"myelin/internal/config"
	"myelin/internal/staple"
)

// stapled is a certificate that is shown with what its issuer says of it.
type stapled struct {
	index     int    // among the server's
	file      string // for the log
	responder *staple.Responder
	first     *staple.Answer
	keeper    *staple.Keeper
}

// openStaples asks about all certificates that are to be shown with an answer, and adds it to what was loaded. The server does
// not start without.
func (s *Server) openStaples(ctx context.Context, cfg *Config, loaded *tls.Config) (staples []*stapled, err error) {
	if loaded == nil || cfg.OCSP.Mode == config.OCSPNever {
		return nil, nil
	}
	authorities, err := cfg.TLS.Authorities(s.fs)
	if err != nil {
		return nil, fmt.Errorf("load the certificates: %w", err)
	}
	for i := range loaded.Certificates {
		pair := &loaded.Certificates[i]
		if cfg.OCSP.Mode != config.OCSPAlways && !staple.MustStaple(pair.Leaf) {
			continue
		}
		c := &stapled{index: i, file: cfg.TLS.Certificates[i].CertFile}
		if c.responder, err = staple.NewResponder(pair, authorities, cfg.OCSP.URLs, s.clock); err == nil {
			c.first, err = c.responder.Ask(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("bad OCSP status update for certificate at '%s': %w", c.file, err)
		}
		if status := c.first.Status; status != staple.Good && (status != staple.Revoked || cfg.OCSP.Mode.Strict()) {
			return nil, fmt.Errorf("found existing OCSP status for certificate at '%s': %s", c.file, status)
		}
		pair.OCSPStaple = c.first.Staple
		staples = append(staples, c)
	}
	return staples, nil
}

// keepStaples asks again from time to time.
func (s *Server) keepStaples() {
	if len(s.staples) > 0 {
		s.log.Noticef("OCSP Stapling enabled for Client connections")
	}
	for _, c := range s.staples {
		if c.first.Status == staple.Revoked {
			s.log.Errorf("Received OCSP status for Client certificate '%s': revoked", c.file)
		} else {
			s.log.Noticef("Found OCSP status for Client certificate at '%s': %s, next update %s, checking again in %s", c.file,
				c.first.Status, c.first.NextUpdate.Format(time.RFC3339), staple.Pause(c.first, s.clock.Now()))
		}
		c.keeper = staple.Keep(c.responder, c.first, func(a *staple.Answer, err error) { s.renewStaple(c, a, err) })
	}
}

func (s *Server) dropStaples() {
	for _, c := range s.staples {
		if c.keeper != nil {
			c.keeper.Stop()
		}
	}
}

// renewStaple shows another answer with a certificate, or none if there is none any more. A server that is to be strict ends
// when its certificate is revoked.
func (s *Server) renewStaple(c *stapled, a *staple.Answer, err error) {
	if err != nil {
		s.log.Errorf("Bad OCSP status update for certificate '%s': %v", c.file, err)
	}
	var shown []byte
	if a != nil {
		shown = a.Staple
	}
	s.setStaple(c, shown)
	if err != nil || a.Status == staple.Good {
		return
	}
	s.log.Errorf("Received OCSP status for Client certificate '%s': %s", c.file, a.Status)
	if s.config().OCSP.Mode.Strict() && a.Status == staple.Revoked {
		s.log.Errorf("Shutting down: the certificate is revoked")
		go s.Shutdown()
	}
}

func (s *Server) setStaple(c *stapled, shown []byte) {
	s.stapling.Lock()
	defer s.stapling.Unlock()
	if !slices.Contains(s.staples, c) {
		return // its certificate has been exchanged
	}
	changed := s.tls.Load().Clone()
	changed.Certificates = slices.Clone(changed.Certificates)
	changed.Certificates[c.index].OCSPStaple = shown
	s.tls.Store(changed)
	s.clients.SetTLS(s.clientTLS())
}
