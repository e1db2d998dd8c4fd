package jwts

import (
	"errors"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
)

// delegation is the state of somebody of whom a service said who it is: the accounts that it has been let in by.
type delegation struct {
	asked, account *Account
}

// asks reports whether a service decides about those who show the JWT of a user of the account.
func (a *Account) asks(user string) bool {
	external := &a.Claims.Authorization
	return external.IsEnabled() && !external.AuthUsers.Contains(user)
}

// signs reports whether a key speaks for the account.
func (a *Account) signs(key string) bool {
	if key == a.ID {
		return !a.strict
	}
	_, ok := a.Claims.SigningKeys[key]
	return ok
}

// delegates reports whether the service of the account may put users into another.
func (a *Account) delegates(to string) bool {
	allowed := a.Claims.Authorization.AllowedAccounts
	return to == a.ID || allowed.Contains(to) || allowed.Contains(jwt.AnyAccount)
}

// question asks the service of an account about somebody who has shown the JWT of one of its users.
func (j *Judge) question(asked *Account, shown *jwt.UserClaims, r *auth.Request, v *visit) *auth.Question {
	q := &callout.Inquiry{
		Account: asked.ID, Subject: asked.ID, XKey: asked.Claims.Authorization.XKey, NameTag: shown.Name, Request: r,
		May: func(key, account string) bool { return (account == "" || account == asked.ID) && asked.signs(key) },
	}
	return &auth.Question{Ask: func(stop <-chan struct{}) (*auth.Identity, error) {
		asker := j.authority.opt.Asker
		answer, err := asker.Ask(q, stop)
		if err != nil {
			return nil, err
		}
		id := issuer(answer.Claims)
		if !asked.delegates(id) {
			return nil, asker.Refuse(q, auth.Failed,
				"Account %q not permitted as valid account option for auth callout for account %q", id, asked.ID)
		}
		account, err := j.load(id)
		if err != nil {
			return nil, asker.Refuse(q, auth.Failed, "No valid account %q for auth callout response on account %q: %v", id, asked.ID, err)
		}
		visit := *v
		visit.signed = true // the service has looked
		identity, err := j.decide(account, answer.Claims, answer.Token, &visit, auth.Failed)
		if err != nil {
			return nil, refuse(asker, q, err)
		}
		called(identity, answer.Claims, q)
		identity.Claims.Name, identity.Claims.Account = shown.Name, &delegation{asked, account}
		return identity, nil
	}}
}

// load returns an account that users may be of.
func (j *Judge) load(id string) (*Account, error) {
	if !j.authority.admits(id) {
		return nil, errNotPinned
	}
	return j.authority.Load(id)
}

// called names a user whom a service has let in: by its name, or else by what the connection said.
func called(identity *auth.Identity, c *jwt.UserClaims, q *callout.Inquiry) {
	identity.Claims.Service = q.Account
	if identity.User = c.Name; c.Name == "" {
		identity.User = q.Request.Claims()
	}
}

// refuse says why an answer lets nobody in, in the words of stock where it has some.
func refuse(asker *callout.Asker, q *callout.Inquiry, err error) error {
	var known *auth.Error
	if errors.As(err, &known) {
		err = errors.Unwrap(known)
	}
	switch err {
	case errProxy:
		return asker.Refuse(q, auth.ProxyRequired, "Proxy connection required")
	case errTimes:
		return asker.Refuse(q, auth.Failed, "Authorized user on account %q outside of valid connect times", q.Account)
	case errConnection:
		return asker.Refuse(q, auth.Failed, "Authorized user on account %q using invalid connection type", q.Account)
	case errAddress:
		return asker.Refuse(q, auth.Failed, "Authorized user on account %q from an address that is not allowed", q.Account)
	}
	return asker.Refuse(q, auth.Failed, "Error validating user JWT: %v", err)
}

// remains asks again about somebody whom a service has let in, as far as the claims of accounts have changed.
func (j *Judge) remains(before *auth.Identity, d *delegation) (*auth.Identity, error) {
	asked, account := j.authority.Account(d.asked.ID), j.authority.Account(d.account.ID)
	switch now := j.authority.opt.Clock.Now(); {
	case asked == d.asked && account == d.account:
		return before, nil
	case asked == nil || !asked.Valid(now) || account == nil || !account.Valid(now):
		return nil, auth.RefuseClaims(auth.AccountExpired, before.User, errAccountEnd)
	case !asked.Claims.Authorization.IsEnabled() || !asked.delegates(account.ID):
		return nil, auth.RefuseClaims(auth.Failed, before.User, errDelegated)
	}
	was := before.Claims
	claims, err := readUser(string(was.Token))
	if err != nil {
		return nil, auth.RefuseClaims(auth.Failed, before.User, err)
	}
	v := &visit{signed: true, proxy: before.Proxy, address: was.Address, way: before.Type}
	identity, err := j.decide(account, claims, string(was.Token), v, auth.Revoked)
	if err != nil {
		return nil, err
	}
	identity.User = before.User
	identity.Claims.Service, identity.Claims.Name, identity.Claims.Account = asked.ID, was.Name, &delegation{asked, account}
	return identity, nil
}
