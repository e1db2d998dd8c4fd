package server

import (
	"context"
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

// openStaples asks about all certificates that are to be shown with an answer. The server does not start without.
func (s *Server) openStaples() error {
	loaded := s.tls.Load()
	if loaded == nil || s.config().OCSP.Mode == config.OCSPNever {
		return nil
	}
	authorities, err := s.config().TLS.Authorities(s.fs)
	if err != nil {
		return fmt.Errorf("load the certificates: %w", err)
	}
	for i := range loaded.Certificates {
		pair := &loaded.Certificates[i]
		if s.config().OCSP.Mode != config.OCSPAlways && !staple.MustStaple(pair.Leaf) {
			continue
		}
		c := &stapled{index: i, file: s.config().TLS.Certificates[i].CertFile}
		if c.responder, err = staple.NewResponder(pair, authorities, s.config().OCSP.URLs, s.clock); err == nil {
			c.first, err = c.responder.Ask(context.Background())
		}
		if err != nil {
			return fmt.Errorf("bad OCSP status update for certificate at '%s': %w", c.file, err)
		}
		if status := c.first.Status; status != staple.Good && (status != staple.Revoked || s.config().OCSP.Mode.Strict()) {
			return fmt.Errorf("found existing OCSP status for certificate at '%s': %s", c.file, status)
		}
		pair.OCSPStaple = c.first.Staple
		s.staples = append(s.staples, c)
	}
	return nil
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
	s.setStaple(c.index, shown)
	if err != nil || a.Status == staple.Good {
		return
	}
	s.log.Errorf("Received OCSP status for Client certificate '%s': %s", c.file, a.Status)
	if s.config().OCSP.Mode.Strict() && a.Status == staple.Revoked {
		s.log.Errorf("Shutting down: the certificate is revoked")
		go s.Shutdown()
	}
}

func (s *Server) setStaple(index int, shown []byte) {
	s.stapling.Lock()
	defer s.stapling.Unlock()
	changed := s.tls.Load().Clone()
	changed.Certificates = slices.Clone(changed.Certificates)
	changed.Certificates[index].OCSPStaple = shown
	s.tls.Store(changed)
	s.clients.SetTLS(s.clientTLS())
}
