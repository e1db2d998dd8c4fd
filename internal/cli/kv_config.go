package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// editStream changes the configuration of a stream. What nobody sets stays as the server has it.
func (j *jetStream) editStream(name string, change func(*document) error) error {
	info, err := j.streamInfo(name)
	if err != nil {
		return err
	}
	if err := change(&info.config); err != nil {
		return err
	}
	return j.call("STREAM.UPDATE."+name, info.config, nil)
}

// bucketFlags are the properties that buckets of both kinds have: those of keys and those of objects.
type bucketFlags struct {
	description, storage, cluster string
	ttl                           time.Duration
	replicas                      int
	maxBytes                      int64
	tags, metadata                []string
	compress                      bool
}

// addFlags adds the flags; some are only for the making of a bucket.
func (b *bucketFlags) addFlags(cmd *cobra.Command, create bool) {
	flags := cmd.Flags()
	flags.StringVar(&b.description, "description", "", "what the bucket is for, as `text`")
	flags.Var(durationFlag{&b.ttl}, "ttl", "how long to keep what is in the bucket; for ever if it is 0")
	flags.IntVar(&b.replicas, "replicas", 1, "how many servers of a cluster keep the bucket")
	flags.Var(bytesFlag{&b.maxBytes}, "max-bucket-size", "how large the bucket may get, as in 10MB")
	flags.StringSliceVar(&b.tags, "tags", nil, "place the bucket on servers with these `tags`")
	flags.StringVar(&b.cluster, "cluster", "", "place the bucket in this `cluster`")
	flags.StringArrayVar(&b.metadata, "metadata", nil, "add metadata, as `key=value`; may be repeated; an empty value removes a key")
	onOff(flags, &b.compress, "compress", "compress the data")
	flags.Lookup("compress").DefValue = "false"
	b.compress = false
	if create {
		flags.StringVar(&b.storage, "storage", "file", "where to keep the bucket, a `kind`: file or memory")
		cmd.RegisterFlagCompletionFunc("storage", cobra.FixedCompletions([]string{"file", "memory"}, cobra.ShellCompDirectiveNoFileComp))
	}
}

func (b *bucketFlags) storageType() (jetstream.StorageType, error) {
	switch strings.ToLower(b.storage) {
	case "file", "f":
		return jetstream.FileStorage, nil
	case "memory", "mem", "m":
		return jetstream.MemoryStorage, nil
	}
	return 0, fmt.Errorf("--storage is file or memory, not %q", b.storage)
}

func (b *bucketFlags) placement() *jetstream.Placement {
	if b.cluster == "" && len(b.tags) == 0 {
		return nil
	}
	return &jetstream.Placement{Cluster: b.cluster, Tags: b.tags}
}

// duplicateWindow is the one that buckets have: no longer than values are kept.
func duplicateWindow(ttl time.Duration) time.Duration {
	const longest = 2 * time.Minute
	if ttl > 0 {
		return min(ttl, longest)
	}
	return longest
}

// change brings the flags that were given into the configuration of the bucket's stream.
func (b *bucketFlags) change(cmd *cobra.Command, cfg *document) error {
	given := cmd.Flags().Changed
	if given("description") {
		cfg.set("description", b.description)
	}
	if given("ttl") {
		cfg.set("max_age", b.ttl)
		cfg.set("duplicate_window", duplicateWindow(b.ttl))
	}
	if given("replicas") {
		cfg.set("num_replicas", b.replicas)
	}
	if given("max-bucket-size") {
		cfg.set("max_bytes", orUnlimited(b.maxBytes))
	}
	if given("compress") || given("no-compress") {
		cfg.set("compression", b.compression())
	}
	if given("tags") || given("cluster") {
		if p := b.placement(); p != nil {
			cfg.set("placement", p)
		} else {
			cfg.remove("placement")
		}
	}
	if !given("metadata") {
		return nil
	}
	metadata := map[string]string{}
	cfg.get("metadata", &metadata)
	err := b.setMetadata(metadata)
	cfg.set("metadata", metadata)
	return err
}

func (b *bucketFlags) compression() jetstream.StoreCompression {
	if b.compress {
		return jetstream.S2Compression
	}
	return jetstream.NoCompression
}

// setMetadata adds the metadata that flags give.
func (b *bucketFlags) setMetadata(into map[string]string) error {
	if err := setMetadata(b.metadata, into); err != nil {
		return fmt.Errorf("--metadata: %w", err)
	}
	return nil
}

// errNothingToChange says that an edit was called without a flag.
var errNothingToChange = errors.New("nothing to change: the flags say what to change")

// changed reports whether any flag of the command's own was given.
func changed(cmd *cobra.Command) (any bool) {
	own, _ := splitFlags(cmd.Flags())
	own.VisitAll(func(f *pflag.Flag) { any = any || f.Changed })
	return any
}
