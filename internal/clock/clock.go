// Package clock is the only source of time: the real one for the server, a fake one for tests.
//
// Everything that reads the time or waits takes a Clock, so that a test (or a simulation) decides when
// time passes. Pure machines take no Clock at all: their time is an argument.
package clock

import "time"

// Clock tells the time and runs functions later.
type Clock interface {
	// Now is the current time, with a monotonic reading where the clock is real.
	Now() time.Time
	// AfterFunc runs f on a goroutine of its own once d has passed.
	AfterFunc(d time.Duration, f func()) Timer
	// After returns a channel that is sent the time once d has passed.
	After(d time.Duration) <-chan time.Time
	// Sleep blocks for d.
	Sleep(d time.Duration)
}

// Timer is a pending call of AfterFunc.
type Timer interface {
	// Stop prevents the call; it reports false when the call was made or stopped already.
	Stop() bool
	// Reset plans the call anew, d from now; it reports whether the timer had been active.
	Reset(d time.Duration) bool
}

// Real is the clock of the operating system.
type Real struct{}

func (Real) Now() time.Time                            { return time.Now() }
func (Real) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
func (Real) After(d time.Duration) <-chan time.Time    { return time.After(d) }
func (Real) Sleep(d time.Duration)                     { time.Sleep(d) }
