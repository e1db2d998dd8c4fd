package auth

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Request is what a connection says and shows about itself. Strings are as they came, of any length.
type Request struct {
	// From CONNECT.

	User           string
	Password       Secret
	Token          Secret
	NKey           string // public key
	Signature      string // by that key, of the nonce
	JWT            Secret // means something to servers that trust operators only
	ProxySignature string // by a proxy's key, of the nonce

	// From the connection.

	Nonce        string              // what this connection was told to sign; "" for nothing
	Address      netip.Addr          // of the peer
	Certificates []*x509.Certificate // that the TLS peer showed and that were verified, its own first
	Type         ConnectionTypes     // exactly one

	About func() About // what a service is told of the connection; nil for nothing
}

// About is what a connection is, beside who.
type About struct {
	CID                 uint64
	Host                string
	Name, Lang, Version string // as the client says
	Protocol            int
	TLS                 *tls.ConnectionState // nil for none
}

// Identity is who a connection turned out to be. It is not changed: connections may share one.
type Identity struct {
	User    string    // name or public key; "" for somebody without a name
	Account string    // never ""
	Rights  *Rights   // never nil
	Proxy   string    // public key of the trusted proxy that it came through; "" for none
	Expires time.Time // when it stops being valid; zero for never

	ConnectionTypes ConnectionTypes // in which it is valid; 0 for all
	Type            ConnectionTypes // that it has

	Claims *Claims // of its JWT; nil for none

	of        *user
	anonymous bool // showed no credentials
}

// HasKey reports whether it is that of a configured user who has a key in place of a password.
func (i *Identity) HasKey() bool { return i.of != nil && i.of.key != nil }

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

// Empty reports whether the request shows no credentials of its own: who sends it may be a user without.
func (r *Request) Empty() bool { return r.User == "" && r.Password == "" && r.Token == "" }

// Claims is who the request says it is from, whether that is true or not: a public key, or a name, or a word in the place of
// a token. It is "" if it says nothing.
func (r *Request) Claims() string {
	switch {
	case r.NKey != "":
		return r.NKey
	case r.User != "":
		return r.User
	}
	return r.Token.String()
}

// Reason is why somebody was refused.
type Reason int

const (
	Failed          Reason = iota // wrong credentials, or none
	ProxyNotTrusted               // signed by a proxy that is not trusted
	ProxyRequired                 // did not come through a proxy
	Revoked                       // was let in, and the account has revoked that since
	AccountExpired                // was let in, and the account is no more
)

// Error is a refusal.
type Error struct {
	Reason Reason
	who    string

	// User is who the connection is, where its certificate says so and something else is wrong; "" for who its request says it is.
	User string

	// Where a service decides: the account that it is in, and what that is told in place of the reason; "" for the reason.
	Account, Why string

	cause error // nil for none that is worth a look
}

// Unwrap returns what was wrong with a JWT.
func (e *Error) Unwrap() error { return e.cause }

// Error is what the log says. It holds no secret.
func (e *Error) Error() string { return "authentication error" + e.who }

// Text is what the client is told, whatever the reason, unless it was inside before.
func (e *Error) Text() string {
	switch e.Reason {
	case Revoked:
		return "User Authentication Revoked"
	case AccountExpired:
		return "Account Authentication Expired"
	}
	return "Authorization Violation"
}

// maxShown is how many bytes are shown of what somebody says who was not let in: it costs them nothing to say more.
const maxShown = 256

// Short is the beginning of a text that a stranger chose.
func Short(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "..."
}

// Legible is such a text as a log may show it: short, and within its line.
func Legible(text string) string {
	text = Short(text)
	if strings.ContainsFunc(text, unicode.IsControl) {
		text = strconv.Quote(text)
	}
	return text
}

// Refuse is the error of somebody who is refused without being asked.
func Refuse(r *Request) *Error { return refuse(Failed, r, "") }

// RefuseClaims is the error of somebody whose JWT does not let them in. The user is the public key that it names, "" if that
// is not known; why is for the log.
func RefuseClaims(reason Reason, user string, why error) *Error {
	e := &Error{Reason: reason, cause: why}
	if user != "" {
		e.who = fmt.Sprintf(" - JWT User %q", user)
	}
	e.who += ": " + Legible(why.Error())
	return e
}

// RefuseAnswer is the error of somebody whom the service in an account has not let in, or not in a valid way: why is for
// the account.
func RefuseAnswer(reason Reason, r *Request, account, why string) *Error {
	e := refuse(reason, r, "")
	e.Account, e.Why = account, why
	return e
}

// refuse names who was refused, as far as a log may know: by name, unless that is "", or else as the request does.
func refuse(reason Reason, r *Request, name string) *Error {
	e := &Error{Reason: reason, User: name}
	switch {
	case name != "":
		e.who = fmt.Sprintf(" - User %q", Short(name))
	case r.NKey != "":
		e.who = fmt.Sprintf(" - Nkey %q", Short(r.NKey))
	case r.User != "":
		e.who = fmt.Sprintf(" - User %q", Short(r.User))
	case r.Token != "":
		e.who = fmt.Sprintf(" - Token %q", r.Token.String())
	}
	return e
}
