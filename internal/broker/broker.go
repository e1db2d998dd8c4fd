// Package broker is the waist of the server: what a protocol may ask for.
//
// Every guest, be it a protocol, an API or a link to another server, speaks to the server through a
// Session: which account it belongs to, and the way to the message plane. A guest translates between its
// protocol and its Session and owns nothing that others need.
//
// Accounts keep their subjects apart: a Session sees those of its own. Who may be in which account is
// decided before a Session is opened.
package broker

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"myelin/internal/auth"
	"myelin/internal/clock"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// Broker owns the accounts.
type Broker struct {
	newRouter func() *router.Router
	global    *Account
	clock     clock.Clock
	introduce atomic.Pointer[Introducer]
	meter     atomic.Pointer[Meter]

	mu       sync.RWMutex // guards what follows
	accounts map[string]*Account
	system   *Account // nil: the server tells nobody of itself
}

// New returns a broker with the global account, whose messages go through r. Their subjects are
// rewritten by mappings; nil rewrites none.
func New(r *router.Router, mappings *subject.Mappings) *Broker {
	b := &Broker{newRouter: router.New, clock: clock.Real{}, accounts: make(map[string]*Account)}
	b.global = newAccount(b, auth.GlobalAccount, r)
	b.global.mappings.Store(mappings)
	b.accounts[auth.GlobalAccount] = b.global
	return b
}

// NewRouters makes the routers of accounts that are added from now on. It is called before the first Add.
func (b *Broker) NewRouters(newRouter func() *router.Router) { b.newRouter = newRouter }

// SetClock sets what the time of answers is measured by, unless it is the real one. It is called before the first Add.
func (b *Broker) SetClock(c clock.Clock) { b.clock = c }

// Introduce has those who answer requests of other accounts told who asks.
func (b *Broker) Introduce(i Introducer) { b.introduce.Store(&i) }

// Measure has it told what was measured of services.
func (b *Broker) Measure(m Meter) { b.meter.Store(&m) }

// Add returns the account of that name, which is new unless there is one.
func (b *Broker) Add(name string) *Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[name]
	if a == nil {
		a = newAccount(b, name, b.newRouter())
		b.accounts[name] = a
	}
	return a
}

// SetSystem makes an account the one in which the server tells of itself.
func (b *Broker) SetSystem(a *Account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.system = a
}

// System is the account in which the server tells of itself; nil if there is none.
func (b *Broker) System() *Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.system
}

// Account returns the account of that name, or nil.
func (b *Broker) Account(name string) *Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.accounts[name]
}

// Accounts returns all accounts by name.
func (b *Broker) Accounts() []*Account {
	b.mu.RLock()
	list := make([]*Account, 0, len(b.accounts))
	for _, a := range b.accounts {
		list = append(list, a)
	}
	b.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Account) int { return strings.Compare(a.name, b.name) })
	return list
}
