package loadgen

import (
	"context"
	"fmt"
	"time"
)

func churnCases() []Case {
	goals := []Goal{atLeast(Kept, 0.8)}
	return []Case{
		{Name: "churn-same", Title: "1:1, 16 B, beside 10,000 SUB and UNSUB a second below the same first token",
			Goals: goals, Run: churn("bench.churn.%05d")},
		{Name: "churn-other", Title: "1:1, 16 B, beside 10,000 SUB and UNSUB a second elsewhere",
			Goals: goals, Run: churn("other.churn.%05d")},
	}
}

const (
	churnRate     = 10_000 // SUB and UNSUB each, per second
	churnSubjects = 10_000
	churnAlive    = 100 // subscriptions that are open at a time
	churnRounds   = 2   // of undisturbed and disturbed in turn
)

// churn measures a 1:1 load alone and beside a client that subscribes and
// unsubscribes all the time, in turn.
func churn(format string) func(context.Context, *Env) (Sample, error) {
	frames := churnBlock(format)
	return func(ctx context.Context, env *Env) (Sample, error) {
		st := newStage(ctx, env.dialer())
		defer st.close()
		w, err := fanout(1, 1, 16).set(st, env)
		if err != nil {
			return nil, err
		}
		total := make(Sample)
		for range churnRounds {
			quiet, err := env.measure(st.ctx, w.Received, nil)
			if err != nil {
				return nil, err
			}
			disturbed, err := measureDisturbed(st, env, frames, w)
			if err != nil {
				return nil, err
			}
			disturbed[Undisturbed] = quiet[Rate]
			for m, v := range disturbed {
				total[m] += v / churnRounds
			}
		}
		total[Kept] = total[Rate] / total[Undisturbed]
		return total, st.finish(w)
	}
}

// measureDisturbed measures while a new client churns.
func measureDisturbed(st *stage, env *Env, frames *block, w *Window) (Sample, error) {
	c, err := st.dial(0)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	st.read(c.Drain)
	p := &Publisher{conn: c, blocks: []*block{frames}, Rate: churnRate}
	ctx, stop := context.WithCancel(st.ctx)
	done := make(chan error, 1)
	start := time.Now()
	go func() { done <- p.Run(ctx, 0) }()
	sample, err := env.measure(st.ctx, w.Received, nil)
	stop()
	if runErr := <-done; err == nil {
		err = runErr
	}
	if err != nil {
		return nil, err
	}
	sample[Offered] = float64(p.Sent()) / time.Since(start).Seconds()
	return sample, nil
}

// churnBlock holds frames that each open one subscription and close an older.
func churnBlock(format string) *block {
	b := new(block)
	for i := range churnSubjects {
		b.data = appendSub(b.data, fmt.Sprintf(format, i), "", 10_000+i)
		b.data = appendUnsub(b.data, 10_000+(i+churnSubjects-churnAlive)%churnSubjects)
		b.ends = append(b.ends, int32(len(b.data)))
	}
	return b
}
