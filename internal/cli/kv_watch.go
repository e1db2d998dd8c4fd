package cli

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvWatcher is the kv watch command.
type kvWatcher struct {
	*client
	history, deletes, updates, asJSON bool
	revision                          uint64
	count                             int
}

func newKVWatch(c *client) *cobra.Command {
	w := &kvWatcher{client: c}
	cmd := &cobra.Command{
		Use:   "watch <bucket> [key]",
		Short: "Show the values of a bucket, or of keys that may have wildcards, and how they change",
		Args:  arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return w.withBucket(args[0], func(b *kvBucket) error { return w.watch(b, append(args, jetstream.AllKeys)[1]) })
		},
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&w.history, "history", false, "begin with all revisions that the bucket keeps")
	onOff(flags, &w.deletes, "deletes", "show deletions too")
	flags.BoolVar(&w.updates, "updates", false, "show only what changes from now on")
	flags.Uint64Var(&w.revision, "revision", 0, "begin with this `revision`")
	flags.IntVar(&w.count, "count", 0, "quit after this many entries")
	flags.BoolVarP(&w.asJSON, "json", "j", false, "print each entry as a line of JSON")
	cmd.MarkFlagsMutuallyExclusive("history", "updates", "revision")
	return cmd
}

func (w *kvWatcher) options() []jetstream.WatchOpt {
	var opts []jetstream.WatchOpt
	if w.history {
		opts = append(opts, jetstream.IncludeHistory())
	}
	if !w.deletes {
		opts = append(opts, jetstream.IgnoreDeletes())
	}
	if w.updates {
		opts = append(opts, jetstream.UpdatesOnly())
	}
	if w.revision > 0 {
		opts = append(opts, jetstream.ResumeFromRevision(w.revision))
	}
	return opts
}

// watch prints entries until there have been enough, or the user has.
func (w *kvWatcher) watch(b *kvBucket, pattern string) error {
	watcher, err := b.Watch(b.ctx, pattern, w.options()...)
	switch {
	case b.ctx.Err() != nil:
		return nil
	case err != nil:
		return saidOfKey(err, pattern)
	}
	defer watcher.Stop()
	return showUpdates(b.ctx, watcher.Updates(), w.count, w.print)
}

// showUpdates shows what a watch finds until there were as many as stated, if that is not 0, or the context ends.
func showUpdates[T comparable](ctx context.Context, updates <-chan T, count int, show func(T) error) error {
	var changesFollow T // nil, behind what was there
	for shown := 0; count == 0 || shown < count; {
		select {
		case <-ctx.Done():
			return nil
		case update, ok := <-updates:
			switch {
			case !ok && ctx.Err() == nil:
				return errors.New("the server has ended the watch")
			case !ok:
				return nil
			case update == changesFollow:
				continue
			}
			if err := show(update); err != nil {
				return err
			}
			shown++
		}
	}
	return nil
}

func (w *kvWatcher) print(e jetstream.KeyValueEntry) error {
	if w.asJSON {
		return w.con.json(newKVEntry(e))
	}
	w.con.printf("[%s] %s %s > %s", e.Created().Local().Format(stamp), kvOperation(e), e.Bucket(), e.Key())
	if e.Operation() == jetstream.KeyValuePut {
		w.con.printf(": ")
		printValue(w.con, e.Value())
		return nil
	}
	w.con.printf("\n")
	return nil
}
