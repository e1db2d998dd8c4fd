package server

import (
	"crypto/tls"
	"fmt"
	"reflect"
	"runtime"
	"slices"

	"myelin/internal/auth"
	"myelin/internal/logging"
	"myelin/internal/subject"
)

// prepareLog opens where the log is to go.
func (r *reload) prepareLog() error {
	if r.s.ownLog == nil {
		return nil // whoever gave the server its log decides
	}
	change, drop, err := r.s.ownLog.Prepare(logging.Options(r.now.Log))
	if err != nil {
		return err
	}
	r.apply, r.drop = append(r.apply, change), append(r.drop, drop)
	return nil
}

// prepareAccounts makes who decides who is let in, and compiles what accounts have.
func (r *reload) prepareAccounts() error {
	users, err := auth.New(&r.now.Auth)
	if err != nil {
		return fmt.Errorf("read who may connect: %w", err)
	}
	compiled := make(map[string]*subject.Mappings)
	for name, a := range r.now.Accounts {
		if compiled[name], err = mappings(a.Mappings); err != nil {
			return fmt.Errorf("account %q: %w", name, err)
		}
	}
	if maps, err := mappings(r.now.Mappings); err != nil {
		return err
	} else if maps != nil {
		compiled[auth.GlobalAccount] = maps
	}
	plan, err := planShares(r.now)
	if err != nil {
		return err
	}
	r.apply = append(r.apply, func() {
		r.s.changeAccounts(r, users, compiled)
		r.s.changeShares(plan)
	})
	return nil
}

// changeAccounts puts accounts into force: first they are there, then somebody may be let in. Those that are gone are left
// empty, without streams that anybody could reach; who was in them has to go.
func (s *Server) changeAccounts(r *reload, users *auth.Authenticator, compiled map[string]*subject.Mappings) {
	names := map[string]bool{auth.GlobalAccount: true}
	for _, c := range []*Config{r.old, r.now} {
		for _, a := range c.Auth.Accounts {
			names[a.Name] = true
		}
	}
	for name := range names {
		c := r.now.Account(name)
		endow(s.broker.Add(name), &c, compiled[name])
	}
	s.system.AccountsChanged()
	if p := s.streams.Load(); p != nil {
		p.engine.LimitsChanged()
		p.api.AccountsChanged()
	}
	s.users = users
	if s.operators != nil {
		s.operators.proxies.users.Store(users)
	}
	s.gate.Change(s.judge())
}

// prepareTLS reads the certificates, which may be others by the same names.
func (r *reload) prepareTLS() error {
	s := r.s
	loaded, err := loadTLS(r.now, s.fs)
	if err != nil {
		return err
	}
	set := r.changed["TLS"] || r.changed["AllowNonTLS"] || r.changed["OCSP"] || r.changed["OCSPCache"]
	other := !sameCertificates(s.tls.Load(), loaded)
	if !set && !other {
		return nil
	}
	staples, err := s.openStaples(r.ctx, r.now, loaded)
	if err != nil {
		return err
	}
	r.apply = append(r.apply, func() { s.changeTLS(loaded, staples) })
	r.lines = append(r.lines, r.tlsLines(other)...)
	return nil
}

// tlsLines tell of TLS, in the words of stock where it has some; other says that the files hold something else.
func (r *reload) tlsLines(other bool) (lines []string) {
	old, now := r.old.TLS, r.now.TLS
	switch {
	case now == nil && old == nil:
		return nil
	case now == nil:
		return []string{"Reloaded: tls = disabled"}
	}
	if old == nil {
		return []string{"Reloaded: tls = enabled"}
	}
	before := *old
	before.Timeout, before.HandshakeFirst, before.FallbackDelay, before.Pinned = now.Timeout, now.HandshakeFirst, now.FallbackDelay, now.Pinned
	if other || !reflect.DeepEqual(&before, now) {
		lines = append(lines, "Reloaded: tls = enabled")
	}
	if old.Timeout != now.Timeout {
		lines = append(lines, fmt.Sprintf("Reloaded: tls timeout = %v", now.Timeout.Seconds()))
	}
	if old.HandshakeFirst != now.HandshakeFirst {
		lines = append(lines, fmt.Sprintf("Reloaded: Client TLS handshake first: %t", now.HandshakeFirst))
	}
	if old.FallbackDelay != now.FallbackDelay {
		lines = append(lines, fmt.Sprintf("Reloaded: Client TLS handshake first fallback delay: %v", now.FallbackDelay))
	}
	if !slices.Equal(old.Pinned, now.Pinned) {
		lines = append(lines, fmt.Sprintf("Reloaded: %d pinned_certs", len(now.Pinned)))
	}
	return lines
}

// sameCertificates reports whether two configurations that were made from the same settings have the same certificates.
func sameCertificates(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	chain := func(c tls.Certificate, d tls.Certificate) bool {
		return reflect.DeepEqual(c.Certificate, d.Certificate)
	}
	return slices.EqualFunc(a.Certificates, b.Certificates, chain) && (a.ClientCAs == b.ClientCAs || a.ClientCAs.Equal(b.ClientCAs))
}

// prepareFiles writes the files that tell of the server.
func (r *reload) prepareFiles() error {
	s := r.s
	before := s.files
	files, err := s.writeFiles(r.now)
	r.drop = append(r.drop, func() { s.removeFiles(without(files, before)) })
	if err != nil {
		return err
	}
	r.apply = append(r.apply, func() {
		s.removeFiles(without(before, files))
		s.files = files
	})
	return nil
}

// without is the list but for those that are in the other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

func (r *reload) prepareProfiling() error {
	rate := r.now.ProfBlockRate
	r.apply = append(r.apply, func() {
		if rate > 0 {
			r.s.log.Warnf("Block profiling is enabled (rate %d), this may have a performance impact", rate)
		}
		runtime.SetBlockProfileRate(rate)
	})
	return nil
}
