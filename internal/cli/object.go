package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// newObject is the command for buckets of objects: values of any size, stored in pieces.
func newObject(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "object",
		Aliases: []string{"obj"},
		Short:   "Work with object store buckets",
		Example: `  myelin object add releases --compress
  myelin object put releases app.tar.gz --description 'version 1.2'
  myelin object get releases app.tar.gz --output /tmp/app.tar.gz
  myelin object ls releases`,
	}
	family(cmd, newObjectAdd(c), newObjectEdit(c), newObjectPut(c), newObjectDelete(c), newObjectGet(c),
		newObjectInfo(c), newObjectList(c), newObjectSeal(c), newObjectWatch(c))
	return c.withBuckets(cmd, objectBuckets)
}

// objectBucket is a bucket that a command works with, for as long as the user lets it.
type objectBucket struct {
	jetstream.ObjectStore
	js   *jetStream
	ctx  context.Context // ends when the user interrupts the command
	name string
}

// withObjects runs a command with a bucket.
func (c *client) withObjects(name string, run func(*objectBucket) error) error {
	return c.withJetStream(func(js *jetStream) error {
		ctx, stop := untilInterrupted()
		defer stop()
		store, err := js.ObjectStore(ctx, name)
		if err == nil {
			err = run(&objectBucket{store, js, ctx, name})
		}
		return saidOfBucket(err, name)
	})
}

// saidOfObject says an error of the library about an object in words that name it.
func saidOfObject(err error, object string) error {
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("there is no object %q", object)
	}
	return err
}

// objectBuckets lists the object store buckets, sorted.
func objectBuckets(js *jetStream) ([]string, error) {
	ctx, stop := untilInterrupted()
	defer stop()
	lister := js.ObjectStoreNames(ctx)
	var names []string
	for name := range lister.Name() {
		names = append(names, strings.TrimPrefix(name, "OBJ_"))
	}
	slices.Sort(names)
	return names, lister.Error()
}

// objectStream is the state of the stream behind a bucket.
func objectStream(status jetstream.ObjectStoreStatus) (*jetstream.StreamInfo, error) {
	s, ok := status.(*jetstream.ObjectBucketStatus)
	if !ok {
		return nil, fmt.Errorf("bucket %s is not kept in a stream", status.Bucket())
	}
	return s.StreamInfo(), nil
}
