package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/vfs"
)

// Operators says that who may connect is decided by what operators have signed, rather than by lists of users.
type Operators struct {
	Trusted []string // JWTs, or names of files with one
	Keys    []string // public keys of operators; not beside Trusted

	Resolver Resolver
	Preload  map[string]string // JWTs of accounts that the resolver has from the start, by public key
	Pinned   []string          // public keys of the accounts that users may be of; none: of all
	Sentinel auth.Secret       // JWT of who shows none
}

// Resolver says where the JWTs of accounts are.
type Resolver struct {
	Type ResolverType
	URL  string // of a server, to which the public key of the account is appended

	Dir         string
	AllowDelete bool          // operators may have accounts deleted
	HardDelete  bool          // what is deleted is not kept under another name
	Limit       int           // how many there may be; 0 for the default
	TTL         time.Duration // after which one has to be fetched again; 0 for never
	Timeout     time.Duration // for fetching one; 0 for the default
	TLS         *TLS          // of who asks the server of the URL; nil for the default
	Interval    time.Duration // between two comparisons with other servers, of which there are none yet
}

// ResolverType is a kind of place.
type ResolverType string

// The kinds of places.
const (
	ResolverNone   ResolverType = ""
	ResolverMemory ResolverType = "memory" // what is preloaded
	ResolverURL    ResolverType = "url"
	ResolverFull   ResolverType = "full"  // a directory with all of them
	ResolverCache  ResolverType = "cache" // a directory with those that were used
)

// Enabled reports whether operators decide.
func (o *Operators) Enabled() bool { return len(o.Trusted)+len(o.Keys) > 0 }

// Tokens returns the JWTs of the operators, reading those that are in files.
func (o *Operators) Tokens(fs vfs.FS) (tokens []string, err error) {
	for _, text := range o.Trusted {
		if strings.HasPrefix(text, "eyJ") {
			tokens = append(tokens, text)
			continue
		}
		data, err := vfs.ReadFile(fs, text)
		if err != nil {
			return nil, fmt.Errorf("error parsing operator JWT: %w", err)
		}
		token, err := jwt.ParseDecoratedJWT(data)
		if err != nil {
			return nil, fmt.Errorf("error parsing operator JWT: %w", err)
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// check says what is wrong, also with what stands beside operators.
func (o *Operators) check(c *Config, ps *problems) {
	r := &o.Resolver
	if !o.Enabled() {
		ps.refuse(r.Type != ResolverNone, "resolver", "a resolver needs operators: nobody's accounts are trusted")
		ps.refuse(len(o.Preload) > 0, "resolver_preload", "resolver_preload needs operators: nobody's accounts are trusted")
		ps.refuse(len(o.Pinned) > 0, "resolver_pinned_accounts", "resolver_pinned_accounts needs operators")
		ps.refuse(o.Sentinel != "", "default_sentinel", "default_sentinel needs operators")
		return
	}
	ps.refuse(len(o.Trusted) > 0 && len(o.Keys) > 0, "trusted_keys", "conflicting options for 'trusted_keys' and 'operator'")
	for _, key := range o.Keys {
		ps.refuse(!nkeys.IsValidPublicOperatorKey(key), "trusted_keys", "trust key %q required to be a valid public operator nkey", key)
	}
	ps.refuse(c.Auth.Restricted(), "authorization", "users have no place beside operators: they are signed by accounts")
	ps.refuse(len(c.Auth.Accounts) > 0, "accounts", "accounts have no place beside operators, who sign them")
	ps.refuse(c.Auth.NoAuthUser != "", "no_auth_user", "no_auth_user has no place beside operators: use default_sentinel")
	ps.refuse(c.SystemAccount != "" && !nkeys.IsValidPublicAccountKey(c.SystemAccount), "system_account",
		"the system account has to be the public key of an account that an operator has signed")
	ps.refuse(len(o.Preload) > 0 && (r.Type == ResolverNone || r.Type == ResolverURL), "resolver_preload",
		"resolver_preload needs a resolver that keeps accounts")
	ps.refuse(r.Limit < 0, "resolver", "limit of the resolver: %d is less than 0", r.Limit)
	ps.refuse(min(r.TTL, r.Timeout, r.Interval) < 0, "resolver", "a duration of the resolver is negative")
	for id, token := range o.Preload {
		claims, err := jwt.DecodeAccountClaims(token)
		if err == nil && claims.Subject != id {
			err = errors.New("it is another account's")
		}
		ps.refuse(err != nil, "resolver_preload", "invalid account JWT of %q: %v", id, err)
	}
	for _, id := range o.Pinned {
		ps.refuse(!nkeys.IsValidPublicAccountKey(id), "resolver_pinned_accounts", "pinned account key %q is not a valid public account nkey", id)
	}
	o.checkSentinel(ps)
}

// checkSentinel says what is wrong with the JWT of who shows none. It stands for everybody, so that no key belongs to it.
func (o *Operators) checkSentinel(ps *problems) {
	if o.Sentinel == "" {
		return
	}
	claims, err := jwt.DecodeUserClaims(string(o.Sentinel))
	ps.refuse(err != nil, "default_sentinel", "default sentinel JWT not valid")
	ps.refuse(err == nil && !claims.BearerToken, "default_sentinel", "default sentinel must be a bearer token")
}
