package gate

import (
	"net/netip"
	"slices"
	"time"
)

// takePlace waits for one of the places of an address. Who has no address, being in the same process, needs none.
func (g *Gate) takePlace(l lane, key netip.Addr, until time.Time, stop <-chan struct{}) error {
	if !key.IsValid() {
		return nil
	}
	g.mu.Lock()
	a := g.addresses[key]
	if a == nil {
		a = &address{key: key}
		g.addresses[key] = a
	}
	in := &a.lanes[l]
	if in.taken < places {
		in.taken++
		g.mu.Unlock()
		return nil
	}
	w := &waiter{called: make(chan struct{})}
	in.line = append(in.line, w)
	g.mu.Unlock()
	return g.wait(w, until, stop, func() bool { return !remove(&in.line, w) })
}

// leavePlace gives a place to the next in line.
func (g *Gate) leavePlace(l lane, key netip.Addr) {
	if !key.IsValid() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.addresses[key]
	in := &a.lanes[l]
	if len(in.line) > 0 {
		close(in.line[0].called)
		in.line = in.line[1:]
		return
	}
	if in.taken--; a.lanes[checks].taken+a.lanes[questions].taken == 0 {
		delete(g.addresses, key)
	}
}

// lineUp waits until a costly check may begin; endCostly follows.
func (g *Gate) lineUp(key netip.Addr, until time.Time, stop <-chan struct{}) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	a := g.addresses[key]
	if a == nil { // without an address; it is in no table, but takes its turn
		a = &address{}
	}
	w := &waiter{called: make(chan struct{})}
	if a.heavy = append(a.heavy, w); len(a.heavy) == 1 {
		g.turns = append(g.turns, a)
	}
	g.mu.Unlock()
	return g.wait(w, until, stop, func() bool {
		if !remove(&a.heavy, w) {
			return true
		}
		if len(a.heavy) == 0 {
			remove(&g.turns, a)
		}
		return false
	})
}

// endCostly calls the first in line of the address whose turn it is, which then is the last of all.
func (g *Gate) endCostly() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.turns) == 0 {
		g.free++
		return
	}
	a := g.turns[0]
	g.turns = g.turns[1:]
	close(a.heavy[0].called)
	if a.heavy = a.heavy[1:]; len(a.heavy) > 0 {
		g.turns = append(g.turns, a)
	}
}

// remove takes an element out of a list; it reports false if it was not in it.
func remove[T comparable](list *[]T, element T) bool {
	i := slices.Index(*list, element)
	if i < 0 {
		return false
	}
	*list = slices.Delete(*list, i, i+1)
	return true
}
