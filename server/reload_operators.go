package server

import (
	"slices"

	"myelin/internal/auth/jwts"
	"myelin/internal/config"
)

// prepareOperators makes the place where accounts come from. Who is trusted cannot change.
func (r *reload) prepareOperators() error {
	s, c := r.s, &r.now.Operators
	o := s.operators
	if o == nil {
		return nil // there are none by now either, or it would have been refused
	}
	tokens, err := c.Tokens(s.fs)
	if err != nil {
		return err
	}
	trust := o.authority.Trust()
	if !slices.EqualFunc(trust.Operators(), tokens, func(known *jwts.Operator, token string) bool { return known.Token == token }) {
		return change{path: "Operators.Trusted"}.refusal() // the files have others
	}
	now := resolverOf(c, trust)
	p := o.place.Load()
	if r.changed["Operators.Resolver"] || now.Type == config.ResolverMemory || now.TLS != nil {
		if p, err = s.openPlace(c, o, trust); err != nil {
			return err
		}
	}
	r.apply = append(r.apply, func() {
		if p.directory != nil && p != o.place.Load() { // somebody may have pushed to the same directory meanwhile
			if again, err := s.openPlace(c, o, trust); err == nil {
				p = again
			}
		}
		s.changeOperators(p, c, now.Type == config.ResolverMemory)
	})
	return nil
}

// changeOperators puts into force what was prepared, and asks the place for all accounts that are in use.
func (s *Server) changeOperators(p *place, c *config.Operators, knowsAll bool) {
	o := s.operators
	if p.directory != nil {
		if err := p.directory.Preload(c.Preload); err != nil {
			s.log.Errorf("write to the directory of the resolver: %v", err)
		}
	}
	o.place.Store(p)
	s.system.KeepClaims(p.directory != nil, !p.cache)
	o.authority.SetRules(c.Pinned, string(c.Sentinel))
	switch { // others are not asked, who might not answer
	case p.directory != nil:
		o.authority.Refresh(p.directory, false)
	case knowsAll:
		o.authority.Refresh(p.source, true)
	}
	s.gate.Change(s.judge())
}
