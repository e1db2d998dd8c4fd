package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

func storedStreamsCases() []Case {
	return []Case{{Name: "js-streams", Title: "empty stream, each of 10,000; created with 16 requests in flight", Once: true,
		Store: OwnSync, Goals: []Goal{atMost(Memory, 12<<10), atMost(Reopen, 1e9)}, Run: runStreams}}
}

const (
	streamCount    = 10_000
	createInFlight = 16
)

// runStreams measures what making and having a stream costs, and how long a
// server with many takes to open again.
func runStreams(ctx context.Context, env *Env) (Sample, error) {
	streams := env.scaled(streamCount)
	st := newStage(ctx, env.dialer())
	defer st.close()
	var took time.Duration
	sample, err := st.memory(env, streams, func() error {
		r, err := st.storer(createInFlight, createRequests)
		if err != nil {
			return err
		}
		start := time.Now()
		if err := r.Run(st.ctx, int64(streams)); err != nil {
			return fmt.Errorf("create streams: %w", err)
		}
		took = time.Since(start)
		return nil
	})
	if err != nil {
		return nil, err
	}
	sample[Rate] = float64(streams) / took.Seconds()
	st.close()
	complete := func(api *apiClient) (bool, error) {
		var info struct {
			Streams int `json:"streams"`
		}
		err := api.call(ctx, "INFO", nil, &info)
		return info.Streams == streams, err
	}
	return sample, env.reopenTwice(ctx, sample, complete)
}

// createRequests asks for one stream after the other.
func createRequests(string) composer {
	return func(b, reply []byte, number int64) []byte {
		name := fmt.Sprintf("BENCH%05d", number)
		body, err := json.Marshal(streamOf(name, fmt.Sprintf("bench.%05d.>", number)))
		if err != nil {
			panic(err) // a struct of strings and numbers
		}
		return appendPub(b, []byte("$JS.API.STREAM.CREATE."+name), reply, body)
	}
}
