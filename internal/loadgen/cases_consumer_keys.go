package loadgen

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// consumerKeysCases use a stream as the bucket of keys and values that client
// libraries make of it.
func consumerKeysCases() []Case {
	twice := []Goal{ratioAtLeast(Rate, 2)}
	return []Case{
		{Name: "jsc-kv-put", Title: "key-value: put random keys of 100,000, 128 B, 4,096 in flight", Store: OwnSync, Goals: twice, Run: puts(storedWindow)},
		{Name: "jsc-kv-put-1", Title: "key-value: put random keys of 100,000, 128 B, synced, one in flight", Store: AlwaysSync, Run: puts(1)},
		{Name: "jsc-kv-get", Title: "key-value: get random keys of 1,000,000, 128 B, 16 in flight", Store: OwnSync, Goals: twice, Run: keyGets(getInFlight)},
		{Name: "jsc-kv-get-1", Title: "key-value: get random keys of 1,000,000, 128 B, one in flight", Store: OwnSync, Run: keyGets(1)},
		{Name: "jsc-kv-watch", Title: "key-value: watch 1,000,000 keys, 128 B, until all are there", Store: OwnSync, Goals: twice, Run: runWatch},
	}
}

const (
	bucketName   = "KV_BENCH"
	bucketPrefix = "$KV.BENCH."
	putKeys      = 100_000
	bucketKeys   = 1_000_000
	valueBytes   = 128
	keyDedup     = 2 * time.Minute // what client libraries set
)

func bucket() streamConfig {
	config := streamOf(bucketName, bucketPrefix+">")
	config.MaxPerSubject, config.Discard, config.DuplicateNanos = 1, "new", int64(keyDedup)
	config.AllowDirect, config.AllowRollup, config.DenyDelete = true, true, true
	return config
}

// puts measures puts to a bucket that is empty at first.
func puts(inFlight int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		sync, err := diskSync(env.Dir)
		if err != nil {
			return nil, err
		}
		keys := env.scaled(putKeys)
		st := newStage(ctx, env.dialer())
		defer st.close()
		api, err := st.api()
		if err != nil {
			return nil, err
		}
		if err := api.create(st.ctx, bucket()); err != nil {
			return nil, err
		}
		var used marks
		distinct := int64(0)
		note := func(key int64) {
			if used.set(key) {
				distinct++
			}
		}
		r, err := st.storer(inFlight, randomPuts(keys, note))
		if err != nil {
			return nil, err
		}
		sample, err := st.steady(env, r)
		if err != nil {
			return nil, err
		}
		if inFlight == 1 {
			addQuantiles(sample, []*Requester{r})
			sample[DiskSync] = sync
		}
		return sample, st.checkPuts(api, r.Replies(), distinct)
	}
}

// checkPuts fails unless all puts were stored and each key has one value.
func (s *stage) checkPuts(api *apiClient, puts, keys int64) error {
	state, err := api.state(s.ctx, bucketName)
	if err == nil && (state.Last != puts || state.Messages != keys) {
		err = fmt.Errorf("the bucket is at %+v after %d puts of %d keys", state, puts, keys)
	}
	return err
}

// randomPuts puts random keys, each of which is noted.
func randomPuts(keys int, note func(key int64)) func(string) composer {
	payload := bytes.Repeat([]byte{'x'}, valueBytes)
	return func(string) composer {
		random := rand.New(rand.NewPCG(1, 2))
		var subject []byte
		return func(b, reply []byte, _ int64) []byte {
			key := random.Int64N(int64(keys))
			note(key)
			subject = appendNumbered(subject[:0], bucketPrefix, key)
			return appendPub(b, subject, reply, payload)
		}
	}
}

// cycled publishes on numbered subjects in their order, again and again.
func cycled(prefix string, subjects, size int) func(string) composer {
	payload := bytes.Repeat([]byte{'x'}, size)
	return func(string) composer {
		var subject []byte
		return func(b, reply []byte, number int64) []byte {
			subject = appendNumbered(subject[:0], prefix, number%int64(subjects))
			return appendPub(b, subject, reply, payload)
		}
	}
}

// appendNumbered appends a subject that ends in a number, all of one length.
func appendNumbered(b []byte, prefix string, number int64) []byte {
	b = append(append(b, prefix...), "00000000"...)
	putToken(b[len(b)-tokenDigits:], number)
	return b
}

// keyGets measures random gets of a bucket that was just filled.
func keyGets(inFlight int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		keys := env.scaled(bucketKeys)
		st := newStage(ctx, env.dialer())
		defer st.close()
		api, err := st.api()
		if err != nil {
			return nil, err
		}
		if err := st.fill(api, bucket(), keys, cycled(bucketPrefix, keys, valueBytes)); err != nil {
			return nil, err
		}
		r, err := st.storer(inFlight, randomGets(keys))
		if err != nil {
			return nil, err
		}
		r.check = found
		sample, err := st.steady(env, r)
		if err == nil && inFlight == 1 {
			addQuantiles(sample, []*Requester{r})
		}
		return sample, err
	}
}

func randomGets(keys int) func(string) composer {
	return func(string) composer {
		random := rand.New(rand.NewPCG(1, 2))
		var subject []byte
		return func(b, reply []byte, _ int64) []byte {
			subject = appendNumbered(subject[:0], "$JS.API.DIRECT.GET."+bucketName+"."+bucketPrefix, random.Int64N(int64(keys)))
			return appendPub(b, subject, reply, nil)
		}
	}
}

// runWatch measures how soon a watcher has the values of all keys.
func runWatch(ctx context.Context, env *Env) (Sample, error) {
	keys := env.scaled(bucketKeys)
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	if err := st.fill(api, bucket(), keys, cycled(bucketPrefix, keys, valueBytes)); err != nil {
		return nil, err
	}
	config := orderedPush("WATCH", newInbox())
	config.DeliverPolicy, config.Filter = "last_per_subject", bucketPrefix+">"
	return st.drain(env, api, bucketName, config, 0, keys)
}
