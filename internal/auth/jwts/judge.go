package jwts

import (
	"fmt"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
)

// Judge returns another judge that decides in the same way.
func (a *Authority) Judge() *Judge { return &Judge{a} }

// Judge decides who is let in as its Authority says at the moment.
type Judge struct{ authority *Authority }

var _ auth.Judge = (*Judge)(nil)

// Restricted implements auth.Judge.
func (*Judge) Restricted() bool { return true }

// Required implements auth.Judge. Where a sentinel stands for who shows nothing they still have to send CONNECT, as in stock.
func (*Judge) Required() bool { return true }

// NeedsNonce implements auth.Judge.
func (*Judge) NeedsNonce() bool { return true }

// Costly implements auth.Judge.
func (*Judge) Costly(*auth.Request) bool { return false }

// Authenticate implements auth.Judge. It may wait for the Source.
func (j *Judge) Authenticate(r *auth.Request) (*auth.Identity, error) {
	a := j.authority
	proxy, err := a.opt.Proxies.ProxyOf(r)
	if err != nil {
		return nil, err
	}
	token := string(r.JWT)
	if token == "" {
		token = a.rules.Load().sentinel
	}
	if token == "" {
		return nil, auth.Refuse(r)
	}
	claims, err := readUser(token)
	if err != nil {
		return nil, auth.RefuseClaims(auth.Failed, "", err)
	}
	v := &visit{signed: r.Signed(claims.Subject), proxy: proxy, address: r.Address, way: r.Type}
	if !v.signed && !claims.BearerToken && claims.IssuerAccount == "" {
		return nil, auth.RefuseClaims(auth.Failed, claims.Subject, errSignature)
	}
	if !a.admits(issuer(claims)) {
		return nil, auth.RefuseClaims(auth.Failed, claims.Subject, errNotPinned)
	}
	account, err := a.Load(issuer(claims))
	if err != nil {
		return nil, auth.RefuseClaims(auth.Failed, claims.Subject, fmt.Errorf("account %q: %w", issuer(claims), err))
	}
	identity, err := j.decide(account, claims, token, v, auth.Failed)
	if err != nil || !account.asks(claims.Subject) {
		return identity, err
	}
	return nil, j.question(account, claims, r, v)
}

// decide asks the account.
func (j *Judge) decide(account *Account, claims *jwt.UserClaims, token string, v *visit, revoked auth.Reason) (*auth.Identity, error) {
	identity, err := account.admit(claims, v, j.authority.opt.Clock.Now())
	if err != nil {
		reason := auth.Failed
		switch {
		case err == errRevoked:
			reason = revoked
		case err == errProxy:
			reason = auth.ProxyRequired
		}
		return nil, auth.RefuseClaims(reason, claims.Subject, err)
	}
	c := identity.Claims
	c.Token, c.Signed, c.Address, c.Account = auth.Secret(token), v.signed, v.address, account
	return identity, nil
}

// Stays implements auth.Judge. It asks nobody but the Authority.
func (j *Judge) Stays(before *auth.Identity) (*auth.Identity, error) {
	was := before.Claims
	if was == nil {
		return nil, auth.Refuse(&auth.Request{User: before.User})
	}
	if before.Proxy != "" && !j.authority.opt.Proxies.Trusts(before.Proxy) {
		return nil, auth.RefuseClaims(auth.ProxyNotTrusted, before.User, errProxy)
	}
	if delegation, ok := was.Account.(*delegation); ok {
		return j.remains(before, delegation)
	}
	account := j.authority.Account(before.Account)
	switch {
	case !j.authority.rules.Load().lets(before.Account):
		return nil, auth.RefuseClaims(auth.Failed, before.User, errNotPinned)
	case account != nil && account.asks(before.User):
		return nil, auth.RefuseClaims(auth.Failed, before.User, errAsked)
	case account != nil && account == was.Account:
		return before, nil
	case account == nil || !account.Valid(j.authority.opt.Clock.Now()):
		return nil, auth.RefuseClaims(auth.AccountExpired, before.User, errAccountEnd)
	}
	claims, err := readUser(string(was.Token))
	if err != nil {
		return nil, auth.RefuseClaims(auth.Failed, before.User, err)
	}
	v := &visit{signed: was.Signed, proxy: before.Proxy, address: was.Address, way: before.Type}
	return j.decide(account, claims, string(was.Token), v, auth.Revoked)
}
