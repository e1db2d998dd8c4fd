package loadgen

import (
	"context"
	"fmt"
)

// shape is a load of publishers that go as fast as the server takes it.
type shape struct {
	publishers  int
	subscribers int
	queue       string
	subjects    []string
	interest    string // what subscribers subscribe to
	size        int

	// Names of users, "" for nobody; subscribers are spread over theirs.
	publishAs   string
	subscribeAs []string
}

func throughputCases() []Case {
	one := func(size int) shape { return fanout(1, 1, size) }
	group := fanout(1, 4, 16)
	group.queue = "group"
	return []Case{
		one(16).cased("1to1-16B", "1 publisher, 1 subscriber, 16 B", ratioAtLeast(Rate, 4), ratioAtMost(CPU, 0.25)),
		fanout(1, 4, 16).cased("1to4-16B", "1 to 4 fan-out, 16 B", ratioAtLeast(Rate, 5)),
		fanout(4, 4, 16).cased("4to4-16B", "4 to 4, 16 B", ratioAtLeast(Rate, 5)),
		group.cased("queue4-16B", "queue group of 4, 16 B", ratioAtLeast(Rate, 4)),
		manySubjects(1000).cased("subjects1000-16B", "1,000 subjects, one wildcard subscriber, 16 B", ratioAtLeast(Rate, 5)),
		one(128).cased("1to1-128B", "1:1, 128 B", ratioAtLeast(Rate, 2)),
		one(1<<10).cased("1to1-1KB", "1:1, 1 KB", ratioAtLeast(Rate, 1.25)),
		one(64<<10).cased("1to1-64KB", "1:1, 64 KB", ratioAtLeast(Rate, 1)),
		one(1<<20).cased("1to1-1MB", "1:1, 1 MB", ratioAtLeast(Rate, 1)),
	}
}

// fanout is a load in which each subscriber receives every message.
func fanout(publishers, subscribers, size int) shape {
	return shape{publishers: publishers, subscribers: subscribers, size: size,
		subjects: []string{"bench.load"}, interest: "bench.load"}
}

func (sh shape) cased(name, title string, goals ...Goal) Case {
	return Case{Name: name, Title: title, Goals: goals, Run: sh.run}
}

// run measures deliveries at full load.
func (sh shape) run(ctx context.Context, env *Env) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	w, err := sh.set(st, env)
	if err != nil {
		return nil, err
	}
	sample, err := env.measure(st.ctx, w.Received, nil)
	if err != nil {
		return nil, err
	}
	return sample, st.finish(w)
}

// set opens the connections and starts the load.
func (sh shape) set(st *stage, env *Env) (*Window, error) {
	w := sh.window(env)
	var members []*Subscriber
	for i := range sh.subscribers {
		if len(sh.subscribeAs) > 0 {
			st.login(sh.subscribeAs[i%len(sh.subscribeAs)])
		}
		sub, err := st.subscribe(sh.interest, sh.queue, true, false)
		if err != nil {
			return nil, err
		}
		if members = append(members, sub); sh.queue == "" {
			w.Add(1, sub)
		}
	}
	if sh.queue != "" {
		w.Add(1, members...)
	}
	st.login(sh.publishAs)
	for range sh.publishers {
		p, err := st.publisher(sh.subjects, sh.size, w)
		if err != nil {
			return nil, err
		}
		st.start(p)
	}
	return w, nil
}

// window returns the window for this load, whose frames are a little larger
// than subject and payload.
func (sh shape) window(env *Env) *Window {
	return env.window(len(sh.subjects[0]) + sh.size + 16)
}

func numbered(format string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}
