package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A Suite compares a server with a peer, case by case. Every run of a case
// starts the server afresh, on the loopback interface, and stops it; runs of
// the two alternate, so that a machine that changes its pace changes it for
// both.
type Suite struct {
	Server     string   // binary to measure
	Peer       string   // binary to compare with; none when empty
	ServerArgs []string // further arguments for Server, for profiling
	PeerArgs   []string // further arguments for Peer

	Match  string        // glob patterns of case names, separated by commas; all when empty
	Runs   int           // of each case for each server; 3 when 0
	Warmup time.Duration // 500 ms when 0
	Window time.Duration // 2 s when 0
	Settle time.Duration // a minute when 0

	// Backlog bounds what one subscriber may lag behind the publishers. The
	// default of 32 MiB is well below the 64 MiB at which servers drop a slow
	// consumer.
	Backlog int

	// Dir is where stores are made, each in a folder of its own that is removed
	// after its run. It should lie on the disk that is meant; the system's
	// folder for temporary files when empty.
	Dir string

	// Scale multiplies how much is stored by the cases that fill a store; 1
	// when 0. Figures of different scales are not to be compared.
	Scale float64

	// Note is called with each step and figure, for whoever watches.
	Note func(format string, args ...any)

	peerRates map[int]float64 // by number of subscribers
}

// Row is the outcome of one case.
type Row struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Goals []Goal   `json:"goals"`
	Ours  []Sample `json:"ours"`
	Peer  []Sample `json:"peer,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Report is the outcome of a suite.
type Report struct {
	Conditions Conditions `json:"conditions"`
	Rows       []Row      `json:"rows"`
}

// Run runs the suite. A case that fails is reported in its row and does not
// end the suite; the end of the context does, and what is there is returned.
func (s *Suite) Run(ctx context.Context) (*Report, error) {
	s.setDefaults()
	report := &Report{Conditions: s.conditions()}
	for _, c := range Cases() {
		if wanted, err := s.wants(c.Name); err != nil {
			return nil, err
		} else if !wanted {
			continue
		}
		row := Row{Name: c.Name, Title: c.Title, Goals: c.Goals}
		if err := s.runCase(ctx, &c, &row, &report.Conditions); err != nil {
			row.Error = err.Error()
			s.Note("%s: %v", c.Name, err)
		}
		report.Rows = append(report.Rows, row)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
	}
	return report, nil
}

// wants says whether one of the patterns in Match fits.
func (s *Suite) wants(name string) (bool, error) {
	for pattern := range strings.SplitSeq(s.Match, ",") {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return false, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

func (s *Suite) setDefaults() {
	s.Match = cmp.Or(s.Match, "*")
	s.Runs = cmp.Or(s.Runs, 3)
	s.Warmup = cmp.Or(s.Warmup, 500*time.Millisecond)
	s.Window = cmp.Or(s.Window, 2*time.Second)
	s.Settle = cmp.Or(s.Settle, time.Minute)
	s.Backlog = cmp.Or(s.Backlog, 32<<20)
	s.Dir = cmp.Or(s.Dir, os.TempDir())
	s.Scale = cmp.Or(s.Scale, 1)
	s.peerRates = make(map[int]float64)
	if s.Note == nil {
		s.Note = func(string, ...any) {}
	}
}

func (s *Suite) runCase(ctx context.Context, c *Case, row *Row, conditions *Conditions) error {
	runs := s.Runs
	if c.Once {
		runs = 1
	}
	for run := range runs {
		ours, info, err := s.runOnce(ctx, c, s.Server, s.ServerArgs)
		if err != nil {
			return fmt.Errorf("server: %w", err)
		}
		conditions.Server = info.describe()
		row.Ours = append(row.Ours, ours)
		s.Note("%-24s %d/%d  server  %s", c.Name, run+1, runs, ours)
		if s.Peer == "" {
			continue
		}
		peer, info, err := s.runOnce(ctx, c, s.Peer, s.PeerArgs)
		if err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		conditions.Peer = info.describe()
		row.Peer = append(row.Peer, peer)
		s.Note("%-24s %d/%d  peer    %s", c.Name, run+1, runs, peer)
	}
	return nil
}

// runOnce runs a case against a server that lives for that long.
func (s *Suite) runOnce(ctx context.Context, c *Case, binary string, args []string) (Sample, *Info, error) {
	env := &Env{Binary: binary, PeerRate: s.peerRate, Scale: s.Scale,
		Warmup: s.Warmup, Window: s.Window, Settle: s.Settle, Backlog: s.Backlog}
	env.Plain = func(ctx context.Context) (*Server, error) { return StartServer(ctx, binary, args...) }
	further, done, err := s.furnish(c, env)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	full := slices.Concat(args, further)
	env.Start = func(ctx context.Context) (*Server, error) { return StartServer(ctx, binary, full...) }
	server, err := env.Start(ctx)
	if err != nil {
		return nil, nil, err
	}
	env.Server = server
	defer func() { env.Server.Stop() }() // it may be another one by then
	sample, err := c.Run(ctx, env)
	return sample, &server.Info, err
}

// furnish makes the files that a case needs, and returns the arguments that
// make a server use them, and what removes them.
func (s *Suite) furnish(c *Case, env *Env) (args []string, done func(), err error) {
	var made []func()
	remove := func() {
		for _, remove := range made {
			remove()
		}
	}
	defer func() {
		if err != nil {
			remove()
		}
	}()
	env.Dir, args, err = c.Store.prepare(s.Dir)
	if err != nil {
		return nil, nil, err
	}
	made = append(made, func() { os.RemoveAll(env.Dir) }) // "" without a store
	if c.Config != nil {
		file, err := writeConfig(s.Dir, c.Config, env)
		if err != nil {
			return nil, nil, err
		}
		made = append(made, func() { os.Remove(file) })
		args = append(args, "-c", file)
	}
	if c.Secure {
		secure, err := newSecurity(s.Dir)
		if err != nil {
			return nil, nil, err
		}
		made = append(made, secure.remove)
		env.TLS, args = secure.tls, append(args, secure.args...)
	}
	return args, remove, nil
}

// writeConfig writes a configuration file below dir and returns its path.
func writeConfig(dir string, text func(*Env) (string, error), env *Env) (path string, err error) {
	written, err := text(env)
	if err != nil {
		return "", fmt.Errorf("make the configuration: %w", err)
	}
	file, err := os.CreateTemp(dir, "bench-*.conf")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(written)
	return file.Name(), errors.Join(err, file.Close())
}

// peerRate measures, once, what the peer takes at most; without a peer it is
// the server itself.
func (s *Suite) peerRate(ctx context.Context, subscribers int) (float64, error) {
	if rate, ok := s.peerRates[subscribers]; ok {
		return rate, nil
	}
	binary, args := s.Peer, s.PeerArgs
	if binary == "" {
		binary, args = s.Server, s.ServerArgs
	}
	c := fanout(1, subscribers, 16).cased("top rate", "")
	sample, _, err := s.runOnce(ctx, &c, binary, args)
	if err != nil {
		return 0, fmt.Errorf("top rate of the peer: %w", err)
	}
	rate := sample[Rate] / float64(subscribers)
	s.peerRates[subscribers] = rate
	s.Note("the peer's top rate is %.0f messages/s to %d subscribers", rate, subscribers)
	return rate, nil
}

// median returns the median of a metric over samples, and its extremes.
func median(samples []Sample, m Metric) (mid, low, high float64) {
	var values []float64
	for _, s := range samples {
		if v, ok := s[m]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0, 0, 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]
}

// metrics returns the metrics of a row in the order of the suite's list.
func (r *Row) metrics() []Metric {
	if len(r.Ours) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(r.Ours[0]), func(a, b Metric) int {
		return slices.Index(metricOrder, a) - slices.Index(metricOrder, b)
	})
}
