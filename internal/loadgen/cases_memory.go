package loadgen

import (
	"context"
	"fmt"
	"time"
)

func memoryCases() []Case {
	return []Case{
		{Name: "memory-connection", Title: "idle connection with one subscription, each of 10,000", Once: true,
			Goals: []Goal{atMost(Memory, 10<<10)}, Run: idleConnections(idleConns)},
		{Name: "memory-subscription", Title: "subscription, each of 1,000,000 on one connection", Once: true,
			Goals: []Goal{atMost(Memory, 300)}, Run: runSubscriptions},
	}
}

const (
	idleConns         = 10_000
	idleReadBuffer    = 1 << 10 // bytes, of the generator
	manySubscriptions = 1_000_000
	probeStep         = 100         // of so many subscriptions one is tried at the end
	baseRest          = time.Second // before the memory of an empty server is read
)

// idleConnections measures what each of n connections costs that does nothing.
func idleConnections(n int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		st := newStage(ctx, env.dialer())
		defer st.close()
		subs := make([]*Subscriber, n)
		subjects := numbered("bench.idle.%06d", n)
		sample, err := st.memory(env, n, func() error {
			for i, subject := range subjects {
				var err error
				if subs[i], err = st.idle(subject); err != nil {
					return fmt.Errorf("connection %d: %w", i, err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return sample, st.probe(subjects, subs...)
	}
}

// idle opens a connection that subscribes and nothing else.
func (s *stage) idle(subject string) (*Subscriber, error) {
	c, err := s.dial(idleReadBuffer)
	if err != nil {
		return nil, err
	}
	sub := NewSubscriber(c, false)
	s.read(sub.Run)
	if err := c.Write(appendSub(nil, subject, "", 1)); err != nil {
		return nil, err
	}
	return sub, c.Flush(s.ctx)
}

// runSubscriptions measures what a subscription costs.
func runSubscriptions(ctx context.Context, env *Env) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	c, err := st.dial(0)
	if err != nil {
		return nil, err
	}
	sub := NewSubscriber(c, false)
	st.read(sub.Run)
	var subjects []string
	sample, err := st.memory(env, manySubscriptions, func() error {
		var frames []byte
		for i := range manySubscriptions {
			subject := fmt.Sprintf("orders.%07d.state", i)
			if frames = appendSub(frames, subject, "", i+1); len(frames) >= blockBytes {
				if err := c.Write(frames); err != nil {
					return c.cause(err)
				}
				frames = frames[:0]
			}
			if i%probeStep == 0 {
				subjects = append(subjects, subject)
			}
		}
		if err := c.Write(frames); err != nil {
			return c.cause(err)
		}
		return c.Flush(st.ctx)
	})
	if err != nil {
		return nil, err
	}
	return sample, st.probe(subjects, sub)
}

// memory measures by how much fill makes the server grow for each of n items,
// at once and after a rest.
func (s *stage) memory(env *Env, n int, fill func() error) (Sample, error) {
	if err := sleep(s.ctx, min(env.Settle, baseRest)); err != nil {
		return nil, err
	}
	base, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	if err := fill(); err != nil {
		return nil, err
	}
	full, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	if err := sleep(s.ctx, env.Settle); err != nil {
		return nil, err
	}
	rested, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	return Sample{
		MemoryPeak: float64(full.RSS-base.RSS) / float64(n),
		Memory:     float64(rested.RSS-base.RSS) / float64(n),
	}, nil
}

// probe publishes once on each subject and checks that the subscribers
// receive all of it: what was measured was really there.
func (s *stage) probe(subjects []string, subs ...*Subscriber) error {
	w := NewWindow(int64(len(subjects)))
	w.Add(1, subs...)
	p, err := s.publisher(subjects, 16, w)
	if err != nil {
		return err
	}
	if err := p.Run(s.ctx, int64(len(subjects))); err != nil {
		return err
	}
	return s.finish(w)
}
