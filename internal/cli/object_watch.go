package cli

import (
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// objectWatcher is the object watch command.
type objectWatcher struct {
	*client
	updates, asJSON bool
	count           int
}

func newObjectWatch(c *client) *cobra.Command {
	w := &objectWatcher{client: c}
	cmd := &cobra.Command{
		Use:   "watch <bucket>",
		Short: "Show the objects of a bucket, and how they change",
		Args:  arguments(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return w.withObjects(args[0], w.watch) },
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&w.updates, "updates", false, "show only what changes from now on")
	flags.IntVar(&w.count, "count", 0, "quit after this many entries")
	flags.BoolVarP(&w.asJSON, "json", "j", false, "print each entry as a line of JSON")
	return cmd
}

// watch prints entries until there have been enough, or the user has.
func (w *objectWatcher) watch(b *objectBucket) error {
	var opts []jetstream.WatchOpt
	if w.updates {
		opts = append(opts, jetstream.UpdatesOnly())
	}
	watcher, err := b.Watch(b.ctx, opts...)
	switch {
	case b.ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer watcher.Stop()
	return showUpdates(b.ctx, watcher.Updates(), w.count, func(info *jetstream.ObjectInfo) error { return w.print(b.name, info) })
}

func (w *objectWatcher) print(bucket string, info *jetstream.ObjectInfo) error {
	when := info.ModTime.Local().Format(stamp)
	switch {
	case w.asJSON:
		return w.con.json(info)
	case info.Deleted:
		w.con.printf("[%s] DEL %s > %s\n", when, bucket, info.Name)
	default:
		w.con.printf("[%s] PUT %s > %s: %s in %d chunks\n", when, bucket, info.Name, bytesText(info.Size), info.Chunks)
	}
	return nil
}
