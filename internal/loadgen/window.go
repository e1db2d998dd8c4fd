package loadgen

import (
	"context"
	"sync/atomic"
	"time"
)

// windowPause is how long a publisher rests when its window is full; it is
// short against the time that a server needs for a window.
const windowPause = 100 * time.Microsecond

// A Window bounds what is published and not yet received, over all publishers
// that share it, so that no server has to drop a slow consumer. It is the same
// for every server that is measured.
type Window struct {
	max    int64 // messages that one audience may lag
	groups []audience
	sent   atomic.Int64
}

// An audience is a set of subscribers among which copies of each message are
// spread: each plain subscriber is one of its own, a queue group is another.
type audience struct {
	copies  int64
	members []*Subscriber
}

// NewWindow returns a window of maxMessages per audience.
func NewWindow(maxMessages int64) *Window { return &Window{max: max(1, maxMessages)} }

// Add says that the members together receive copies of each message published.
// It is called before anybody publishes.
func (w *Window) Add(copies int, members ...*Subscriber) {
	w.groups = append(w.groups, audience{int64(copies), members})
}

// acquire waits until n more messages may be published. The window is
// overdrawn by at most the n of each publisher.
func (w *Window) acquire(ctx context.Context, n int) error {
	for w.lag() >= w.max {
		if err := ctx.Err(); err != nil {
			return err
		}
		pause(windowPause)
	}
	w.sent.Add(int64(n))
	return nil
}

// lag returns how many messages the slowest audience has still to receive.
func (w *Window) lag() int64 {
	sent := w.sent.Load()
	var lag int64
	for _, g := range w.groups {
		lag = max(lag, sent-g.received()/g.copies)
	}
	return lag
}

// Sent returns how many messages were published through the window.
func (w *Window) Sent() int64 { return w.sent.Load() }

// Due returns how many deliveries Sent calls for.
func (w *Window) Due() int64 {
	var due int64
	for _, g := range w.groups {
		due += w.sent.Load() * g.copies
	}
	return due
}

// Received returns how many deliveries arrived.
func (w *Window) Received() int64 {
	var n int64
	for _, g := range w.groups {
		n += g.received()
	}
	return n
}

func (a *audience) received() int64 {
	var n int64
	for _, s := range a.members {
		n += s.Received()
	}
	return n
}
