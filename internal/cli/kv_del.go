package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvRemover is what kv del, purge and compact have in common.
type kvRemover struct {
	*client
	force bool
	ttl   time.Duration // of the marker that a purge leaves
}

func (r *kvRemover) addFlags(cmd *cobra.Command) {
	r.client.addFlags(cmd)
	cmd.Flags().BoolVarP(&r.force, "force", "f", false, "do not ask")
}

// agreed asks before something is lost, unless --force is given.
func (r *kvRemover) agreed(format string, args ...any) error {
	return r.con.confirm(r.force, format, args...)
}

func newKVDelete(c *client) *cobra.Command {
	r := &kvRemover{client: c}
	cmd := &cobra.Command{
		Use:     "del <bucket> [key]",
		Aliases: []string{"rm", "delete"},
		Short:   "Delete a key, or the whole bucket",
		Long: "Delete a key, or the whole bucket. A key keeps its history, up to what the bucket keeps of each; " +
			"purge deletes that too.",
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return r.deleteBucket(args[0])
			}
			return r.deleteKey(args[0], args[1])
		},
	}
	r.addFlags(cmd)
	return cmd
}

func (r *kvRemover) deleteKey(bucket, key string) error {
	return r.withBucket(bucket, func(b *kvBucket) error {
		if err := r.agreed("Delete key %s > %s?", bucket, key); err != nil {
			return err
		}
		return saidOfKey(b.Delete(b.ctx, key), key)
	})
}

func (r *kvRemover) deleteBucket(bucket string) error {
	return r.withBucket(bucket, func(b *kvBucket) error {
		if err := r.agreed("Delete bucket %s with all its keys?", bucket); err != nil {
			return err
		}
		return b.js.DeleteKeyValue(b.ctx, bucket)
	})
}

func newKVPurge(c *client) *cobra.Command {
	r := &kvRemover{client: c}
	cmd := &cobra.Command{
		Use:   "purge <bucket> <key>",
		Short: "Delete a key and its history; a marker says that it was there",
		Args:  arguments(2, 2),
		RunE:  func(_ *cobra.Command, args []string) error { return r.purge(args[0], args[1]) },
	}
	r.addFlags(cmd)
	cmd.Flags().Var(durationFlag{&r.ttl}, "ttl", "how long to keep the marker, in a bucket that was made with --marker-ttl")
	return cmd
}

func (r *kvRemover) purge(bucket, key string) error {
	return r.withBucket(bucket, func(b *kvBucket) error {
		if err := r.agreed("Purge key %s > %s with its history?", bucket, key); err != nil {
			return err
		}
		var opts []jetstream.KVDeleteOpt
		if r.ttl > 0 {
			opts = append(opts, jetstream.PurgeTTL(r.ttl))
		}
		return saidOfKey(b.Purge(b.ctx, key, opts...), key)
	})
}

// compactAge is how old the marker of a deletion gets before compact removes it: watchers that were away for less learn
// of the deletion.
const compactAge = 30 * time.Minute

func newKVCompact(c *client) *cobra.Command {
	r := &kvRemover{client: c}
	var age time.Duration
	cmd := &cobra.Command{
		Use:   "compact <bucket>",
		Short: "Free the space that deleted keys take",
		Long: "Free the space that deleted keys take: their history, and the markers of deletions of more than 30 minutes " +
			"ago or whatever --older-than says.",
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return r.compact(args[0], age) },
	}
	r.addFlags(cmd)
	age = compactAge
	cmd.Flags().Var(durationFlag{&age}, "older-than", "how old a marker must be to be removed as well; 0 for all of them")
	return cmd
}

// compact purges deleted keys up to their markers. A value that is put meanwhile is newer than the marker, and stays.
func (r *kvRemover) compact(bucket string, age time.Duration) error {
	return r.withBucket(bucket, func(b *kvBucket) error {
		info, err := bucketStream(b)
		switch {
		case err != nil:
			return err
		case info.Config.Mirror != nil:
			return fmt.Errorf("bucket %q mirrors another one: compact that", bucket)
		}
		if err := r.agreed("Compact bucket %s, which frees the history of deleted keys?", bucket); err != nil {
			return err
		}
		markers, err := b.markers()
		if err != nil {
			return err
		}
		limit := time.Now().Add(-age)
		for _, m := range markers {
			upTo := m.Revision()
			if !m.Created().After(limit) {
				upTo++
			}
			if err := b.purgeBefore(info.Config.Name, m.Key(), upTo); err != nil {
				return saidOfKey(err, m.Key())
			}
		}
		return nil
	})
}

// markers are the deletions that the bucket remembers.
func (b *kvBucket) markers() ([]jetstream.KeyValueEntry, error) {
	watcher, err := b.WatchAll(b.ctx, jetstream.MetaOnly())
	if err != nil {
		return nil, err
	}
	defer watcher.Stop()
	var list []jetstream.KeyValueEntry
	for e := range watcher.Updates() {
		if e == nil {
			return list, nil
		}
		if e.Operation() != jetstream.KeyValuePut {
			list = append(list, e)
		}
	}
	return nil, errWatchEnded
}

// errWatchEnded says that a watcher broke off before it had delivered what there was.
var errWatchEnded = errors.New("interrupted")

// purgeBefore removes the revisions of a key that are below a revision.
func (b *kvBucket) purgeBefore(stream, key string, revision uint64) error {
	request := struct {
		Filter   string `json:"filter"`
		Sequence uint64 `json:"seq"`
	}{strings.Join([]string{"$KV", b.Bucket(), key}, "."), revision}
	return b.js.call("STREAM.PURGE."+stream, request, nil)
}
