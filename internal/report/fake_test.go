package report

import (
	"errors"
	"time"

	"myelin/internal/clock"
	"myelin/internal/config"
)

// start is when the fake server starts; its clock stands a little later.
var start = time.Date(2026, 5, 4, 3, 2, 1, 500, time.UTC)

var errNotReady = errors.New("not ready")

// fakeServer is a Source whose answers are its fields.
type fakeServer struct {
	identity Identity
	config   config.Config
	now      time.Time
	counters Counters
	open     []Conn
	closed   []Conn
	subs     []Sub
	stats    map[string]RouterStats
	sick     error
}

func (f *fakeServer) Identity() Identity                 { return f.identity }
func (f *fakeServer) Config() *config.Config             { return &f.config }
func (f *fakeServer) ConfigLoaded() time.Time            { return start }
func (f *fakeServer) Now() time.Time                     { return f.now }
func (f *fakeServer) Counters() Counters                 { return f.counters }
func (f *fakeServer) Connections() []Conn                { return append([]Conn(nil), f.open...) }
func (f *fakeServer) Closed() []Conn                     { return append([]Conn(nil), f.closed...) }
func (f *fakeServer) RouterStats(acc string) RouterStats { return f.stats[acc] }
func (f *fakeServer) Healthy() error                     { return f.sick }

func (f *fakeServer) Subscriptions(visit func(Sub) bool) {
	for _, s := range f.subs {
		if !visit(s) {
			return
		}
	}
}

// newFake is a server without connections, a minute after its start.
func newFake() *fakeServer {
	return &fakeServer{
		identity: Identity{ID: "NID", Name: "one", Version: "2.15.0", ProductVersion: "0.1.0", Start: start, Host: "127.0.0.1", Port: 4222},
		now:      start.Add(time.Minute),
	}
}

// views returns the views of f; nothing measures the processor meanwhile, as the clock stands still.
func (f *fakeServer) views() *Views { return New(f, f.clock()) }

func (f *fakeServer) clock() clock.Clock { return clock.NewFake(f.now) }
