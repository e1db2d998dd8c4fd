package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
	start = time.Unix(1000, 0)
)

func newGate(t *testing.T, c *auth.Config) (*Gate, *clock.Fake) {
	t.Helper()
	a, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	fake := clock.NewFake(start)
	return New(a, fake, 1), fake
}

func request(from netip.Addr, password string) *auth.Request {
	return &auth.Request{User: "ann", Password: auth.Secret(password), Address: from, Type: auth.Standard}
}

var ann = &auth.Config{Users: []auth.User{{Name: "ann", Password: "good"}}}

// A refusal keeps its place for a second: so many from one address are checked at once, and the others wait, be their
// passwords good or bad. Other addresses do not notice, and neither do those who are let in.
func TestRefusalsSlowTheirAddressDown(t *testing.T) {
	g, fake := newGate(t, ann)
	until := start.Add(time.Minute)
	for range 10 * places {
		if _, err := g.Enter(request(here, "good"), until, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range places {
		var refused *auth.Error
		if _, err := g.Enter(request(here, "bad"), until, nil); !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	if _, err := g.Enter(request(there, "good"), until, nil); err != nil {
		t.Fatalf("another address: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := g.Enter(request(here, "good"), until, nil)
		done <- err
	}()
	waitFor(t, func() bool { return g.inLine(here) == 1 })
	fake.Advance(refusalHold)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := g.known(); n != 0 {
		t.Errorf("%d addresses are remembered", n)
	}
}

// Who waits for too long, or goes, leaves the line.
func TestWaitingEnds(t *testing.T) {
	for _, row := range []struct {
		shows string
		end   func(*clock.Fake, chan struct{})
		want  error
	}{
		{"time is over", func(c *clock.Fake, _ chan struct{}) { c.Advance(refusalHold / 2) }, ErrTimeout},
		{"the connection ended", func(_ *clock.Fake, stop chan struct{}) { close(stop) }, ErrStopped},
	} {
		t.Run(row.shows, func(t *testing.T) {
			g, fake := newGate(t, ann)
			until := start.Add(refusalHold / 2)
			for range places {
				// Each is refused, which is what the test needs.
				_, _ = g.Enter(request(here, "bad"), until, nil)
			}
			stop, done := make(chan struct{}), make(chan error)
			go func() {
				_, err := g.Enter(request(here, "good"), until, stop)
				done <- err
			}()
			waitFor(t, func() bool { return g.inLine(here) == 1 })
			row.end(fake, stop)
			var err error
			waitFor(t, func() bool {
				fake.Advance(1) // it may have set its alarm only now
				select {
				case err = <-done:
					return true
				default:
					return false
				}
			})
			if err != row.want {
				t.Errorf("%v instead of %v", err, row.want)
			}
			fake.Advance(refusalHold)
			if g.known() != 0 {
				t.Error("the address is remembered")
			}
		})
	}
}

// One comparison with a hash is made at a time, and addresses take turns: somebody from elsewhere is second, however long the
// line of the first address is.
func TestCostlyChecksTakeTurns(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("good"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := newGate(t, &auth.Config{Users: []auth.User{{Name: "ann", Password: auth.Secret(hash)}}})
	until := start.Add(time.Minute)
	g.mu.Lock()
	g.free = 0 // somebody is being checked
	g.mu.Unlock()
	var mu sync.Mutex
	var order []string
	var all sync.WaitGroup
	enter := func(from netip.Addr, name string) {
		all.Add(1)
		before := g.heavy(from)
		go func() {
			defer all.Done()
			if err := g.takePlace(checks, from, until, nil); err != nil {
				t.Error(err)
			}
			if err := g.lineUp(from, until, nil); err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			g.endCostly()
			g.leavePlace(checks, from)
		}()
		waitFor(t, func() bool { return g.heavy(from) == before+1 })
	}
	for i := range 10 {
		enter(here, fmt.Sprint("here ", i))
	}
	enter(there, "there")
	g.endCostly()
	all.Wait()
	if len(order) != 11 || order[0] != "here 0" || order[1] != "there" || order[10] != "here 9" {
		t.Errorf("in the order %v", order)
	}
	if _, err := g.Enter(request(here, "good"), until, nil); err != nil {
		t.Error(err)
	}
}

// Addresses of one IPv6 network are one, and so are the two forms of an IPv4 address. Who is in the same process has none.
func TestOwner(t *testing.T) {
	for _, row := range [][2]string{
		{"192.0.2.1", "192.0.2.1"}, {"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"fe80::1%eth0", "fe80::"},
	} {
		if got := owner(netip.MustParseAddr(row[0])).String(); got != row[1] {
			t.Errorf("%s belongs to %s", row[0], got)
		}
	}
	g, _ := newGate(t, ann)
	for range 2 * places {
		var refused *auth.Error
		if _, err := g.Enter(request(netip.Addr{}, "bad"), start, nil); !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
}

// A changed configuration decides about whoever comes next.
func TestChange(t *testing.T) {
	g, _ := newGate(t, ann)
	before := g.Judge()
	next, err := auth.New(&auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g.Change(next)
	if _, err := g.Enter(request(here, "bad"), start, nil); err != nil || g.Judge() == before {
		t.Error(err)
	}
}

func (g *Gate) inLine(key netip.Addr) int { return len(g.look(key).lanes[checks].line) }
func (g *Gate) heavy(key netip.Addr) int  { return len(g.look(key).heavy) }

func (g *Gate) look(key netip.Addr) address {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.addresses[key]; a != nil {
		return *a
	}
	return address{}
}

func (g *Gate) known() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.addresses)
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that")
		}
	}
}
