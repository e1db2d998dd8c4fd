package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

func newKVInfo(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info [bucket]",
		Aliases: []string{"view", "status"},
		Short:   "Show how a bucket is configured and what it holds",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			bucket, err := c.bucketArgument(args, kvBuckets)
			if err != nil {
				return err
			}
			return c.withBucket(bucket, func(b *kvBucket) error { return showBucket(b, asJSON) })
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}

// bucketArgument is the first argument, or what the user chooses among the buckets that there are.
func (c *client) bucketArgument(args []string, buckets func(*jetStream) ([]string, error)) (bucket string, err error) {
	if len(args) > 0 {
		return args[0], nil
	}
	if !c.con.interactive() {
		return c.con.choose("Bucket", nil, "", "its name as an argument")
	}
	err = c.withJetStream(func(js *jetStream) error {
		names, err := buckets(js)
		switch {
		case err != nil:
			return err
		case len(names) == 0:
			return errors.New("there are no buckets")
		}
		bucket, err = c.con.choose("Bucket", names, "", "its name as an argument")
		return err
	})
	return bucket, err
}

// withBuckets lets the shell complete the first argument of commands with the names of buckets.
func (c *client) withBuckets(group *cobra.Command, buckets func(*jetStream) ([]string, error)) *cobra.Command {
	for _, cmd := range group.Commands() {
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			c.withJetStream(func(js *jetStream) (err error) {
				names, err = buckets(js)
				return err
			})
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return group
}

// kvBuckets lists the key-value buckets, sorted.
func kvBuckets(js *jetStream) ([]string, error) {
	ctx, stop := untilInterrupted()
	defer stop()
	lister := js.KeyValueStoreNames(ctx)
	var names []string
	for name := range lister.Name() {
		names = append(names, strings.TrimPrefix(name, "KV_"))
	}
	slices.Sort(names)
	return names, lister.Error()
}

// statusStream is the state of the stream behind a bucket.
func statusStream(status jetstream.KeyValueStatus) (*jetstream.StreamInfo, error) {
	s, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return nil, fmt.Errorf("bucket %s is not kept in a stream", status.Bucket())
	}
	return s.StreamInfo(), nil
}

// bucketStream asks for the state of the stream behind a bucket.
func bucketStream(b *kvBucket) (*jetstream.StreamInfo, error) {
	status, err := b.Status(b.ctx)
	if err != nil {
		return nil, err
	}
	return statusStream(status)
}

// kvInfo is a bucket in JSON output.
type kvInfo struct {
	Bucket  string                   `json:"bucket"`
	Stream  string                   `json:"stream"`
	Created time.Time                `json:"created"`
	Values  uint64                   `json:"values"` // with those of the history
	Bytes   uint64                   `json:"bytes"`
	Last    time.Time                `json:"last_update"`
	Config  jetstream.KeyValueConfig `json:"config"`
}

func newKVInfoJSON(status jetstream.KeyValueStatus) (kvInfo, error) {
	info, err := statusStream(status)
	if err != nil {
		return kvInfo{}, err
	}
	return kvInfo{status.Bucket(), info.Config.Name, info.Created, status.Values(), status.Bytes(), info.State.LastTime, status.Config()}, nil
}

func showBucket(b *kvBucket, asJSON bool) error {
	status, err := b.Status(b.ctx)
	if err != nil {
		return err
	}
	if asJSON {
		info, err := newKVInfoJSON(status)
		if err != nil {
			return err
		}
		return b.js.con.jsonIndented(info)
	}
	info, err := statusStream(status)
	if err != nil {
		return err
	}
	b.js.con.printf("Information for Key-Value Store Bucket %s created %s\n\n%s",
		status.Bucket(), info.Created.Local().Format(stamp), bucketSheet(status, info))
	return nil
}

func bucketSheet(status jetstream.KeyValueStatus, info *jetstream.StreamInfo) *sheet {
	s, cfg := &sheet{}, info.Config
	s.section("Configuration")
	s.row("Bucket Name", status.Bucket())
	s.row("History Kept", status.History())
	s.row("Values Stored", countText(status.Values()))
	s.row("Compressed", status.IsCompressed())
	s.row("Per-Key TTL Supported", cfg.AllowMsgTTL)
	if cfg.SubjectDeleteMarkerTTL > 0 {
		s.row("Limit Marker TTL", durationText(cfg.SubjectDeleteMarkerTTL))
	}
	s.row("Backing Store Kind", status.BackingStore())
	rowUnless(s, "Description", cfg.Description)
	s.row("Bucket Size", bytesText(status.Bytes()))
	s.row("Maximum Bucket Size", bytesLimitText(cfg.MaxBytes))
	s.row("Maximum Value Size", bytesLimitText(int64(cfg.MaxMsgSize)))
	s.row("Maximum Age", durationLimitText(status.TTL()))
	s.row("JetStream Stream", cfg.Name)
	s.row("Storage", cfg.Storage)
	if cfg.Replicas > 1 {
		s.row("Replicas", cfg.Replicas)
	}
	if r := cfg.RePublish; r != nil {
		s.row("Republishing", fmt.Sprintf("%s to %s", r.Source, r.Destination))
	}
	if cfg.Mirror != nil {
		s.row("Mirror", cfg.Mirror.Name)
	}
	for _, source := range cfg.Sources {
		s.row("Source", source.Name)
	}
	metadataSection(s, cfg.Metadata)
	s.cluster(info.Cluster)
	return s
}

// metadataSection shows metadata, without what the server notes in it for itself.
func metadataSection(s *sheet, metadata map[string]string) {
	s.section("Metadata")
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if !strings.HasPrefix(key, metaLevels) {
			s.row(key, metadata[key])
		}
	}
}
