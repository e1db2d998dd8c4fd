package server

import (
	"sync/atomic"

	"myelin/internal/auth"
)

// proxies are those that are trusted at the moment, for who is let in by what operators have signed: a jwts.Proxies.
type proxies struct {
	users atomic.Pointer[auth.Authenticator] // of the configuration
}

// ProxyOf implements jwts.Proxies.
func (p *proxies) ProxyOf(r *auth.Request) (string, error) { return p.users.Load().ProxyOf(r) }

// Trusts implements jwts.Proxies.
func (p *proxies) Trusts(proxy string) bool { return p.users.Load().Trusts(proxy) }
