package cli

import (
	"cmp"
	"errors"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// objectLister is the object ls command.
type objectLister struct {
	*client
	namesOnly, asJSON bool
}

func newObjectList(c *client) *cobra.Command {
	l := &objectLister{client: c}
	cmd := &cobra.Command{
		Use:     "ls [bucket]",
		Aliases: []string{"list"},
		Short:   "List the buckets, or the objects in one",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return l.withJetStream(l.buckets)
			}
			return l.withObjects(args[0], l.objects)
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&l.namesOnly, "names", "n", false, "print just the names")
	cmd.Flags().BoolVarP(&l.asJSON, "json", "j", false, "print JSON")
	return cmd
}

func (l *objectLister) buckets(js *jetStream) error {
	ctx, stop := untilInterrupted()
	defer stop()
	lister := js.ObjectStores(ctx)
	list, names := []objectStore{}, []string{}
	for status := range lister.Status() {
		o, err := newObjectStore(status)
		if err != nil {
			return err
		}
		list = append(list, o)
	}
	if err := lister.Error(); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b objectStore) int { return cmp.Compare(a.Bucket, b.Bucket) })
	t := newTable("Bucket", "Description", "Created", "Size", "Last Update")
	for _, o := range list {
		names = append(names, o.Bucket)
		t.row(o.Bucket, o.Config.Description, o.Created.Local().Format(stamp), bytesText(o.Bytes), sinceText(o.Last))
	}
	return l.print(list, names, t, "No Object Store buckets found")
}

func (l *objectLister) objects(b *objectBucket) error {
	list, err := b.List(b.ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return err
	}
	names := []string{}
	t := newTable("Name", "Size", "Time")
	for _, o := range list {
		names = append(names, o.Name)
		t.row(o.Name, bytesText(o.Size), o.ModTime.Local().Format(stamp))
	}
	return l.print(append([]*jetstream.ObjectInfo{}, list...), names, t, "No objects found in bucket "+b.name)
}

// print writes the list in the form that flags ask for.
func (l *objectLister) print(list any, names []string, t *table, none string) error {
	switch {
	case l.asJSON && l.namesOnly:
		return l.con.jsonIndented(names)
	case l.asJSON:
		return l.con.jsonIndented(list)
	case l.namesOnly:
		for _, name := range names {
			l.con.printf("%s\n", name)
		}
		return nil
	case len(names) == 0:
		l.con.logf("%s", none)
		return nil
	}
	return t.print(l.con)
}
