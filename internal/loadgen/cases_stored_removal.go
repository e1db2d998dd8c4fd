package loadgen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// storedRemovalCases remove much at once. Two publishers with one message in
// flight watch how long they are held up: one on the same stream, one on
// another.
func storedRemovalCases() []Case {
	one := func(name, title string, remove remover) Case {
		return Case{Name: name, Title: title + ", beside a publisher with one in flight", Once: true, Store: OwnSync, Goals: []Goal{atMost(Worst, 50e6)}, Run: remove.run}
	}
	return []Case{
		one("js-delete", "deletes of 100,000 random messages of 5,000,000 of 128 B, 64 in flight", deleteSome),
		one("js-evict", "4,500,000 of 5,000,000 messages of 128 B evicted by a lower limit", evictMost),
		one("js-expire", "5,000,000 messages of 128 B expire at once", expireAll),
		one("js-purge", "purge of 5,000,000 messages of 128 B", purgeAll),
	}
}

const (
	removalMessages = 5_000_000
	removalSize     = 128
	deleteShare     = 50 // one of so many messages is deleted
	deleteInFlight  = 64
	keptShare       = 10 // one of so many messages is left by the lower limit
)

// removal is what a remover gets: a stream whose first messages were stored
// before and are to go.
type removal struct {
	st       *stage
	api      *apiClient
	config   streamConfig
	messages int // how many were stored
}

// A remover removes messages and returns when they are gone.
type remover func(*removal) error

func (remove remover) run(ctx context.Context, env *Env) (Sample, error) {
	messages := env.scaled(removalMessages)
	st := newStage(ctx, env.dialer())
	defer st.close()
	r := &removal{st: st, config: streamOf(streamName(0), "bench.00"), messages: messages}
	if err := r.fill(); err != nil {
		return nil, err
	}
	watchers := make([]*Requester, 2)
	for i := range watchers {
		var err error
		if watchers[i], err = st.storer(1, repeated(fmt.Sprintf("bench.%02d", i), removalSize)); err != nil {
			return nil, err
		}
		watchers[i].Mute(true)
		st.write(func(ctx context.Context) error { return watchers[i].Run(ctx, 0) })
	}
	if err := arrival(st.ctx, watchers[0].Replies, env.Warmup); err != nil {
		return nil, err
	}
	muteAll(watchers, false)
	start := time.Now()
	if err := remove(r); err != nil {
		return nil, err
	}
	took := time.Since(start)
	// What is put off until later is to be seen as well.
	if err := arrival(st.ctx, watchers[0].Replies, env.Window); err != nil {
		return nil, err
	}
	st.stop()
	st.writers.Wait()
	return Sample{
		Work:        float64(took),
		P99:         float64(watchers[0].Latency().ValueAtQuantile(99)),
		Worst:       float64(watchers[0].Latency().Max()),
		WorstBeside: float64(watchers[1].Latency().Max()),
	}, context.Cause(st.ctx)
}

// fill makes the stream that is worked on and another one, and fills the first.
func (r *removal) fill() error {
	var err error
	if r.api, err = r.st.api(); err != nil {
		return err
	}
	for _, config := range []streamConfig{r.config, streamOf(streamName(1), "bench.01")} {
		if err := r.api.create(r.st.ctx, config); err != nil {
			return err
		}
	}
	p, err := r.st.storer(storedWindow, repeated("bench.00", removalSize))
	if err != nil {
		return err
	}
	if err := p.Run(r.st.ctx, int64(r.messages)); err != nil {
		return fmt.Errorf("fill the stream: %w", err)
	}
	return r.st.checkStored(r.api, []*Requester{p})
}

// until waits until the stream's state is as wanted.
func (r *removal) until(what string, reached func(streamState) bool) error {
	var failed error
	err := await(r.st.ctx, what, func() bool {
		var state streamState
		state, failed = r.api.state(r.st.ctx, r.config.Name)
		return failed != nil || reached(state)
	})
	if err == nil {
		err = failed
	}
	return err
}

// deleteSome deletes messages all over the stream, each once.
func deleteSome(r *removal) error {
	random := rand.New(rand.NewPCG(1, 2))
	order := random.Perm(r.messages)
	subject := []byte("$JS.API.STREAM.MSG.DELETE." + r.config.Name)
	deletes := func(string) composer {
		var body []byte
		return func(b, reply []byte, number int64) []byte {
			body = strconv.AppendInt(append(body[:0], `{"no_erase":true,"seq":`...), int64(1+order[number]), 10)
			return appendPub(b, subject, reply, append(body, '}'))
		}
	}
	d, err := r.st.storer(deleteInFlight, deletes)
	if err != nil {
		return err
	}
	if err := d.Run(r.st.ctx, int64(max(1, r.messages/deleteShare))); err != nil {
		return fmt.Errorf("delete messages: %w", err)
	}
	return nil
}

// evictMost lowers the stream's limit.
func evictMost(r *removal) error {
	r.config.MaxMsgs = max(1, r.messages/keptShare)
	if err := r.api.update(r.st.ctx, r.config); err != nil {
		return err
	}
	return r.until("evict messages", func(s streamState) bool { return s.Messages <= int64(r.config.MaxMsgs) })
}

// expireAll sets an age that everything has, or soon will have.
func expireAll(r *removal) error {
	r.config.MaxAge, r.config.DuplicateNanos = int64(time.Second), int64(time.Second)
	if err := r.api.update(r.st.ctx, r.config); err != nil {
		return err
	}
	return r.until("expire messages", func(s streamState) bool { return s.First > int64(r.messages) })
}

func purgeAll(r *removal) error {
	if err := r.api.call(r.st.ctx, "STREAM.PURGE."+r.config.Name, nil, nil); err != nil {
		return err
	}
	return r.until("purge the stream", func(s streamState) bool { return s.First > int64(r.messages) })
}
