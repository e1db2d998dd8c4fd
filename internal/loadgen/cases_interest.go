package loadgen

import (
	"context"
	"fmt"
	"math/rand/v2"
)

func interestCases() []Case {
	return []Case{
		{Name: "interest-100k", Title: "100,000 literal and 10,000 wildcard subscriptions over 100 connections, 100,000 subjects, 16 B",
			Goals: []Goal{ratioAtLeast(Rate, 3)}, Run: runInterest},
		{Name: "publishers-1000", Title: "1,000 slow publishers, 1 subscriber, 16 B",
			Goals: []Goal{ratioAtLeast(Rate, 3)}, Run: runManyPublishers},
	}
}

const (
	interestSubjects = 100_000
	interestConns    = 100
	interestGroup    = 10 // subjects that one wildcard matches
	interestFrame    = 40 // bytes of a delivery
)

// runInterest publishes over many subjects in no order; each message matches
// a literal subscription and a wildcard, which are on some two connections.
func runInterest(ctx context.Context, env *Env) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	w := env.window(interestFrame)
	subs := make([]*Subscriber, interestConns)
	for i := range subs {
		c, err := st.dial(0)
		if err != nil {
			return nil, err
		}
		subs[i] = NewSubscriber(c, true)
		st.read(subs[i].Run)
		if err := c.Write(interestOf(i)); err != nil {
			return nil, err
		}
		if err := c.Flush(st.ctx); err != nil {
			return nil, err
		}
	}
	w.Add(2, subs...)
	subjects := make([]string, interestSubjects)
	for i, at := range rand.New(rand.NewPCG(1, 2)).Perm(interestSubjects) {
		subjects[at] = interestSubject(i)
	}
	p, err := st.publisher(subjects, 16, w)
	if err != nil {
		return nil, err
	}
	st.start(p)
	sample, err := env.measure(st.ctx, w.Received, nil)
	if err != nil {
		return nil, err
	}
	return sample, st.finish(w)
}

func interestSubject(i int) string {
	return fmt.Sprintf("bench.%04d.%d", i/interestGroup, i%interestGroup)
}

// interestOf returns the SUBs of one connection. All subscription ids have
// four digits, so that all frames have one size.
func interestOf(conn int) []byte {
	var b []byte
	sid := 1000
	for i := conn; i < interestSubjects; i += interestConns {
		b = appendSub(b, interestSubject(i), "", sid)
		sid++
	}
	for i := conn; i < interestSubjects/interestGroup; i += interestConns {
		b = appendSub(b, fmt.Sprintf("bench.%04d.*", i), "", sid)
		sid++
	}
	return b
}

const (
	manyPublishers = 1000
	// burst is how many messages a slow publisher sends at a time: enough that
	// the system calls of both sides do not hide what the server does.
	burst = 32
	// drivers is how many goroutines take turns through the publishers.
	drivers = 2
)

// runManyPublishers has many connections that publish a little in turn.
func runManyPublishers(ctx context.Context, env *Env) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	w := fanout(1, 1, 16).window(env)
	sub, err := st.subscribe("bench.load", "", true, false)
	if err != nil {
		return nil, err
	}
	w.Add(1, sub)
	all := make([]*Publisher, manyPublishers)
	for i := range all {
		if all[i], err = st.publisher([]string{"bench.load"}, 16, w); err != nil {
			return nil, err
		}
	}
	for i := range drivers {
		st.write(func(ctx context.Context) error { return takeTurns(ctx, all[i*len(all)/drivers:(i+1)*len(all)/drivers]) })
	}
	sample, err := env.measure(st.ctx, w.Received, nil)
	if err != nil {
		return nil, err
	}
	return sample, st.finish(w)
}

// takeTurns lets one publisher after the other send a burst.
func takeTurns(ctx context.Context, all []*Publisher) error {
	for ctx.Err() == nil {
		for _, p := range all {
			if err := p.write(ctx, p.blocks[0], 0, burst); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return p.conn.cause(err)
			}
		}
	}
	return nil
}
