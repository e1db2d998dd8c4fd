package broker

import (
	"sync/atomic"

	"myelin/internal/router"
	"myelin/internal/subject"
)

// Account is one tenant: its subjects are its own.
type Account struct {
	name     string
	router   *router.Router
	mappings atomic.Pointer[subject.Mappings]
	traffic  Traffic
}

// Traffic counts what the connections of an account did. Connections add to it when they flush.
type Traffic struct {
	InMsgs, InBytes   atomic.Int64 // published
	OutMsgs, OutBytes atomic.Int64 // delivered
	SlowConsumers     atomic.Int64
	Connections       atomic.Int64 // that are open
}

func newAccount(name string, r *router.Router) *Account { return &Account{name: name, router: r} }

// Name is the account's name.
func (a *Account) Name() string { return a.name }

// Router is the account's message plane, for views of it.
func (a *Account) Router() *router.Router { return a.router }

// Traffic is what the account's connections add to.
func (a *Account) Traffic() *Traffic { return &a.traffic }

// Open starts a session in the account. What a session is told is pushed to self, which may be nil for a
// guest inside of the server.
func (a *Account) Open(self router.Dest) *Session { return &Session{account: a, self: self} }

// Unsubscribe ends a subscription that a session of the account has made.
func (a *Account) Unsubscribe(sub *router.Sub) { a.router.Unsubscribe(sub) }
