package loadgen

import (
	"context"
	"fmt"
	"time"
)

// consumerManyCases have many consumers on one stream. Either nobody shares a
// message, or everybody wants all of them.
func consumerManyCases() []Case {
	goals := []Goal{ratioAtLeast(Rate, 2), atMost(Idle, 0.02), atMost(Memory, 4<<10), atLeast(Kept, 0.5)}
	title := "consumer of one stream, each of 10,000; created with 16 requests in flight; then published with and without them, "
	return []Case{
		{Name: "jsc-consumers", Title: title + "each message for one", Once: true, Store: OwnSync, Goals: goals, Run: manyConsumers(true)},
		{Name: "jsc-consumers-all", Title: title + "each message for all", Once: true, Store: OwnSync, Goals: goals, Run: manyConsumers(false)},
	}
}

const (
	consumerCount = 10_000
	manySize      = 128
	manyRounds    = 2  // of publishing without and with the consumers, in turn, which share the window
	idleWindows   = 5  // how many windows long the server is watched while idle
	manyProbes    = 16 // how many consumers are looked at in the end, more or less
)

// manyConsumers measures what making and having a consumer costs, what those
// who are idle cost a publisher, and how long after its last message they all
// count it.
func manyConsumers(filtered bool) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		consumers := env.scaled(consumerCount)
		sample, err := createConsumers(ctx, env, consumers, filtered)
		if err != nil {
			return nil, err
		}
		if err := compareManyPublished(ctx, env, consumers, filtered, sample); err != nil {
			return nil, err
		}
		sample[Kept] = sample[Published] / sample[Undisturbed]
		return sample, nil
	}
}

// compareManyPublished publishes without and with the consumers, in turn, and
// adds the figures to the sample.
func compareManyPublished(ctx context.Context, env *Env, consumers int, filtered bool, sample Sample) error {
	part := *env
	part.Window /= manyRounds
	var stored []int64 // messages of each round with the consumers
	for range manyRounds {
		without, _, err := publishKeys(ctx, &part, 1, consumers)
		if err != nil {
			return err
		}
		with, n, err := publishKeys(ctx, &part, 0, consumers)
		if err != nil {
			return err
		}
		stored = append(stored, n)
		start := time.Now()
		if err := checkPending(ctx, env, consumers, filtered, stored); err != nil {
			return err
		}
		sample[Work] += float64(time.Since(start)) / manyRounds
		sample[Undisturbed] += without[Rate] / manyRounds
		sample[Published] += with[Rate] / manyRounds
		sample[CPU] += with[CPU] / manyRounds
	}
	return nil
}

// createConsumers makes two streams, and the consumers on the first of them,
// and watches the server while they are idle.
func createConsumers(ctx context.Context, env *Env, consumers int, filtered bool) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	for i := range 2 {
		if err := api.create(st.ctx, streamOf(streamName(i), fmt.Sprintf("many%02d.>", i))); err != nil {
			return nil, err
		}
	}
	var created Sample
	sample, err := st.memory(env, consumers, func() error {
		r, err := st.storer(createInFlight, consumerRequests(filtered))
		if err != nil {
			return err
		}
		created, err = env.spend(int64(consumers), func() error { return r.Run(st.ctx, int64(consumers)) })
		r.conn.Close()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create consumers: %w", err)
	}
	sample[Rate] = created[Rate]
	sample[Idle], err = env.idle(st.ctx)
	return sample, err
}

// idle returns which share of a processor the server uses while nobody asks
// anything of it.
func (e *Env) idle(ctx context.Context) (float64, error) {
	none := func() int64 { return 0 }
	from, err := e.read(none)
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, idleWindows*e.Window); err != nil {
		return 0, err
	}
	to, err := e.read(none)
	if err != nil {
		return 0, err
	}
	return float64(to.cpu-from.cpu) / float64(to.at.Sub(from.at)), nil
}

// consumerRequests asks for one consumer after the other, with a filter of its
// own or without one.
func consumerRequests(filtered bool) func(string) composer {
	return func(string) composer {
		return func(b, reply []byte, number int64) []byte {
			config := durableConsumer(manyName(number))
			if filtered {
				config.Filter = string(appendNumbered(nil, "many00.", number))
			}
			return config.appendCreate(b, streamName(0), reply)
		}
	}
}

func manyName(number int64) string { return fmt.Sprintf("C%05d", number) }

// publishKeys measures a publisher to a stream of createConsumers that goes
// through as many subjects as there are consumers, and returns how many
// messages it published in all.
func publishKeys(ctx context.Context, env *Env, stream, subjects int) (Sample, int64, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	prefix := fmt.Sprintf("many%02d.", stream)
	r, err := st.storer(storedWindow, cycled(prefix, subjects, manySize))
	if err != nil {
		return nil, 0, err
	}
	sample, err := st.steady(env, r)
	return sample, r.Replies(), err
}

// checkPending waits until the consumers have what was published before them,
// looking at some, and fails if they never do.
func checkPending(ctx context.Context, env *Env, consumers int, filtered bool, stored []int64) error {
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return err
	}
	for i := 0; i < consumers; i += max(1, consumers/manyProbes) {
		want := int64(0)
		for _, n := range stored {
			if filtered {
				n = (n + int64(consumers-1-i)) / int64(consumers)
			}
			want += n
		}
		if err := api.awaitPending(st.ctx, streamName(0), manyName(int64(i)), want); err != nil {
			return err
		}
	}
	return nil
}
