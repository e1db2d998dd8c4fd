package clock

import (
	"sort"
	"sync"
	"time"
)

// Fake is a clock that stands still until Advance moves it.
//
// Functions that fall due run on the goroutine that calls Advance, in the order of their time, then of
// their creation; so a test sees all their effects when Advance returns.
type Fake struct {
	mu     sync.Mutex
	now    time.Time
	serial uint64
	timers []*fakeTimer
}

type fakeTimer struct {
	clock  *Fake
	when   time.Time
	serial uint64
	f      func()
	active bool
}

// NewFake returns a clock that stands at start.
func NewFake(start time.Time) *Fake { return &Fake{now: start} }

// Now is the time that the clock stands at.
func (c *Fake) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc plans f; it runs inside the Advance that reaches its time.
func (c *Fake) AfterFunc(d time.Duration, f func()) Timer {
	t := &fakeTimer{clock: c, f: f}
	t.Reset(d)
	return t
}

// After returns a channel that gets the time from the Advance that reaches it.
func (c *Fake) After(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	c.AfterFunc(d, func() { ch <- c.Now() })
	return ch
}

// Sleep blocks until another goroutine has advanced the clock by d.
func (c *Fake) Sleep(d time.Duration) {
	done := make(chan struct{})
	c.AfterFunc(d, func() { close(done) })
	<-done
}

// Advance moves the clock by d and runs what falls due on the way.
func (c *Fake) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		t := c.nextDue(end)
		if t == nil {
			break
		}
		if t.when.After(c.now) {
			c.now = t.when
		}
		t.active = false
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// nextDue removes and returns the earliest active timer that is due by end.
func (c *Fake) nextDue(end time.Time) *fakeTimer {
	sort.Slice(c.timers, func(i, j int) bool {
		a, b := c.timers[i], c.timers[j]
		if !a.when.Equal(b.when) {
			return a.when.Before(b.when)
		}
		return a.serial < b.serial
	})
	if len(c.timers) == 0 || c.timers[0].when.After(end) {
		return nil
	}
	t := c.timers[0]
	c.timers = c.timers[1:]
	return t
}

func (t *fakeTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.remove()
}

func (t *fakeTimer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	was := t.remove()
	c.serial++
	t.when, t.serial, t.active = c.now.Add(d), c.serial, true
	c.timers = append(c.timers, t)
	return was
}

// remove takes t from the list; the clock's lock is held.
func (t *fakeTimer) remove() bool {
	was := t.active
	t.active = false
	for i, other := range t.clock.timers {
		if other == t {
			t.clock.timers = append(t.clock.timers[:i], t.clock.timers[i+1:]...)
			break
		}
	}
	return was
}
