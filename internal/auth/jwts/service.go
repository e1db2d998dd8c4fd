package jwts

import (
	"errors"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
	"myelin/internal/clock"
)

// Service is a Judge that asks a service which the configuration names, but about those of whom that says otherwise.
type Service struct {
	users  *auth.Authenticator // with a Callout
	asker  *callout.Asker
	clock  clock.Clock
	system string
}

var _ auth.Judge = (*Service)(nil)

// NewService returns a judge for users with a Callout. The system account, "" for none, is one that the service may let
// somebody into, too.
func NewService(users *auth.Authenticator, asker *callout.Asker, c clock.Clock, system string) *Service {
	return &Service{users, asker, c, system}
}

var (
	errDelegated = errors.New("the service that let it in may not do that any more")
	errNoAccount = errors.New("there is no such account any more")
)

// Restricted implements auth.Judge.
func (*Service) Restricted() bool { return true }

// Required implements auth.Judge.
func (s *Service) Required() bool { return s.users.Required() }

// NeedsNonce implements auth.Judge.
func (s *Service) NeedsNonce() bool { return s.users.NeedsNonce() }

// Costly implements auth.Judge.
func (s *Service) Costly(r *auth.Request) bool { return s.users.FirstCostly(r) }

// Authenticate implements auth.Judge.
func (s *Service) Authenticate(r *auth.Request) (*auth.Identity, error) {
	identity, ours, err := s.users.First(r)
	var refused *auth.Error
	switch {
	case errors.As(err, &refused):
		refused.Account = s.users.Callout().Account
		return nil, refused
	case ours:
		return identity, err
	}
	return nil, &auth.Question{Ask: func(stop <-chan struct{}) (*auth.Identity, error) { return s.ask(r, stop) }}
}

// ask asks the service.
func (s *Service) ask(r *auth.Request, stop <-chan struct{}) (*auth.Identity, error) {
	co := s.users.Callout()
	spoken := *s.users.Spoken(r)
	spoken.JWT = "" // it means nothing without operators
	q := &callout.Inquiry{Account: co.Account, Subject: co.Issuer, XKey: co.XKey, Request: &spoken}
	answer, err := s.asker.Ask(q, stop)
	if err != nil {
		return nil, err
	}
	c := answer.Claims
	switch {
	case c.IssuerAccount != "":
		return nil, s.asker.Refuse(q, auth.Failed, "Error non operator mode account %q: attempted to use issuer_account", co.Account)
	case c.Issuer != co.Issuer:
		return nil, s.asker.Refuse(q, auth.Failed, "Wrong issuer for auth callout response on account %q, expected %q got %q",
			co.Account, co.Issuer, c.Issuer)
	case !s.knows(c.Audience):
		return nil, s.asker.Refuse(q, auth.Failed, "No valid account %q for auth callout response on account %q: account missing",
			c.Audience, co.Account)
	}
	// ProxyOf has succeeded before.
	proxy, _ := s.users.ProxyOf(r)
	if s.users.NeedsProxy(r) && proxy == "" {
		return nil, refuse(s.asker, q, errProxy)
	}
	v := &visit{signed: true, proxy: proxy, address: r.Address, way: r.Type}
	identity, err := s.admit(c, v)
	if err != nil {
		return nil, refuse(s.asker, q, err)
	}
	called(identity, c, q)
	identity.Claims.Token = auth.Secret(answer.Token)
	return identity, nil
}

// knows reports whether somebody can be let into an account of that name.
func (s *Service) knows(account string) bool {
	return account != "" && (account == s.system || s.users.HasAccount(account))
}

// admit says who a user is whom the service has let in.
func (s *Service) admit(c *jwt.UserClaims, v *visit) (*auth.Identity, error) {
	now := s.clock.Now()
	if c.Expires != 0 && c.Expires <= now.Unix() {
		return nil, errExpired
	}
	expires, err := ends(c, &c.UserPermissionLimits, now)
	if err != nil {
		return nil, err
	}
	p := permissions(&c.Permissions)
	if c.Audience == s.users.Callout().Account {
		p = auth.Fence(p, false)
	}
	identity, err := person(c, &c.UserPermissionLimits, p, v)
	if err != nil {
		return nil, err
	}
	identity.Account, identity.Expires = c.Audience, expires
	identity.Claims.Name = ""
	return identity, nil
}

// Stays implements auth.Judge. Whom a service has let in, stays as long as it is the same that decides and the account is there.
func (s *Service) Stays(before *auth.Identity) (*auth.Identity, error) {
	was := before.Claims
	if was == nil {
		return s.users.FirstStays(before)
	}
	if before.Proxy != "" && !s.users.Trusts(before.Proxy) {
		return nil, auth.RefuseClaims(auth.ProxyNotTrusted, before.User, errProxy)
	}
	c, err := readUser(string(was.Token))
	switch {
	case err != nil:
		return nil, auth.RefuseClaims(auth.Failed, before.User, err)
	case was.Service == "" || c.Issuer != s.users.Callout().Issuer:
		return nil, auth.RefuseClaims(auth.Failed, before.User, errDelegated)
	case !s.knows(c.Audience):
		return nil, auth.RefuseClaims(auth.Failed, before.User, errNoAccount)
	}
	now, err := s.admit(c, &visit{signed: true, proxy: before.Proxy, address: was.Address, way: before.Type})
	if err != nil {
		return nil, auth.RefuseClaims(auth.Failed, before.User, err)
	}
	now.User, now.Claims.Service, now.Claims.Token = before.User, s.users.Callout().Account, was.Token
	return now, nil
}
