package cli

import (
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvGetter is the kv get command.
type kvGetter struct {
	*client
	revision    uint64
	raw, asJSON bool
}

func newKVGet(c *client) *cobra.Command {
	g := &kvGetter{client: c}
	cmd := &cobra.Command{
		Use:   "get <bucket> <key>",
		Short: "Show the value of a key",
		Example: `  myelin kv get config db.host
  myelin kv get config tls.key --raw > key.pem`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error { return g.run(args[0], args[1]) },
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&g.revision, "revision", 0, "show this `revision` instead of the last one")
	flags.BoolVarP(&g.raw, "raw", "r", false, "print the value, byte by byte, and nothing else")
	flags.BoolVarP(&g.asJSON, "json", "j", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("raw", "json")
	return cmd
}

func (g *kvGetter) run(bucket, key string) error {
	return g.withBucket(bucket, func(b *kvBucket) error {
		e, err := g.get(b, key)
		switch {
		case err != nil:
			return saidOfKey(err, key)
		case g.asJSON:
			return g.con.jsonIndented(newKVEntry(e))
		case g.raw:
			_, err := g.con.out.Write(e.Value())
			return err
		}
		g.con.printf("%s > %s revision: %d created @ %s\n\n", e.Bucket(), e.Key(), e.Revision(), e.Created().Local().Format(stamp))
		printValue(g.con, e.Value())
		return nil
	})
}

func (g *kvGetter) get(b *kvBucket, key string) (jetstream.KeyValueEntry, error) {
	if g.revision > 0 {
		return b.GetRevision(b.ctx, key, g.revision)
	}
	return b.Get(b.ctx, key)
}

// kvHistory is the kv history command.
type kvHistory struct {
	*client
	asJSON bool
}

func newKVHistory(c *client) *cobra.Command {
	h := &kvHistory{client: c}
	cmd := &cobra.Command{
		Use:   "history <bucket> <key>",
		Short: "Show the revisions of a key that the bucket keeps",
		Args:  arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return h.withBucket(args[0], func(b *kvBucket) error { return h.show(b, args[1]) })
		},
	}
	h.addFlags(cmd)
	return cmd
}

func (h *kvHistory) addFlags(cmd *cobra.Command) {
	h.client.addFlags(cmd)
	cmd.Flags().BoolVarP(&h.asJSON, "json", "j", false, "print JSON")
}

func (h *kvHistory) show(b *kvBucket, key string) error {
	entries, err := b.History(b.ctx, key)
	if err != nil {
		return saidOfKey(err, key)
	}
	if h.asJSON {
		list := []kvEntry{}
		for _, e := range entries {
			list = append(list, newKVEntry(e))
		}
		return h.con.jsonIndented(list)
	}
	t := newTable("Key", "Revision", "Op", "Created", "Length", "Value")
	for _, e := range entries {
		t.row(e.Key(), e.Revision(), kvOperation(e), e.Created().Local().Format(stamp), countText(len(e.Value())), valueText(e.Value()))
	}
	h.con.printf("History of %s > %s\n\n", b.Bucket(), key)
	return t.print(h.con)
}
