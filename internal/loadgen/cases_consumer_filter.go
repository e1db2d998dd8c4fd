package loadgen

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// consumerFilterCases compare consumers with a filter and consumers without one
// that take the same number of messages, in turn.
func consumerFilterCases() []Case {
	one := func(name, title string, load filterLoad) Case {
		return Case{Name: name, Title: title + ", each on a subject of its own; compared with no filter",
			Store: OwnSync, Goals: []Goal{atLeast(Kept, 0.8)}, Run: load.run}
	}
	return []Case{
		one("jsc-filter-few", "filter that matches 1,000 of 1,000,000 messages of 128 B", filterLoad{share: 1000, rounds: 100}),
		one("jsc-filter-all", "filter that matches all of 1,000,000 messages of 128 B", filterLoad{share: 1, rounds: 2}),
	}
}

const (
	filterMessages = 1_000_000
	filterStride   = 37 // from the filter of a round to that of the next; coprime to the number of filters
)

// filterLoad is a load of consumers that come after one another.
type filterLoad struct {
	share  int // one of so many messages matches a filter
	rounds int // consumers of each kind
}

// filterTotal is what the consumers of one kind have taken together.
type filterTotal struct {
	messages int64
	took     time.Duration
	created  time.Duration
	cpu      time.Duration
}

func (f *filterTotal) rate() float64 { return float64(f.messages) / f.took.Seconds() }

func (l filterLoad) run(ctx context.Context, env *Env) (Sample, error) {
	messages := max(env.scaled(filterMessages), l.share)
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	if err := st.fill(api, streamOf(streamName(0), "bench.>"), messages, grouped(l.share, drainSize)); err != nil {
		return nil, err
	}
	var filtered, plain filterTotal
	for round := range l.rounds {
		matching := durableConsumer(fmt.Sprintf("FILTERED%03d", round))
		matching.Filter = string(appendKey(nil, int64(round*filterStride%l.share))) + ".>"
		all := durableConsumer(fmt.Sprintf("PLAIN%03d", round))
		all.DeliverPolicy = "by_start_sequence"
		all.StartSeq = 1 + int64((messages-messages/l.share)*round/l.rounds)
		turns := []func() error{
			func() error { return filtered.take(st, env, api, matching, int64(messages/l.share)) },
			func() error { return plain.take(st, env, api, all, int64(messages/l.share)) },
		}
		for i := range turns {
			if err := turns[(i+round)%len(turns)](); err != nil {
				return nil, err
			}
		}
	}
	return Sample{
		Rate:     filtered.rate(),
		Compared: plain.rate(),
		Kept:     filtered.rate() / plain.rate(),
		Created:  float64(filtered.created) / float64(l.rounds),
		CPU:      float64(filtered.cpu) / float64(filtered.messages),
	}, nil
}

// take makes a consumer, takes and acknowledges n messages from the first
// request to the last message, which is what counts, and removes the consumer.
func (f *filterTotal) take(st *stage, env *Env, api *apiClient, config consumerConfig, n int64) error {
	stream := streamName(0)
	start := time.Now()
	if err := api.consume(st.ctx, stream, config); err != nil {
		return err
	}
	f.created += time.Since(start)
	t, err := st.puller(stream, config.Name, fetchAgain)
	if err != nil {
		return err
	}
	defer t.conn.Close()
	t.acks, t.limit = true, n
	before, err := env.Server.Usage()
	if err != nil {
		return err
	}
	start = time.Now()
	if err := t.run(st.ctx); err != nil {
		return fmt.Errorf("consumer %s: %w", config.Name, err)
	}
	f.took += time.Since(start)
	f.messages += n
	if err := api.awaitAcked(st.ctx, stream, config.Name, n); err != nil {
		return err
	}
	after, err := env.Server.Usage()
	if err != nil {
		return err
	}
	f.cpu += after.CPU - before.CPU
	return api.call(st.ctx, "CONSUMER.DELETE."+stream+"."+config.Name, nil, nil)
}

// grouped publishes each message on a subject of its own, in groups that take
// turns.
func grouped(groups, size int) func(string) composer {
	payload := bytes.Repeat([]byte{'x'}, size)
	return func(string) composer {
		var subject []byte
		return func(b, reply []byte, number int64) []byte {
			subject = append(appendKey(subject[:0], number%int64(groups)), ".00000000"...)
			putToken(subject[len(subject)-tokenDigits:], number)
			return appendPub(b, subject, reply, payload)
		}
	}
}
