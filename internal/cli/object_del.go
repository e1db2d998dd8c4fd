package cli

import "github.com/spf13/cobra"

func newObjectDelete(c *client) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "del <bucket> [object]",
		Aliases: []string{"rm", "delete"},
		Short:   "Delete an object, or the whole bucket",
		Args:    arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withObjects(args[0], func(b *objectBucket) error {
				if len(args) == 1 {
					return b.deleteAll(force)
				}
				return b.deleteObject(args[1], force)
			})
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

func (b *objectBucket) deleteAll(force bool) error {
	if err := b.js.con.confirm(force, "Delete bucket %s with all its objects?", b.name); err != nil {
		return err
	}
	return b.js.DeleteObjectStore(b.ctx, b.name)
}

func (b *objectBucket) deleteObject(name string, force bool) error {
	info, err := b.GetInfo(b.ctx, name)
	if err != nil {
		return saidOfObject(err, name)
	}
	if err := b.js.con.confirm(force, "Delete %s of %s > %s?", bytesText(info.Size), b.name, name); err != nil {
		return err
	}
	if err := b.Delete(b.ctx, name); err != nil {
		return saidOfObject(err, name)
	}
	b.js.con.logf("Removed %s > %s", b.name, name)
	return nil
}
