package auth

import (
	"bytes"
	"slices"
)

// CalloutSubject is where a service is asked who somebody is.
const CalloutSubject = "$SYS.REQ.USER.AUTH"

const (
	// CalloutReply begins the subjects on which it answers.
	CalloutReply   = "$SYS._INBOX."
	calloutReplies = CalloutReply + ">"
)

// Confidential reports whether messages by that subject are for a service, or its answers: there are passwords and claims in them.
func Confidential(subject []byte) bool {
	return string(subject) == CalloutSubject || bytes.HasPrefix(subject, []byte(CalloutReply))
}

// Callout has a service decide who may connect, but for some users.
type Callout struct {
	Issuer    string   // public key of an account: who is signed by it is let in
	Account   string   // where the service is; "" for the global one
	Users     []string // names or public keys of those whom it is not asked about, the service itself among them
	XKey      string   // public key that requests are encrypted for; "" for plain text
	Delegated []string // accounts whose users it is asked about, beside those who are no users; none: of all
}

// Question is what a Judge returns in place of an error when it has to ask somebody who takes a while.
type Question struct {
	// Ask returns who it is, an *Error, or another error if stop was closed before that was known.
	Ask func(stop <-chan struct{}) (*Identity, error)
}

// Error implements error.
func (*Question) Error() string { return "a service has to be asked" }

// Fence keeps permissions, nil for none that limit anything, of a user in the account of a callout's service from requests to
// it. Who is not the service does not see them either, since they hold passwords, nor its answers.
func Fence(p *Permissions, service bool) *Permissions {
	fenced := Permissions{}
	if p != nil {
		fenced = *p
	}
	fenced.Publish.Deny = append(slices.Clip(fenced.Publish.Deny), CalloutSubject)
	if !service {
		fenced.Subscribe.Deny = append(slices.Clip(fenced.Subscribe.Deny), CalloutSubject, calloutReplies)
	}
	return &fenced
}

// callout is a Callout as an Authenticator goes by it.
type callout struct {
	Callout
	accounts  map[string]bool // all that there are
	exempt    map[string]bool
	delegated map[string]bool
	noAuth    Request // what those without credentials are taken to say
}

// Callout is the one that the configuration asks for; nil for none. It is not to be changed.
func (a *Authenticator) Callout() *Callout {
	if a.callout == nil {
		return nil
	}
	return &a.callout.Callout
}

// HasAccount reports whether there is an account of that name. It is asked where there is a Callout.
func (a *Authenticator) HasAccount(name string) bool { return a.callout.accounts[name] }

// addCallout checks that there is somebody to ask.
func (a *Authenticator) addCallout(c *Config) error {
	if c.Callout == nil {
		return nil
	}
	co := &callout{
		Callout: *c.Callout, accounts: map[string]bool{GlobalAccount: true}, exempt: map[string]bool{}, delegated: map[string]bool{},
	}
	for _, account := range c.Accounts {
		co.accounts[account.Name] = true
	}
	co.Account = c.calloutAccount()
	if !co.accounts[co.Account] {
		return wrong(authorizationKey, "auth_callout: there is no account %q", co.Account)
	}
	for _, name := range co.Users {
		if a.named(name) == nil && a.keys[name] == nil {
			return wrong(authorizationKey, "auth_callout: there is no user %q", name)
		}
		co.exempt[name] = true
	}
	if len(co.exempt) == 0 {
		return wrong(authorizationKey, "Authorization callouts require authorized users to be specified")
	}
	for _, name := range co.Delegated {
		if !co.accounts[name] {
			return wrong(authorizationKey, "auth_callout allowed account %q not found in configured accounts", name)
		}
		co.delegated[name], co.delegated[GlobalAccount] = true, true // those of the global one are always asked about
	}
	if u := a.noAuth; u != nil {
		co.noAuth = Request{User: u.name()}
		for i := range c.Users {
			if u.key == nil && c.Users[i].Name == u.User {
				co.noAuth.Password = c.Users[i].Password
			}
		}
		if u.key != nil {
			co.noAuth.NKey = u.User
		}
	}
	a.callout = co
	return nil
}

// calloutAccount is the name of the account of the callout, which may be given by its key.
func (c *Config) calloutAccount() string {
	if c.Callout.Account == "" {
		return GlobalAccount
	}
	for _, account := range c.Accounts {
		if account.NKey == c.Callout.Account {
			return account.Name
		}
	}
	return c.Callout.Account
}

// fence is Fence for a user of the configuration.
func (c *Config) fence(u *User, p *Permissions) *Permissions {
	account := u.Account
	if account == "" {
		account = GlobalAccount
	}
	if c.Callout == nil || account != c.calloutAccount() {
		return p
	}
	return Fence(p, slices.Contains(c.Callout.Users, u.Name+u.NKey))
}

// First decides about a request as far as the service of the Callout has no say: then ours is true. Where that is a refusal,
// the proxy has not signed, or the user is one whom the service is not asked about.
func (a *Authenticator) First(r *Request) (identity *Identity, ours bool, err error) {
	if _, err := a.ProxyOf(r); err != nil {
		return nil, true, err
	}
	u := a.meant(r)
	exempt := u != nil && a.callout.exempt[u.User]
	if !exempt && len(a.callout.delegated) == 0 {
		return nil, false, nil
	}
	identity, err = a.Authenticate(r)
	if exempt {
		return identity, true, err
	}
	if err != nil || a.callout.delegated[identity.Account] {
		return nil, false, nil
	}
	return identity, true, nil
}

// FirstCostly is Costly about First.
func (a *Authenticator) FirstCostly(r *Request) bool {
	u := a.meant(r)
	return (len(a.callout.delegated) > 0 || u != nil && a.callout.exempt[u.User]) && a.Costly(r)
}

// Spoken is the request, or what is taken to have been said by somebody without credentials.
func (a *Authenticator) Spoken(r *Request) *Request {
	if a.noAuth == nil || a.meant(r) != a.noAuth || !r.Empty() || r.NKey != "" {
		return r
	}
	spoken := *r
	said := &a.callout.noAuth
	spoken.User, spoken.Password, spoken.NKey = said.User, said.Password, said.NKey
	return &spoken
}

// NeedsProxy reports whether somebody whom the service lets in has to come through a proxy since the user of the
// configuration does that it says to be.
func (a *Authenticator) NeedsProxy(r *Request) bool {
	u := a.meant(r)
	return u != nil && u.proxyRequired
}

// FirstStays is Stays for somebody whom First let in, or another Judge did without a service.
func (a *Authenticator) FirstStays(before *Identity) (*Identity, error) {
	now, err := a.Stays(before)
	if err != nil {
		return nil, err
	}
	if a.callout.exempt[now.User] || len(a.callout.delegated) > 0 && !a.callout.delegated[now.Account] {
		return now, nil
	}
	return nil, Refuse(&Request{User: before.User})
}

// meant is the user that a request says to be from; nil for none. Nothing is checked.
func (a *Authenticator) meant(r *Request) *user {
	switch {
	case r.NKey != "" && len(a.keys) > 0:
		return a.keys[r.NKey]
	case a.certified != nil:
		return a.certified.find(r.Certificates)
	case a.noAuth != nil && r.Empty():
		return a.noAuth
	}
	return a.named(r.User)
}
