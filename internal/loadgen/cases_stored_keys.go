package loadgen

import "context"

func storedKeysCases() []Case {
	return []Case{{Name: "js-keys", Title: "key, each of 1,000,000 with a value of 100 B", Once: true, Store: OwnSync, Run: runKeys,
		Goals: []Goal{atMost(Memory, 120), atMost(Reopen, 0.3e9), atMost(ReopenDead, 1e9)}}}
}

const (
	keyCount = 1_000_000
	keyBytes = 100
)

// runKeys measures what a key costs in memory, and how long a server with many
// takes to open again.
func runKeys(ctx context.Context, env *Env) (Sample, error) {
	keys := env.scaled(keyCount)
	st := newStage(ctx, env.dialer())
	defer st.close()
	sample, err := st.memory(env, keys, func() error { return fill(ctx, env, directStream(), keys, keyBytes) })
	if err != nil {
		return nil, err
	}
	st.close()
	complete := func(api *apiClient) (bool, error) {
		state, err := api.state(ctx, streamName(0))
		return state.Messages == int64(keys), err
	}
	return sample, env.reopenTwice(ctx, sample, complete)
}

// reopenTwice kills the server and starts it again, then ends it well and
// starts it again, and adds to the sample how long either start took until
// complete said that everything is served. In that order, since the clean end
// would leave nothing for the other to do.
func (e *Env) reopenTwice(ctx context.Context, sample Sample, complete func(*apiClient) (bool, error)) error {
	e.Server.Kill()
	took, err := e.reopen(ctx, complete)
	if err != nil {
		return err
	}
	sample[ReopenDead] = float64(took)
	if err := e.Server.Terminate(); err != nil {
		return err
	}
	if took, err = e.reopen(ctx, complete); err != nil {
		return err
	}
	sample[Reopen] = float64(took)
	return nil
}
