package loadgen

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// Metric names what a case measures.
type Metric string

// The metrics of the suite.
const (
	Rate        Metric = "rate"         // deliveries or requests per second
	CPU         Metric = "cpu"          // server's CPU nanoseconds per delivery or request
	LoadCPU     Metric = "load-cpu"     // the generator's own, as a check on the measurement
	P50         Metric = "p50"          // latency, nanoseconds
	P99         Metric = "p99"          // latency, nanoseconds
	Undisturbed Metric = "undisturbed"  // deliveries per second without the disturbance
	Kept        Metric = "kept"         // disturbed rate as a share of that
	Memory      Metric = "memory"       // resident bytes of the server per item
	MemoryPeak  Metric = "memory-peak"  // the same before the server has come to rest
	BinarySize  Metric = "binary"       // bytes
	Startup     Metric = "startup"      // nanoseconds from exec to the first INFO, median of several
	StartupMin  Metric = "startup-min"  // the quickest of them
	Offered     Metric = "offered"      // messages, or changes of interest, sent per second
	QuietP50    Metric = "p50-quiet"    // latency without the disturbance
	QuietP99    Metric = "p99-quiet"    // latency without the disturbance
	Worst       Metric = "worst"        // longest latency
	WorstBeside Metric = "worst-other"  // longest latency on a stream that is left alone
	Work        Metric = "work"         // nanoseconds until the work was done
	DiskSync    Metric = "disk-sync"    // nanoseconds of one small write and sync without any server, median
	Reopen      Metric = "reopen"       // nanoseconds from exec until all is served again, after a clean end
	ReopenDead  Metric = "reopen-kill"  // the same after the process was killed
	Compared    Metric = "compared"     // deliveries per second of what Kept compares with
	ComparedCPU Metric = "compared-cpu" // the server's CPU of the same
	Created     Metric = "created"      // nanoseconds until a consumer was made, mean
	Idle        Metric = "idle-cpu"     // share of a processor that the server uses while nothing happens
	Published   Metric = "published"    // messages published and acknowledged per second
	OnTime      Metric = "on-time"      // share of the messages that came when they were to come
)

// A Sample is what one run of a case has measured.
type Sample map[Metric]float64

// A Goal is what the project demands of a metric: a bound on its value, or on
// its ratio to the peer's.
type Goal struct {
	Metric  Metric  `json:"metric"`
	Ratio   bool    `json:"ratio"`
	AtLeast bool    `json:"at_least"` // else at most
	Bound   float64 `json:"bound"`
}

func ratioAtLeast(m Metric, bound float64) Goal { return Goal{m, true, true, bound} }
func ratioAtMost(m Metric, bound float64) Goal  { return Goal{m, true, false, bound} }
func atLeast(m Metric, bound float64) Goal      { return Goal{m, false, true, bound} }
func atMost(m Metric, bound float64) Goal       { return Goal{m, false, false, bound} }

// A Case is one row of the suite.
type Case struct {
	Name   string
	Title  string
	Goals  []Goal
	Once   bool // one run is enough: the figure does not vary
	Store  Store
	Secure bool                       // over TLS
	Config func(*Env) (string, error) // text of a configuration file for both servers; nil for none. Not with a Store
	Run    func(context.Context, *Env) (Sample, error)
}

// Env is what a case runs in: a server that was started for this run alone.
type Env struct {
	Server *Server
	Binary string
	Start  func(context.Context) (*Server, error) // another one of the same kind
	Plain  func(context.Context) (*Server, error) // another one, without the case's own configuration

	Warmup time.Duration // before measuring
	Window time.Duration // of measuring
	Settle time.Duration // until memory counts as at rest

	Dir   string  // of this run's store, when the case has one; on the disk that is measured
	Scale float64 // of the numbers of things that cases store

	TLS *tls.Config // for clients; nil without

	Backlog int // bytes that a subscriber may lag behind the publishers

	// PeerRate returns how many messages per second the peer takes at most
	// from one publisher with this many subscribers.
	PeerRate func(ctx context.Context, subscribers int) (float64, error)
}

// window returns a window for deliveries of frame bytes.
func (e *Env) window(frame int) *Window {
	return NewWindow(int64(e.Backlog / frame))
}

func (e *Env) dialer() Dialer {
	return Dialer{Addr: e.Server.Addr, Name: "bench", TLS: e.TLS}
}

// Cases returns the suite in its order.
func Cases() []Case {
	var all []Case
	for _, family := range [](func() []Case){
		throughputCases, requestCases, interestCases, churnCases, latencyCases, memoryCases, processCases, tlsCases,
		loginCases, permissionCases, accountCases,
		storedPublishCases, storedGetCases, storedKeysCases, storedStreamsCases, storedRemovalCases,
		consumerDrainCases, consumerFilterCases, consumerQueueCases, consumerManyCases, consumerKeysCases, consumerDelayedCases,
	} {
		all = append(all, family()...)
	}
	return all
}

// reading is what counters said at one moment.
type reading struct {
	at    time.Time
	count int64
	cpu   time.Duration
	self  time.Duration
}

func (e *Env) read(count func() int64) (reading, error) {
	u, err := e.Server.Usage()
	if err != nil {
		return reading{}, err
	}
	return reading{at: time.Now(), count: count(), cpu: u.CPU, self: selfCPU()}, nil
}

// measure lets a load run for the warm-up and then the window, and returns
// what happened per counted thing in the window.
func (e *Env) measure(ctx context.Context, count func() int64, begin func()) (Sample, error) {
	if err := arrival(ctx, count, e.Warmup); err != nil {
		return nil, err
	}
	if begin != nil {
		begin()
	}
	from, err := e.read(count)
	if err != nil {
		return nil, err
	}
	if err := arrival(ctx, count, e.Window); err != nil {
		return nil, err
	}
	to, err := e.read(count)
	if err != nil {
		return nil, err
	}
	n := float64(to.count - from.count)
	return Sample{
		Rate:    n / to.at.Sub(from.at).Seconds(),
		CPU:     float64(to.cpu-from.cpu) / n,
		LoadCPU: float64(to.self-from.self) / n,
	}, nil
}

// arrival waits for d, and for longer when nothing was counted in that time.
func arrival(ctx context.Context, count func() int64, d time.Duration) error {
	before := count()
	if err := sleep(ctx, d); err != nil {
		return err
	}
	return await(ctx, "receive anything", func() bool { return count() > before })
}

// sleep returns early, with the cause, when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await polls until the condition holds.
func await(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, drainTimeout, fmt.Errorf("%s: not within %v", what, drainTimeout))
	defer cancel()
	for !holds() {
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

const drainTimeout = 2 * time.Minute
