package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nagios"
)

// jetStreamCheck has the thresholds of what an account uses, in percent of what it may.
type jetStreamCheck struct {
	memory, store, streams, consumers counts
	replicas                          bool
	replicaSeen                       time.Duration
	replicaLag                        uint64
}

func (k *checker) jetstream() *cobra.Command {
	c := &jetStreamCheck{
		memory: counts{75, 90}, store: counts{75, 90}, streams: counts{-1, -1}, consumers: counts{-1, -1},
		replicaSeen: 5 * time.Second,
	}
	cmd := &cobra.Command{Use: "jetstream", Aliases: []string{"js"}, Short: "Check how much of its limits an account uses, and the replicas of its streams"}
	c.memory.addFlags(cmd, "mem", "so many percent of the memory are used")
	c.store.addFlags(cmd, "store", "so many percent of the disk are used")
	c.streams.addFlags(cmd, "streams", "there are so many percent of the streams that may be")
	c.consumers.addFlags(cmd, "consumers", "there are so many percent of the consumers that may be")
	flags := cmd.Flags()
	onOff(flags, &c.replicas, "replicas", "check the replicas of all streams")
	flags.Var(durationFlag{&c.replicaSeen}, "replica-seen-critical", "it is critical if nothing was heard of a replica for so long")
	flags.Uint64Var(&c.replicaLag, "replica-lag-critical", 200, "it is critical if a replica is so many operations behind")
	return k.command(cmd, "jetstream", "JetStream", func(r *nagios.Result) error {
		js, err := k.jetStream()
		if err != nil {
			return err
		}
		defer js.Close()
		var info jetstream.AccountInfo
		if err := js.call("INFO", nil, &info); err != nil {
			return err
		}
		c.judge(r, &info)
		if c.replicas {
			return c.judgeReplicas(r, js)
		}
		return nil
	})
}

func (c *jetStreamCheck) judge(r *nagios.Result, info *jetstream.AccountInfo) {
	used, limits := info.Tier, info.Limits
	for _, t := range info.Tiers { // what is used of the tiers together; each has limits of its own
		used.Memory, used.Store = used.Memory+t.Memory, used.Store+t.Store
		used.Streams, used.Consumers = used.Streams+t.Streams, used.Consumers+t.Consumers
		limits.MaxMemory, limits.MaxStore = limits.MaxMemory+t.Limits.MaxMemory, limits.MaxStore+t.Limits.MaxStore
		limits.MaxStreams, limits.MaxConsumers = limits.MaxStreams+t.Limits.MaxStreams, limits.MaxConsumers+t.Limits.MaxConsumers
	}
	judge := func(name, unit, what string, level *counts, used float64, limit int64) {
		r.Measure(nagios.Metric{Name: name, Value: used, Unit: unit, Help: what + " used"})
		percent := 0.0
		if limit > 0 {
			percent = math.Round(100 * used / float64(limit))
		}
		m := level.metric(name+"_pct", what+" used, in percent of the limit", "%", percent)
		r.Measure(m)
		switch m.Level() {
		case nagios.Critical:
			r.Critf("%.0f%% %s", percent, what)
		case nagios.Warning:
			r.Warnf("%.0f%% %s", percent, what)
		}
	}
	judge("memory", "B", "memory", &c.memory, float64(used.Memory), limits.MaxMemory)
	judge("storage", "B", "storage", &c.store, float64(used.Store), limits.MaxStore)
	judge("streams", "", "streams", &c.streams, float64(used.Streams), int64(limits.MaxStreams))
	judge("consumers", "", "consumers", &c.consumers, float64(used.Consumers), int64(limits.MaxConsumers))
}

// judgeReplicas looks at all streams. One that is not replicated is well.
func (c *jetStreamCheck) judgeReplicas(r *nagios.Result, js *jetStream) error {
	ctx, cancel := context.WithTimeout(context.Background(), js.timeout)
	defer cancel()
	var ok, noLeader, missing, lagged, unseen int
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		before := noLeader + missing + lagged + unseen
		if group := info.Cluster; group != nil && group.Name != "" {
			if group.Leader == "" {
				noLeader++
			}
			if len(group.Replicas)+1 < info.Config.Replicas {
				missing++
			}
			for _, p := range group.Replicas {
				if p.Lag >= c.replicaLag {
					lagged++
				}
				if p.Offline || p.Active >= c.replicaSeen {
					unseen++
				}
			}
		}
		if noLeader+missing+lagged+unseen == before {
			ok++
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	r.Measure(nagios.Metric{Name: "replicas_ok", Value: float64(ok), Help: "Streams with healthy replicas"})
	for _, bad := range []struct {
		name, text string
		n          int
	}{
		{"replicas_no_leader", "streams without a leader", noLeader},
		{"replicas_missing_replicas", "streams with fewer replicas than configured", missing},
		{"replicas_lagged", "replicas that are behind", lagged},
		{"replicas_not_seen", "replicas that are not heard of", unseen},
	} {
		r.Measure(nagios.Metric{Name: bad.name, Value: float64(bad.n), Help: "Number of " + bad.text})
		if bad.n > 0 {
			r.Critf("%d %s", bad.n, bad.text)
		}
	}
	return nil
}

func (k *checker) kv() *cobra.Command {
	var bucket, key string
	values := counts{-1, -1}
	cmd := &cobra.Command{Use: "kv", Short: "Check the size of a key-value bucket, and that it has a key"}
	cmd.Flags().StringVar(&bucket, "bucket", "", "`name` of the bucket")
	cmd.Flags().StringVar(&key, "key", "", "`key` that must have a value")
	values.addFlags(cmd, "values", "there are so many values; or so few, if the critical number is the lower")
	k.command(cmd, "kv", "", func(r *nagios.Result) error {
		r.Name = bucket
		js, err := k.jetStream()
		if err != nil {
			return err
		}
		defer js.Close()
		kv, err := js.KeyValue(context.Background(), bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			r.Critf("bucket %s not found", bucket)
			return nil
		}
		if err != nil {
			return err
		}
		return judgeBucket(r, kv, &values, key)
	})
	requireFlags(cmd, "bucket")
	return cmd
}

func judgeBucket(r *nagios.Result, kv jetstream.KeyValue, values *counts, key string) error {
	ctx := context.Background()
	status, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	r.Okf("bucket %s", status.Bucket())
	if key != "" {
		_, err := kv.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			r.Critf("key %s not found", key)
		case err != nil:
			return err
		default:
			r.Okf("key %s found", key)
		}
	}
	r.Judge(values.metric("values", "How many values are stored in the bucket", "", float64(status.Values())), "%d values", status.Values())
	r.Measure(nagios.Metric{Name: "bytes", Value: float64(status.Bytes()), Unit: "B", Help: "Bytes stored in the bucket"})
	return nil
}
