package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvWriter is what kv put, create and update have in common.
type kvWriter struct {
	*client
	asJSON bool
	ttl    time.Duration
}

func (w *kvWriter) addFlags(cmd *cobra.Command) {
	w.client.addFlags(cmd)
	cmd.Flags().BoolVarP(&w.asJSON, "json", "j", false, "print the revision, as JSON, instead of the value")
}

func newKVPut(c *client) *cobra.Command {
	w := &kvWriter{client: c}
	cmd := &cobra.Command{
		Use:   "put <bucket> <key> [value]",
		Short: "Put a value into a key; without one, stdin is the value",
		Args:  arguments(2, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			return w.write(args, func(b *kvBucket, value []byte) (uint64, error) { return b.Put(b.ctx, args[1], value) })
		},
	}
	w.addFlags(cmd)
	return cmd
}

func newKVCreate(c *client) *cobra.Command {
	w := &kvWriter{client: c}
	cmd := &cobra.Command{
		Use:   "create <bucket> <key> [value]",
		Short: "Put a value into a key that is new or was deleted; without one, stdin is the value",
		Args:  arguments(2, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			var opts []jetstream.KVCreateOpt
			if w.ttl > 0 {
				opts = append(opts, jetstream.KeyTTL(w.ttl))
			}
			return w.write(args, func(b *kvBucket, value []byte) (uint64, error) { return b.Create(b.ctx, args[1], value, opts...) })
		},
	}
	w.addFlags(cmd)
	cmd.Flags().Var(durationFlag{&w.ttl}, "ttl", "how long to keep the key, in a bucket that was made with --marker-ttl")
	return cmd
}

func newKVUpdate(c *client) *cobra.Command {
	w := &kvWriter{client: c}
	cmd := &cobra.Command{
		Use:   "update <bucket> <key> <value> <revision>",
		Short: "Put a value into a key if its last revision is the one given",
		Args:  arguments(4, 4),
		RunE: func(_ *cobra.Command, args []string) error {
			revision, err := revisionArgument(args[3])
			if err != nil {
				return err
			}
			return w.write(args, func(b *kvBucket, value []byte) (uint64, error) {
				return b.Update(b.ctx, args[1], value, revision)
			})
		},
	}
	w.addFlags(cmd)
	return cmd
}

// kvStored is what JSON output says about a value that was stored.
type kvStored struct {
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Revision uint64 `json:"revision"`
}

// write stores the value that is the third argument or comes from stdin, and prints it.
func (w *kvWriter) write(args []string, store func(*kvBucket, []byte) (uint64, error)) error {
	return w.withBucket(args[0], func(b *kvBucket) error {
		value, err := bodyArgument(w.con, args, 2)
		if err != nil {
			return err
		}
		revision, err := store(b, value)
		if err != nil {
			return saidOfKey(err, args[1])
		}
		if w.asJSON {
			return w.con.json(kvStored{args[0], args[1], revision})
		}
		printValue(w.con, value)
		return nil
	})
}

func newKVRevert(c *client) *cobra.Command {
	h := &kvHistory{client: c}
	var force bool
	cmd := &cobra.Command{
		Use:   "revert <bucket> <key> <revision>",
		Short: "Put the value of an earlier revision into a key again",
		Args:  arguments(3, 3),
		RunE:  func(_ *cobra.Command, args []string) error { return h.revert(args[0], args[1], args[2], force) },
	}
	h.addFlags(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

func (h *kvHistory) revert(bucket, key, which string, force bool) error {
	revision, err := revisionArgument(which)
	if err != nil {
		return err
	}
	return h.withBucket(bucket, func(b *kvBucket) error {
		old, err := b.GetRevision(b.ctx, key, revision)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			return fmt.Errorf("key %q has no revision %d", key, revision)
		case err != nil:
			return saidOfKey(err, key)
		}
		if err := h.con.confirm(force, "Revert %s > %s to revision %d: %s?", bucket, key, revision, valueText(old.Value())); err != nil {
			return err
		}
		if _, err := b.Put(b.ctx, key, old.Value()); err != nil {
			return saidOfKey(err, key)
		}
		return h.show(b, key)
	})
}
