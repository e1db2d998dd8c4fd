package monitor

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/config"
	"myelin/internal/report"
)

var now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// fakeServer is a server with two connections and one subscription.
type fakeServer struct {
	sick error
	log  logLines
}

func (*fakeServer) Identity() report.Identity {
	return report.Identity{ID: "NID", Name: "one & <two>", Version: "2.15.0", ProductVersion: "0.1.0", Start: now}
}
func (*fakeServer) Config() *config.Config    { return &config.Config{} }
func (*fakeServer) ConfigLoaded() time.Time   { return now }
func (*fakeServer) Now() time.Time            { return now }
func (*fakeServer) Counters() report.Counters { return report.Counters{Connections: 2} }
func (f *fakeServer) Healthy() error          { return f.sick }

func (*fakeServer) Connections() []report.Conn {
	list := func() []report.Sub { return []report.Sub{sub} }
	return []report.Conn{{CID: 1, Start: now, InMsgs: 1, Account: "$G", User: "ann", Subs: list}, {CID: 2, Start: now, InMsgs: 2, Account: "$G"}}
}

func (*fakeServer) Closed() []report.Conn {
	return []report.Conn{{CID: 3, Start: now, Stop: now, Reason: "Client Closed", Account: "A"}}
}

var sub = report.Sub{Account: "$G", Subject: "foo.>", SID: "9", CID: 1}

func (*fakeServer) Subscriptions(visit func(report.Sub) bool) { visit(sub) }

func (*fakeServer) RouterStats(string) report.RouterStats { return report.RouterStats{NumSubs: 1} }

var errTired = errors.New("tired")

// options serve f's views below base.
func (f *fakeServer) options(t *testing.T, base string) Options { return f.optionsOf(t, f, base) }

// optionsOf serve the views of a source that f is part of.
func (f *fakeServer) optionsOf(t *testing.T, source report.Source, base string) Options {
	v := report.New(source, clock.NewFake(now))
	t.Cleanup(v.Close)
	return Options{Addr: "127.0.0.1:0", BasePath: base, Views: v, Warnf: f.log.addf}
}

// logLines collects what is logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) addf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logLines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}
