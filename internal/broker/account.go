package broker

import (
	"sync"
	"sync/atomic"

	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// Account is one tenant: its subjects are its own.
type Account struct {
	broker   *Broker
	name     string
	router   *router.Router
	mappings atomic.Pointer[subject.Mappings]
	limits   atomic.Pointer[Limits]
	sampling atomic.Pointer[msgtrace.Sampling]
	traffic  Traffic

	replying sync.Once
	answers  atomic.Pointer[replies] // to requests of other accounts; nil before the first
}

// Limits bound what the connections of an account may do. They are -1 for no limit.
type Limits struct {
	MaxConnections   int64
	MaxSubscriptions int // per connection
	MaxPayload       int // bytes
}

var noLimits = Limits{-1, -1, -1}

// Traffic counts what the connections of an account did. Connections add to it when they flush.
type Traffic struct {
	InMsgs, InBytes   atomic.Int64 // published
	OutMsgs, OutBytes atomic.Int64 // delivered
	SlowConsumers     atomic.Int64
	Connections       atomic.Int64 // that are open
}

func newAccount(b *Broker, name string, r *router.Router) *Account {
	a := &Account{broker: b, name: name, router: r}
	a.limits.Store(&noLimits)
	return a
}

// SetMappings rewrites the subjects of what is published from now on; nil rewrites none.
func (a *Account) SetMappings(m *subject.Mappings) { a.mappings.Store(m) }

// SetLimits bounds the connections that come from now on. Those that are there stay.
func (a *Account) SetLimits(l Limits) { a.limits.Store(&l) }

// Limits are those that are in force.
func (a *Account) Limits() Limits { return *a.limits.Load() }

// SetSampling has messages traced that belong to sampled traces; nil has none.
func (a *Account) SetSampling(s *msgtrace.Sampling) { a.sampling.Store(s) }

// Sampling is the one that is in force, or nil.
func (a *Account) Sampling() *msgtrace.Sampling { return a.sampling.Load() }

// Enter counts a connection, unless there are as many as there may be; Leave follows.
func (a *Account) Enter() bool {
	n, most := a.traffic.Connections.Add(1), a.limits.Load().MaxConnections
	if most >= 0 && n > most {
		a.traffic.Connections.Add(-1)
		return false
	}
	return true
}

// Shed reports whether there are more connections than there may be by now; then one is counted less, and the caller is
// the one that has to go, without Leave.
func (a *Account) Shed() bool {
	for {
		n, most := a.traffic.Connections.Load(), a.limits.Load().MaxConnections
		if most < 0 || n <= most {
			return false
		}
		if a.traffic.Connections.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// Leave is the end of a connection.
func (a *Account) Leave() { a.traffic.Connections.Add(-1) }

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
