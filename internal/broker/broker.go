// Package broker is the waist of the server: what a protocol may ask for.
//
// Every guest, be it a protocol, an API or a link to another server, speaks to the server through a
// Session: who it is, which account it belongs to, and the way to the message plane. A guest translates
// between its protocol and its Session and owns nothing that others need.
//
// There is one account today, DefaultAccount, and a Session names it; tenants change what Open is given
// and nothing that a guest sees.
package broker

import (
	"sync/atomic"

	"myelin/internal/router"
	"myelin/internal/subject"
)

// DefaultAccount is the account of everybody who is not put into another.
const DefaultAccount = "$G"

// Account is one tenant: its subjects are its own.
type Account struct {
	name     string
	router   *router.Router
	mappings atomic.Pointer[subject.Mappings]
}

// Broker owns the accounts.
type Broker struct {
	global *Account
}

// New returns a broker with the default account, whose messages go through r. Their subjects are
// rewritten by mappings; nil rewrites none.
func New(r *router.Router, mappings *subject.Mappings) *Broker {
	a := &Account{name: DefaultAccount, router: r}
	a.mappings.Store(mappings)
	return &Broker{global: a}
}

// Accounts returns all accounts.
func (b *Broker) Accounts() []*Account { return []*Account{b.global} }

// Name is the account's name.
func (a *Account) Name() string { return a.name }

// Router is the account's message plane, for views of it.
func (a *Account) Router() *router.Router { return a.router }
