package loadgen

import (
	"context"
	"fmt"
)

// consumerDrainCases take all messages of a stream that was filled before.
func consumerDrainCases() []Case {
	pull := drain{messages: pullMessages, again: fetchAgain, consumer: func() consumerConfig { return durableConsumer(drainConsumer) }}
	ahead := pull
	ahead.again = consumeAgain
	push := drain{messages: orderedMessages, consumer: func() consumerConfig { return orderedPush(drainConsumer, newInbox()) }}
	ordered := drain{messages: orderedMessages, again: consumeAgain, consumer: func() consumerConfig { return orderedPull(drainConsumer) }}
	return []Case{
		{Name: "jsc-pull", Title: "pull 2,000,000 messages of 128 B in batches of 500 and acknowledge each",
			Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 3)}, Run: pull.run},
		{Name: "jsc-pull-ahead", Title: "pull 2,000,000 messages of 128 B in batches of 500, the next asked for when half of one is there, and acknowledge each",
			Store: OwnSync, Run: ahead.run},
		{Name: "jsc-ordered", Title: "ordered consumer, pushed, over 5,000,000 messages of 128 B",
			Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 2)}, Run: push.run},
		{Name: "jsc-ordered-pull", Title: "ordered consumer, pulled, over 5,000,000 messages of 128 B",
			Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 2)}, Run: ordered.run},
	}
}

const (
	pullMessages    = 2_000_000
	orderedMessages = 5_000_000
	drainSize       = 128
	drainConsumer   = "DRAIN"
)

// drain is a load of one consumer that takes what is stored.
type drain struct {
	messages int
	again    int // see stage.follow
	consumer func() consumerConfig
}

func (d drain) run(ctx context.Context, env *Env) (Sample, error) {
	messages := env.scaled(d.messages)
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	stream := streamName(0)
	if err := st.fill(api, streamOf(stream, "bench.00"), messages, repeated("bench.00", drainSize)); err != nil {
		return nil, err
	}
	return st.drain(env, api, stream, d.consumer(), d.again, messages)
}

// drain makes a consumer of the stream and takes the messages that are there
// for it, of which there have to be as many as stated. What it takes to make
// the consumer, and until the last acknowledgement was taken, is in the sample.
func (s *stage) drain(env *Env, api *apiClient, stream string, config consumerConfig, again, messages int) (Sample, error) {
	n := int64(messages)
	var t *taker
	sample, err := env.spend(n, func() (err error) {
		if t, err = s.follow(api, stream, config, again); err != nil {
			return err
		}
		t.limit = n
		if err := t.run(s.ctx); err != nil || !t.acks {
			return err
		}
		return api.awaitAcked(s.ctx, stream, config.Name, n)
	})
	if err != nil {
		return nil, err
	}
	if t.tally.last.pending != 0 {
		return nil, fmt.Errorf("the last message says that %d are left", t.tally.last.pending)
	}
	return sample, api.checkDelivered(s.ctx, stream, config.Name, n)
}

// follow makes a consumer and the taker of its messages, which is to be run.
// One without a deliver subject is pulled from, and asked again as again says
// (see puller); one that wants no acknowledgements has to keep the order.
func (s *stage) follow(api *apiClient, stream string, config consumerConfig, again int) (*taker, error) {
	var t *taker
	var err error
	if config.DeliverSubject != "" {
		t, err = s.taker(config.DeliverSubject)
	} else {
		t, err = s.puller(stream, config.Name, again)
	}
	if err != nil {
		return nil, err
	}
	t.acks = config.AckPolicy != "none"
	t.tally.ordered = !t.acks
	return t, api.consume(s.ctx, stream, config)
}

// spend returns how fast work does n things, and what each costs the server.
func (e *Env) spend(n int64, work func() error) (Sample, error) {
	none := func() int64 { return 0 }
	from, err := e.read(none)
	if err != nil {
		return nil, err
	}
	if err := work(); err != nil {
		return nil, err
	}
	to, err := e.read(none)
	if err != nil {
		return nil, err
	}
	return Sample{
		Rate:    float64(n) / to.at.Sub(from.at).Seconds(),
		CPU:     float64(to.cpu-from.cpu) / float64(n),
		LoadCPU: float64(to.self-from.self) / float64(n),
	}, nil
}
