package loadgen

import (
	"context"
	"runtime"
)

// pacedProcs lets the runtime run subscribers while pacing publishers sleep in
// the kernel, also on a machine with two cores.
const pacedProcs = 4

func latencyCases() []Case {
	goal := []Goal{ratioAtMost(P99, 1)}
	return []Case{
		{Name: "latency-1to1", Title: "delivery at half of the peer's top rate, 1:1, 16 B", Goals: goal, Run: paced(1)},
		{Name: "latency-1to4", Title: "delivery at half of the peer's top rate, 1:4, 16 B", Goals: goal, Run: paced(4)},
	}
}

// paced measures how long deliveries take when one publisher keeps to half of
// the rate that the peer can bear. Both servers get the same rate.
func paced(subscribers int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		top, err := env.PeerRate(ctx, subscribers)
		if err != nil {
			return nil, err
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(pacedProcs, runtime.GOMAXPROCS(0))))
		st := newStage(ctx, env.dialer())
		defer st.close()
		w := fanout(1, subscribers, stampBytes).window(env)
		subs := make([]*Subscriber, subscribers)
		for i := range subs {
			if subs[i], err = st.subscribe("bench.load", "", true, true); err != nil {
				return nil, err
			}
			w.Add(1, subs[i])
		}
		p, err := st.publisher([]string{"bench.load"}, stampBytes, w)
		if err != nil {
			return nil, err
		}
		p.Stamp, p.Rate = true, top/2
		muteAll(subs, true)
		st.start(p)
		sample, err := env.measure(st.ctx, w.Received, func() { muteAll(subs, false) })
		if err != nil {
			return nil, err
		}
		muteAll(subs, true)
		sample[Offered] = top / 2
		if err := st.finish(w); err != nil {
			return nil, err
		}
		st.close()
		addQuantiles(sample, subs)
		return sample, nil
	}
}
