package cli

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

func newObjectInfo(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info [bucket] [object]",
		Aliases: []string{"show", "i"},
		Short:   "Show a bucket, or an object in it",
		Args:    arguments(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			bucket, err := c.bucketArgument(args, objectBuckets)
			if err != nil {
				return err
			}
			return c.withObjects(bucket, func(b *objectBucket) error {
				if len(args) < 2 {
					return showObjects(b, asJSON)
				}
				info, err := b.GetInfo(b.ctx, args[1])
				if err != nil {
					return saidOfObject(err, args[1])
				}
				return showObject(c.con, info, asJSON)
			})
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}

// objectStore is a bucket in JSON output.
type objectStore struct {
	Bucket  string                      `json:"bucket"`
	Stream  string                      `json:"stream"`
	Created time.Time                   `json:"created"`
	Bytes   uint64                      `json:"bytes"`
	Last    time.Time                   `json:"last_update"`
	Sealed  bool                        `json:"sealed"`
	Config  jetstream.ObjectStoreConfig `json:"config"`
}

func newObjectStore(status jetstream.ObjectStoreStatus) (objectStore, error) {
	info, err := objectStream(status)
	if err != nil {
		return objectStore{}, err
	}
	cfg := jetstream.ObjectStoreConfig{
		Bucket: status.Bucket(), Description: status.Description(), TTL: status.TTL(), MaxBytes: info.Config.MaxBytes,
		Storage: status.Storage(), Replicas: status.Replicas(), Placement: info.Config.Placement,
		Compression: status.IsCompressed(), Metadata: status.Metadata(),
	}
	return objectStore{cfg.Bucket, info.Config.Name, info.Created, status.Size(), info.State.LastTime, status.Sealed(), cfg}, nil
}

// showObjects prints a bucket.
func showObjects(b *objectBucket, asJSON bool) error {
	status, err := b.Status(b.ctx)
	if err != nil {
		return err
	}
	o, err := newObjectStore(status)
	if err != nil {
		return err
	}
	if asJSON {
		return b.js.con.jsonIndented(o)
	}
	info, err := objectStream(status)
	if err != nil {
		return err
	}
	s := &sheet{}
	s.section("Configuration")
	s.row("Bucket Name", o.Bucket)
	rowUnless(s, "Description", o.Config.Description)
	s.row("Replicas", o.Config.Replicas)
	s.row("TTL", durationLimitText(o.Config.TTL))
	s.row("Sealed", o.Sealed)
	s.row("Compressed", o.Config.Compression)
	s.row("Size", bytesText(o.Bytes))
	s.row("Maximum Bucket Size", bytesLimitText(o.Config.MaxBytes))
	s.row("Storage", o.Config.Storage)
	s.row("Backing Store Kind", status.BackingStore())
	s.row("JetStream Stream", o.Stream)
	metadataSection(s, o.Config.Metadata)
	s.cluster(info.Cluster)
	b.js.con.printf("Information for Object Store Bucket %s created %s\n\n%s", o.Bucket, o.Created.Local().Format(stamp), s)
	return nil
}

// showObject prints what is known of an object.
func showObject(con *console, info *jetstream.ObjectInfo, asJSON bool) error {
	if asJSON {
		return con.jsonIndented(info)
	}
	s := &sheet{}
	rowUnless(s, "Description", info.Description)
	if info.Opts != nil && info.Opts.Link != nil {
		s.row("Link To", strings.TrimSuffix(info.Opts.Link.Bucket+" > "+info.Opts.Link.Name, " > "))
	}
	s.row("Size", bytesText(info.Size))
	s.row("Modification Time", info.ModTime.Local().Format(stamp))
	s.row("Chunks", countText(uint64(info.Chunks)))
	rowUnless(s, "Digest", digestText(info.Digest))
	var headers []string
	for _, key := range slices.Sorted(maps.Keys(info.Headers)) {
		for _, value := range info.Headers[key] {
			headers = append(headers, key+": "+value)
		}
	}
	s.rows("Headers", headers)
	metadataSection(s, info.Metadata)
	con.printf("Object information for %s > %s\n\n%s", info.Bucket, info.Name, s)
	return nil
}

// digestText is a digest as other tools print it.
func digestText(digest string) string {
	sum, err := jetstream.DecodeObjectDigest(digest)
	if err != nil {
		return digest
	}
	return "SHA-256 " + hex.EncodeToString(sum)
}
