package cli

import (
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// objectSettings is what object add and object edit can say about a bucket.
type objectSettings struct {
	*client
	bucketFlags
	asJSON bool
}

func (s *objectSettings) addFlags(cmd *cobra.Command, create bool) {
	s.client.addFlags(cmd)
	s.bucketFlags.addFlags(cmd, create)
	cmd.Flags().BoolVarP(&s.asJSON, "json", "j", false, "print the bucket as JSON")
}

func newObjectAdd(c *client) *cobra.Command {
	s := &objectSettings{client: c}
	cmd := &cobra.Command{
		Use:     "add <bucket>",
		Aliases: []string{"new", "create"},
		Short:   "Make a bucket",
		Args:    arguments(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return s.create(args) },
	}
	s.addFlags(cmd, true)
	return cmd
}

func (s *objectSettings) create(args []string) error {
	bucket, err := s.con.argument(args, 0, "Bucket name")
	if err != nil {
		return err
	}
	storage, err := s.storageType()
	if err != nil {
		return err
	}
	metadata := map[string]string{}
	if err := s.setMetadata(metadata); err != nil {
		return err
	}
	cfg := jetstream.ObjectStoreConfig{
		Bucket: bucket, Description: s.description, TTL: s.ttl, MaxBytes: s.maxBytes, Storage: storage, Replicas: s.replicas,
		Placement: s.placement(), Compression: s.compress, Metadata: metadata,
	}
	return s.withJetStream(func(js *jetStream) error {
		ctx, stop := untilInterrupted()
		defer stop()
		store, err := js.CreateObjectStore(ctx, cfg)
		if err != nil {
			return saidOfNewBucket(err, bucket, "object edit")
		}
		return showObjects(&objectBucket{store, js, ctx, bucket}, s.asJSON)
	})
}

func newObjectEdit(c *client) *cobra.Command {
	s := &objectSettings{client: c}
	cmd := &cobra.Command{
		Use:   "edit <bucket>",
		Short: "Change how a bucket is configured; what no flag names stays",
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changed(cmd) {
				return errNothingToChange
			}
			return s.withObjects(args[0], func(b *objectBucket) error {
				change := func(cfg *document) error { return s.change(cmd, cfg) }
				if err := b.js.editStream("OBJ_"+args[0], change); err != nil {
					return err
				}
				return showObjects(b, s.asJSON)
			})
		},
	}
	s.addFlags(cmd, false)
	return cmd
}

func newObjectSeal(c *client) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "seal <bucket>",
		Short: "Seal a bucket: nothing in it changes from then on, and it cannot be opened again",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withObjects(args[0], func(b *objectBucket) error {
				if err := c.con.confirm(force, "Seal bucket %s for ever?", b.name); err != nil {
					return err
				}
				if err := b.Seal(b.ctx); err != nil {
					return err
				}
				c.con.logf("%s has been sealed", b.name)
				return showObjects(b, false)
			})
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}
