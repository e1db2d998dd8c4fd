// Package gate lets connections in.
//
// A Gate asks the Judge of the moment, which a reload can exchange, and sees to it that asking costs others little:
//
//   - An address has a number of places. Whoever is checked takes one, and gives it back at once if let in, but only
//     after a while if refused. So who guesses is slowed down to so many attempts in that time, however many connections it
//     opens, and nobody else notices; who is refused now and then is not slowed down at all.
//   - Where a service decides, whoever waits for its answer has given that place back and has one of as many others, so
//     that a service which does not answer keeps nobody from being checked, itself among them.
//   - Few comparisons with bcrypt hashes are made at a time, so that messages find a processor. Addresses take turns: a
//     crowd from one of them does not keep the others waiting.
//
// Every guest that accepts connections goes through the same Gate.
package gate

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

const (
	// places is how many from one address are checked, or were refused lately; and how many a service is asked about, or were
	// refused by it lately.
	places = 64
	// refusalHold is for how long a refusal keeps its place.
	refusalHold = time.Second
	// networkBits is the part of an IPv6 address that one owner has.
	networkBits = 64
)

// ErrTimeout says that the time to say who one is was over before it was decided.
var ErrTimeout = errors.New("authentication timeout")

// ErrStopped says that the connection ended before it was decided.
var ErrStopped = errors.New("stopped while authenticating")

// Gate lets connections in. It may be used by many at a time.
type Gate struct {
	clock   clock.Clock
	current atomic.Pointer[auth.Judge]

	mu        sync.Mutex // guards what follows
	addresses map[netip.Addr]*address
	free      int        // costly checks that may begin
	turns     []*address // those with somebody in line for a costly check, the next one first
}

// address is one from which somebody is checked, or was refused lately.
type address struct {
	key   netip.Addr
	lanes [lanes]struct {
		taken int       // places
		line  []*waiter // for a place, the first one first
	}
	heavy []*waiter // for a costly check, each with a place
}

// lane is what a place is for.
type lane int

const (
	checks    lane = iota // the judge decides
	questions             // it asks a service
	lanes
)

// waiter is somebody in a line.
type waiter struct {
	called chan struct{} // closed when it is its turn
}

// New returns a gate that lets in whom a does. At most costly checks that take long are made at a time.
func New(a auth.Judge, c clock.Clock, costly int) *Gate {
	g := &Gate{clock: c, addresses: make(map[netip.Addr]*address), free: max(costly, 1)}
	g.current.Store(&a)
	return g
}

// Judge is the one that decides at the moment.
func (g *Gate) Judge() auth.Judge { return *g.current.Load() }

// Change makes another decide from now on. Who is inside is not asked again: see auth.Judge.
func (g *Gate) Change(a auth.Judge) { g.current.Store(&a) }

// Enter says who the request is from, or why it is refused: an *auth.Error, ErrTimeout if that took longer than until, or
// ErrStopped if stop was closed. It may wait, for the answer of a service beyond until.
func (g *Gate) Enter(r *auth.Request, until time.Time, stop <-chan struct{}) (*auth.Identity, error) {
	a := g.Judge()
	if !a.Restricted() {
		return a.Authenticate(r)
	}
	key := owner(r.Address)
	identity, err := g.in(checks, key, until, stop, func() (*auth.Identity, error) { return g.check(a, r, key, until, stop) })
	var question *auth.Question
	if errors.As(err, &question) {
		return g.in(questions, key, until, stop, func() (*auth.Identity, error) { return question.Ask(stop) })
	}
	return identity, err
}

// in decides in a place of a lane, which somebody who is refused keeps for a while.
func (g *Gate) in(l lane, key netip.Addr, until time.Time, stop <-chan struct{}, decide func() (*auth.Identity, error)) (*auth.Identity, error) {
	if err := g.takePlace(l, key, until, stop); err != nil {
		return nil, err
	}
	identity, err := decide()
	var refused *auth.Error
	if errors.As(err, &refused) && key.IsValid() {
		g.clock.AfterFunc(refusalHold, func() { g.leavePlace(l, key) })
	} else {
		g.leavePlace(l, key)
	}
	return identity, err
}

// owner is what stands for all addresses that somebody has at will.
func owner(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if network, err := a.Prefix(networkBits); err == nil {
			return network.Addr()
		}
	}
	return a
}

func (g *Gate) check(a auth.Judge, r *auth.Request, key netip.Addr, until time.Time, stop <-chan struct{}) (*auth.Identity, error) {
	if !a.Costly(r) {
		return a.Authenticate(r)
	}
	if err := g.lineUp(key, until, stop); err != nil {
		return nil, err
	}
	defer g.endCostly()
	return a.Authenticate(r)
}

// wait returns nil when the waiter was called; otherwise it has left the line.
func (g *Gate) wait(w *waiter, until time.Time, stop <-chan struct{}, leave func() (called bool)) error {
	err := ErrTimeout
	select {
	case <-w.called:
		return nil
	case <-g.clock.After(until.Sub(g.clock.Now())):
	case <-stop:
		err = ErrStopped
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if leave() {
		return nil // it was called in the same moment
	}
	return err
}
