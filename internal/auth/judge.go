package auth

import (
	"net/netip"

	"github.com/nats-io/nkeys"
)

// Judge decides who somebody is: an Authenticator does, or who reads JWTs. It may be used by many at a time. Whoever wants
// those who are inside to be asked again exchanges it for another, even if that decides in the same way.
type Judge interface {
	// Restricted reports whether anybody could be refused.
	Restricted() bool
	// Required reports whether a connection has to show credentials.
	Required() bool
	// NeedsNonce reports whether connections have to be told something to sign.
	NeedsNonce() bool
	// Costly reports whether to authenticate the request may take milliseconds of a processor.
	Costly(*Request) bool
	// Authenticate returns who the request is from, an *Error, or a *Question if a service has to be asked that. It may wait
	// for others, for a moment.
	Authenticate(*Request) (*Identity, error)
	// Stays returns who somebody is that another Judge let in, or an *Error if the same credentials would not let them in now.
	Stays(*Identity) (*Identity, error)
}

// Claims are what a JWT says of its user.
type Claims struct {
	Token       Secret
	Name        string // as people call the user
	AccountName string // as people call the account
	Issuer      string // public key that signed them
	Tags        []string
	Bearer      bool // who shows the JWT need not have the user's key

	MaxSubscriptions int // of the connection; -1 for no limit but the account's
	MaxPayload       int // bytes; -1 for no limit but the account's

	Service        string // the account whose service said so; "" for none
	AccountExpires bool   // it is the account whose time is over when the identity's is

	// What is asked again when the claims of the account change.

	Signed  bool       // the nonce was signed by the user
	Address netip.Addr // of the peer
	Account any        // state of the Judge
}

// Signed reports whether the nonce was signed with the key that has this public half.
func (r *Request) Signed(public string) bool {
	key, err := nkeys.FromPublicKey(public)
	return err == nil && verifies(key, r.Nonce, decodeSignature(r.Signature))
}

// ProxyOf returns the public key of the trusted proxy that signed the request's nonce; "" if no proxy is trusted, or the
// request names none.
func (a *Authenticator) ProxyOf(r *Request) (string, error) {
	if len(a.proxies) == 0 || r.ProxySignature == "" {
		return "", nil
	}
	if public := vouchedBy(a.proxies, r); public != "" {
		return public, nil
	}
	return "", refuse(ProxyNotTrusted, r, "")
}

// Trusts reports whether a proxy with that key is trusted.
func (a *Authenticator) Trusts(proxy string) bool { return a.trusts(proxy) }
