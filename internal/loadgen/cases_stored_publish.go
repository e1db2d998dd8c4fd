package loadgen

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/nats-io/nuid"
)

// storedWindow is how many messages are published and not yet acknowledged,
// over all publishers of a case.
const storedWindow = 4096

func storedPublishCases() []Case {
	bulk := func(streams, size int) storedLoad {
		return storedLoad{streams: streams, window: storedWindow / streams, size: size}
	}
	single := func(streams int) storedLoad { return storedLoad{streams: streams, window: 1, size: 128, latency: true} }
	both := []Goal{ratioAtLeast(Rate, 3), ratioAtMost(P99, 1)}
	return []Case{
		bulk(1, 128).cased("js-publish-128", "stored, 128 B, 1 publisher, 4,096 in flight", OwnSync,
			ratioAtLeast(Rate, 3), ratioAtMost(CPU, 0.33)),
		bulk(1, 128).cased("js-publish-128-synced", "stored and synced, 128 B, 1 publisher, 4,096 in flight", AlwaysSync,
			ratioAtLeast(Rate, 200)),
		bulk(16, 128).cased("js-publish-16x16", "stored, 128 B, 16 publishers on 16 streams, 4,096 in flight", OwnSync),
		bulk(16, 128).cased("js-publish-16x16-synced", "stored and synced, 128 B, 16 publishers on 16 streams, 4,096 in flight", AlwaysSync),
		bulk(1, 1<<10).cased("js-publish-1k", "stored, 1 KB, 1 publisher, 4,096 in flight", OwnSync, ratioAtLeast(Rate, 2)),
		bulk(1, 1<<10).cased("js-publish-1k-synced", "stored and synced, 1 KB, 1 publisher, 4,096 in flight", AlwaysSync),
		single(1).cased("js-sync-1", "stored and synced, 128 B, 1 publisher, one in flight", AlwaysSync),
		single(16).cased("js-sync-16", "stored and synced, 128 B, 16 publishers on 16 streams, one in flight each", AlwaysSync, both...),
		single(64).cased("js-sync-64", "stored and synced, 128 B, 64 publishers on 64 streams, one in flight each", AlwaysSync, both...),
		{Name: "js-neighbour", Title: "stored and synced, 128 B, one in flight beside a publisher that fills another stream",
			Store: AlwaysSync, Run: runNeighbour},
	}
}

// storedLoad is a load of publishers that wait for acknowledgements, each with
// a stream of its own.
type storedLoad struct {
	streams int
	window  int // messages in flight, of each publisher
	size    int
	latency bool // report latencies, and what a sync of the disk takes
}

func (l storedLoad) cased(name, title string, store Store, goals ...Goal) Case {
	return Case{Name: name, Title: title, Store: store, Goals: goals, Run: l.run}
}

func (l storedLoad) run(ctx context.Context, env *Env) (Sample, error) {
	var sync float64
	if l.latency {
		var err error
		if sync, err = diskSync(env.Dir); err != nil {
			return nil, err
		}
	}
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	all := make([]*Requester, l.streams)
	for i := range all {
		subject := fmt.Sprintf("bench.%02d", i)
		if err := api.create(st.ctx, streamOf(streamName(i), subject)); err != nil {
			return nil, err
		}
		if all[i], err = st.storer(l.window, repeated(subject, l.size)); err != nil {
			return nil, err
		}
	}
	muteAll(all, true)
	for _, r := range all {
		st.write(func(ctx context.Context) error { return r.Run(ctx, 0) })
	}
	acked := func() int64 { return sum(all, (*Requester).Replies) }
	sample, err := env.measure(st.ctx, acked, func() { muteAll(all, false) })
	if err != nil {
		return nil, err
	}
	muteAll(all, true)
	st.stop()
	st.writers.Wait()
	if l.latency {
		addQuantiles(sample, all)
		sample[DiskSync] = sync
	}
	return sample, st.checkStored(api, all)
}

func streamName(i int) string { return fmt.Sprintf("BENCH%02d", i) }

// newInbox returns a prefix for reply subjects, as client libraries make them.
func newInbox() string { return "_INBOX." + nuid.Next() }

// repeated publishes the same message again and again.
func repeated(subject string, size int) func(inbox string) composer {
	return func(inbox string) composer { return repeat(subject, inbox, size) }
}

// storer opens a connection for a publisher that keeps window messages in
// flight; the caller runs it.
func (s *stage) storer(window int, compose func(inbox string) composer) (*Requester, error) {
	c, err := s.dial(0)
	if err != nil {
		return nil, err
	}
	inbox := newInbox()
	r := newRequester(c, inbox, window, compose(inbox))
	c.in.wantHead = replyHeadBytes
	r.check = refused
	return r, nil
}

// checkStored fails if a stream does not hold as many messages as its
// publisher has acknowledgements: what was measured was really stored.
func (s *stage) checkStored(api *apiClient, all []*Requester) error {
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	for i, r := range all {
		if err := s.checkHolds(api, streamName(i), r.Replies()); err != nil {
			return err
		}
	}
	return nil
}

// checkHolds fails if a stream does not hold as many messages as its publishers
// have acknowledgements.
func (s *stage) checkHolds(api *apiClient, stream string, acked int64) error {
	state, err := api.state(s.ctx, stream)
	if err == nil && state.Messages != acked {
		err = fmt.Errorf("stream %s holds %d messages of %d acknowledged", stream, state.Messages, acked)
	}
	return err
}

const (
	neighbourRounds = 2 // of undisturbed and disturbed in turn
	neighbourSize   = 128
)

// runNeighbour measures a small publisher alone and beside one that publishes
// all that the server takes to another stream, in turn.
func runNeighbour(ctx context.Context, env *Env) (Sample, error) {
	if err := createPair(ctx, env); err != nil {
		return nil, err
	}
	quiet, loud := newHistogram(), newHistogram()
	total := make(Sample)
	for range neighbourRounds {
		if _, err := neighbour(ctx, env, false, quiet); err != nil {
			return nil, err
		}
		sample, err := neighbour(ctx, env, true, loud)
		if err != nil {
			return nil, err
		}
		for m, v := range sample {
			total[m] += v / neighbourRounds
		}
	}
	total[QuietP50], total[QuietP99] = float64(quiet.ValueAtQuantile(50)), float64(quiet.ValueAtQuantile(99))
	total[P50], total[P99] = float64(loud.ValueAtQuantile(50)), float64(loud.ValueAtQuantile(99))
	total[Worst] = float64(loud.Max())
	return total, nil
}

// createPair makes two streams, that of bench.00 and that of bench.01.
func createPair(ctx context.Context, env *Env) error {
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return err
	}
	for i := range 2 {
		if err := api.create(st.ctx, streamOf(streamName(i), fmt.Sprintf("bench.%02d", i))); err != nil {
			return err
		}
	}
	return nil
}

// neighbour measures the small publisher and adds its latencies to total. The
// sample has its rate, and the loud one's as what was offered.
func neighbour(ctx context.Context, env *Env, disturbed bool, total *hdrhistogram.Histogram) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	small, err := st.storer(1, repeated("bench.00", neighbourSize))
	if err != nil {
		return nil, err
	}
	loud, err := st.storer(storedWindow, repeated("bench.01", neighbourSize))
	if err != nil {
		return nil, err
	}
	small.Mute(true)
	loud.Mute(true)
	st.write(func(ctx context.Context) error { return small.Run(ctx, 0) })
	if disturbed {
		st.write(func(ctx context.Context) error { return loud.Run(ctx, 0) })
	}
	var before int64
	var since time.Time
	sample, err := env.measure(st.ctx, small.Replies, func() {
		small.Mute(false)
		before, since = loud.Replies(), time.Now()
	})
	if err != nil {
		return nil, err
	}
	small.Mute(true)
	offered := float64(loud.Replies()-before) / time.Since(since).Seconds()
	st.stop()
	st.writers.Wait()
	total.Merge(small.Latency())
	return Sample{Rate: sample[Rate], Offered: offered}, context.Cause(st.ctx)
}
