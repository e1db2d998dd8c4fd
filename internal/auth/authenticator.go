package auth

import (
	"crypto/x509"
	"slices"

	"github.com/nats-io/nkeys"
)

// Authenticator tells who somebody is. It may be used by many at a time.
type Authenticator struct {
	names map[string]*user // by name
	keys  map[string]*user // by public key
	noKey nkeys.KeyPair    // is verified with when nobody has the key

	only      *user // the single user or the holder of the token; nil for none
	withToken bool  // only is the holder of the token

	noAuth    *user // who those without credentials are; nil for nobody
	proxies   []proxy
	certified *certified // nil unless users are named by certificates

	callout *callout // nil for none

	passwords passwords
	plaintext bool
}

// user is one who may connect.
type user struct {
	Identity
	password      password
	key           nkeys.KeyPair // nil for users with a password
	proxyRequired bool
}

// name is the user's, "" if it has a key instead.
func (u *user) name() string {
	if u.key != nil {
		return ""
	}
	return u.User
}

// Required reports whether a connection has to show credentials.
func (a *Authenticator) Required() bool { return a.Restricted() && a.noAuth == nil }

// Restricted reports whether anybody could be refused: connections have to say who they are, even if that may be nothing.
func (a *Authenticator) Restricted() bool { return a.listed() || a.only != nil }

// listed reports whether there is a list of users.
func (a *Authenticator) listed() bool { return len(a.names)+len(a.keys) > 0 }

// NeedsNonce reports whether connections have to be told something to sign.
func (a *Authenticator) NeedsNonce() bool { return len(a.keys)+len(a.proxies) > 0 }

// Plaintext reports whether a password stands in the configuration as it is, which is worth a warning.
func (a *Authenticator) Plaintext() bool { return a.plaintext }

// Authenticate returns who the request is from, or an *Error.
func (a *Authenticator) Authenticate(r *Request) (*Identity, error) {
	proxy, err := a.ProxyOf(r)
	if err != nil {
		return nil, err
	}
	u, err := a.identify(r)
	switch {
	case err != nil:
		return nil, err
	case u.ConnectionTypes != 0 && u.ConnectionTypes&r.Type == 0:
		return nil, refuse(Failed, r, u.name())
	case u.proxyRequired && proxy == "":
		return nil, refuse(ProxyRequired, r, u.name())
	}
	if u == everybody && proxy == "" && r.Type == Standard {
		return anybody, nil
	}
	return u.as(&Identity{Proxy: proxy, Type: r.Type, anonymous: u == a.noAuth && r.NKey == "" && r.Empty()}), nil
}

// Costly reports whether to authenticate the request may take milliseconds of a processor, as comparing with a bcrypt hash
// does. So many of those must not be done at a time that others wait for them.
func (a *Authenticator) Costly(r *Request) bool {
	switch {
	case a.passwords.maxCost == 0 || r.NKey != "" && len(a.keys) > 0:
		return false
	case a.noAuth != nil && a.certified == nil:
		return !r.Empty()
	}
	return true
}

// Stays returns who somebody is that another Judge let in, or an *Error if the same credentials would not let them in
// now. Rights and account may be others than before. What a proxy vouched for is looked at again, too.
func (a *Authenticator) Stays(before *Identity) (*Identity, error) {
	u := a.successor(before)
	switch {
	case u == nil, u.ConnectionTypes != 0 && u.ConnectionTypes&before.Type == 0:
		return nil, Refuse(&Request{User: before.User})
	case before.Proxy != "" && !a.Trusts(before.Proxy):
		return nil, refuse(ProxyNotTrusted, &Request{User: before.User}, "")
	case u.proxyRequired && before.Proxy == "":
		return nil, refuse(ProxyRequired, &Request{User: before.User}, "")
	}
	return u.as(before), nil
}

// as is the user on a connection like that of i.
func (u *user) as(i *Identity) *Identity {
	identity := u.Identity
	identity.Proxy, identity.Type, identity.anonymous, identity.of = i.Proxy, i.Type, i.anonymous, u
	return &identity
}

// successor finds the user who has the credentials of one that another Authenticator knew.
func (a *Authenticator) successor(before *Identity) *user {
	old := before.of
	switch {
	case !a.Restricted():
		return everybody
	case old == nil: // let in by somebody else
		return nil
	case old == everybody, before.anonymous:
		return a.noAuth
	case old.key != nil:
		return a.keys[old.User]
	}
	u := a.named(old.User)
	if u == nil || u.key != nil || !u.password.equals(&old.password) {
		return nil
	}
	return u
}

// everybody is who connects where nobody has to say who they are.
var everybody = &user{Identity: Identity{Account: GlobalAccount, Rights: unlimited}}

// anybody is the identity of nearly all of them: a hundred thousand connections need not have one each.
var anybody = everybody.as(&Identity{Type: Standard})

// identify finds the user and checks the credentials. A signature counts before a certificate, and that before a
// password; only who shows nothing at all is the user for those without credentials.
func (a *Authenticator) identify(r *Request) (*user, error) {
	switch {
	case !a.Restricted():
		return everybody, nil
	case a.only != nil && a.withToken:
		return a.checkPassword(a.only, "", r, r.Token)
	case a.only != nil:
		return a.checkPassword(a.named(r.User), "", r, r.Password)
	case r.NKey != "" && len(a.keys) > 0:
		return a.checkSignature(r)
	case a.certified != nil:
		u := a.certified.find(r.Certificates)
		if u == nil {
			return a.checkPassword(nil, "", r, r.Password)
		}
		return a.checkPassword(u, u.User, r, r.Password)
	case a.noAuth != nil && r.Empty():
		return a.noAuth, nil
	}
	return a.checkPassword(a.named(r.User), "", r, r.Password)
}

// named returns the user of that name, also the single one.
func (a *Authenticator) named(name string) *user {
	if a.only != nil && a.only.User == name {
		return a.only
	}
	return a.names[name]
}

// checkPassword lets u in, which is nil if there is no such user. A refusal names the user if its name is not what the
// request says.
func (a *Authenticator) checkPassword(u *user, name string, r *Request, given Secret) (*user, error) {
	p := &nobody
	if u != nil {
		p = &u.password
	}
	if !a.passwords.check(p, string(given)) {
		return nil, refuse(Failed, r, name)
	}
	return u, nil
}

func (a *Authenticator) checkSignature(r *Request) (*user, error) {
	u := a.keys[r.NKey]
	key := a.noKey
	if u != nil {
		key = u.key
	}
	if !verifies(key, r.Nonce, decodeSignature(r.Signature)) || u == nil {
		return nil, refuse(Failed, r, "")
	}
	return u, nil
}

// certified finds users that certificates name.
type certified struct {
	names     map[string]*user // all of them
	exact     map[string]*user // by distinguished name
	unordered map[string]*user // by distinguished name, whatever the order of its parts
}

func newCertified(names map[string]*user, inOrder []*user) *certified {
	c := &certified{names: names, exact: map[string]*user{}, unordered: map[string]*user{}}
	// Backwards, so that the first of two that mean the same counts.
	for _, u := range slices.Backward(inOrder) {
		if dn := parseName(u.User); dn != nil {
			c.exact[dn.exact()] = u
			c.unordered[dn.unordered()] = u
		}
	}
	return c
}

// find returns the user that the first certificate names: by one of its e-mail addresses, host names or URIs, in this
// order, or else by its subject. Nil if it names none.
func (c *certified) find(chain []*x509.Certificate) *user {
	if len(chain) == 0 {
		return nil
	}
	for _, name := range alternativeNames(chain[0]) {
		if u := c.names[name]; u != nil {
			return u
		}
	}
	dn := subjectName(chain[0])
	if dn == nil {
		return nil
	}
	if u := c.exact[dn.exact()]; u != nil {
		return u
	}
	if u := c.names[chain[0].Subject.String()]; u != nil {
		return u
	}
	return c.unordered[dn.unordered()]
}

func alternativeNames(c *x509.Certificate) []string {
	names := slices.Concat(c.EmailAddresses, c.DNSNames)
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return names
}
