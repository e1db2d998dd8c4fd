package loadgen

import (
	"context"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func requestCases() []Case {
	goals := []Goal{ratioAtMost(P50, 1), ratioAtMost(P99, 1), ratioAtMost(CPU, 1)}
	return []Case{
		{Name: "request-1", Title: "request/reply, 1 client in flight", Goals: goals, Run: requests(1)},
		{Name: "request-16", Title: "request/reply, 16 clients in flight", Goals: goals, Run: requests(16)},
	}
}

// requests measures clients that have one request in flight each, to one
// responder.
func requests(clients int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		st := newStage(ctx, env.dialer())
		defer st.close()
		if _, err := st.respond("bench.service", "", 16); err != nil {
			return nil, err
		}
		all, err := st.request("bench.service", clients, 16)
		if err != nil {
			return nil, err
		}
		replies := func() (n int64) {
			for _, r := range all {
				n += r.Replies()
			}
			return n
		}
		sample, err := env.measure(st.ctx, replies, func() { muteAll(all, false) })
		if err != nil {
			return nil, err
		}
		muteAll(all, true)
		return sample, st.collect(sample, all)
	}
}

// request starts muted requesters with one request in flight each.
func (s *stage) request(subject string, clients, size int) ([]*Requester, error) {
	all := make([]*Requester, clients)
	for i := range all {
		c, err := s.dial(0)
		if err != nil {
			return nil, err
		}
		all[i] = NewRequester(c, subject, fmt.Sprintf("_INBOX.bench%04d", i), size, 1, 0)
	}
	muteAll(all, true)
	for _, r := range all {
		s.write(func(ctx context.Context) error { return r.Run(ctx, 0) })
	}
	return all, nil
}

// A muter records latencies.
type muter interface {
	Mute(bool)
	Latency() *hdrhistogram.Histogram
}

func muteAll[M muter](all []M, on bool) {
	for _, m := range all {
		m.Mute(on)
	}
}

// collect ends the load and adds the quantiles of all latencies to the sample.
func (s *stage) collect(sample Sample, all []*Requester) error {
	s.stop()
	s.writers.Wait()
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	addQuantiles(sample, all)
	return nil
}

func addQuantiles[M muter](sample Sample, all []M) {
	total := newHistogram()
	for _, m := range all {
		total.Merge(m.Latency())
	}
	sample[P50] = float64(total.ValueAtQuantile(50))
	sample[P99] = float64(total.ValueAtQuantile(99))
}
