package cli

import (
	"cmp"
	"errors"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvLister is the kv ls command.
type kvLister struct {
	*client
	namesOnly, verbose, values, asJSON bool
}

func newKVList(c *client) *cobra.Command {
	l := &kvLister{client: c}
	cmd := &cobra.Command{
		Use:     "ls [bucket] [key]",
		Aliases: []string{"list"},
		Short:   "List the buckets, or the keys of one, which may be limited by a key with wildcards",
		Args:    arguments(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return l.withJetStream(l.buckets)
			}
			return l.withBucket(args[0], func(b *kvBucket) error { return l.keys(b, append(args, jetstream.AllKeys)[1]) })
		},
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&l.namesOnly, "names", "n", false, "print just the names of the buckets")
	flags.BoolVarP(&l.verbose, "verbose", "v", false, "show more about each key")
	flags.BoolVar(&l.values, "display-value", false, "show the values too, with --verbose")
	flags.BoolVarP(&l.asJSON, "json", "j", false, "print JSON")
	return cmd
}

func (l *kvLister) buckets(js *jetStream) error {
	ctx, stop := untilInterrupted()
	defer stop()
	lister := js.KeyValueStores(ctx)
	var list []jetstream.KeyValueStatus
	for status := range lister.Status() {
		list = append(list, status)
	}
	if err := lister.Error(); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b jetstream.KeyValueStatus) int { return cmp.Compare(a.Bucket(), b.Bucket()) })
	switch {
	case l.asJSON:
		return l.bucketsJSON(list)
	case l.namesOnly:
		for _, status := range list {
			l.con.printf("%s\n", status.Bucket())
		}
		return nil
	case len(list) == 0:
		l.con.logf("No Key-Value buckets found")
		return nil
	}
	t := newTable("Bucket", "Description", "Created", "Size", "Values", "Last Update")
	for _, status := range list {
		info, err := statusStream(status)
		if err != nil {
			return err
		}
		t.row(status.Bucket(), info.Config.Description, info.Created.Local().Format(stamp), bytesText(status.Bytes()),
			countText(status.Values()), sinceText(info.State.LastTime))
	}
	return t.print(l.con)
}

func (l *kvLister) bucketsJSON(list []jetstream.KeyValueStatus) error {
	if l.namesOnly {
		names := []string{}
		for _, status := range list {
			names = append(names, status.Bucket())
		}
		return l.con.jsonIndented(names)
	}
	all := []kvInfo{}
	for _, status := range list {
		info, err := newKVInfoJSON(status)
		if err != nil {
			return err
		}
		all = append(all, info)
	}
	return l.con.jsonIndented(all)
}

// keys prints the keys that a pattern matches: each when it comes, unless they stand in a table or a JSON list.
func (l *kvLister) keys(b *kvBucket, pattern string) error {
	opts := []jetstream.WatchOpt{jetstream.IgnoreDeletes()}
	if !l.verbose || !l.values {
		opts = append(opts, jetstream.MetaOnly())
	}
	watcher, err := b.Watch(b.ctx, pattern, opts...)
	if err != nil {
		return saidOfKey(err, pattern)
	}
	defer watcher.Stop()
	list, err := l.collect(watcher)
	switch {
	case errors.Is(err, jetstream.ErrNoKeysFound) && !l.asJSON:
		l.con.logf("No keys found in bucket %s", b.Bucket())
		return nil
	case err != nil && !errors.Is(err, jetstream.ErrNoKeysFound):
		return err
	case l.asJSON:
		return l.keysJSON(list)
	case l.verbose:
		return l.keyTable(list)
	}
	return nil
}

// collect returns the entries there are, or prints them right away when a line each is all that is wanted.
func (l *kvLister) collect(watcher jetstream.KeyWatcher) ([]jetstream.KeyValueEntry, error) {
	var list []jetstream.KeyValueEntry
	found := false
	for e := range watcher.Updates() {
		switch {
		case e == nil && found:
			return list, nil
		case e == nil:
			return nil, jetstream.ErrNoKeysFound
		case l.asJSON || l.verbose:
			list = append(list, e)
		default:
			l.con.printf("%s\n", e.Key())
		}
		found = true
	}
	return nil, errWatchEnded
}

func (l *kvLister) keysJSON(list []jetstream.KeyValueEntry) error {
	if !l.verbose {
		names := []string{}
		for _, e := range list {
			names = append(names, e.Key())
		}
		return l.con.jsonIndented(names)
	}
	entries := []kvEntry{}
	for _, e := range list {
		entry := newKVEntry(e)
		if !l.values {
			entry.Value, entry.ValueBase64 = nil, nil
		}
		entries = append(entries, entry)
	}
	return l.con.jsonIndented(entries)
}

func (l *kvLister) keyTable(list []jetstream.KeyValueEntry) error {
	titles := []any{"Key", "Created", "Delta", "Revision"}
	if l.values {
		titles = append(titles, "Value")
	}
	t := newTable(titles...)
	for _, e := range list {
		cells := []any{e.Key(), e.Created().Local().Format(stamp), e.Delta(), e.Revision()}
		if l.values {
			cells = append(cells, valueText(e.Value()))
		}
		t.row(cells...)
	}
	return t.print(l.con)
}
