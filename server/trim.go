package server

import (
	"runtime"
	"runtime/debug"
	"time"

	"myelin/internal/clock"
)

// trimmer gives memory back to the operating system when the load that needed it has gone. Left alone,
// the runtime collects an idle process every two minutes, and keeps the stacks and buffers of the last
// rush much longer.
type trimmer struct {
	clock clock.Clock
	work  func() uint64 // a count that grows with the load
	timer clock.Timer

	// of the timer's function
	last uint64
	owed bool // there was load since memory was given back
}

const (
	trimEvery = 15 * time.Second
	// quietWork is how much work in that time is no load to speak of.
	quietWork = 1000
)

func startTrimmer(c clock.Clock, work func() uint64) *trimmer {
	t := &trimmer{clock: c, work: work}
	t.timer = c.AfterFunc(trimEvery, t.look)
	return t
}

func (t *trimmer) stop() { t.timer.Stop() }

// look is called every now and then.
func (t *trimmer) look() {
	now := t.work()
	done := now - t.last
	t.last = now
	switch {
	case done > quietWork:
		t.owed = true
	case t.owed:
		t.owed = false
		// Two rounds: pools drop what the first leaves to the second, and stacks shrink by half in each.
		runtime.GC()
		debug.FreeOSMemory()
	}
	t.timer.Reset(trimEvery)
}

// work is a count of all that costs memory: messages, connections and subscriptions that came or went.
func (s *Server) work() uint64 {
	t := s.clients.Totals()
	sum := uint64(t.InMsgs) + s.registry.Total()
	for _, a := range s.broker.Accounts() {
		st := a.Router().Stats()
		sum += st.Inserts + st.Removes
	}
	return sum
}
