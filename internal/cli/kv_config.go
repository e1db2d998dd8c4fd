package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rawConfig is a configuration as the server has it, by the names of its fields. What this client has no words for
// stays as it is when it is sent back.
type rawConfig map[string]json.RawMessage

// set gives a field a value; nil takes it out.
func (c rawConfig) set(field string, value any) error {
	if value == nil {
		delete(c, field)
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	c[field] = data
	return nil
}

// setAll gives fields values; nil takes one out.
func (c rawConfig) setAll(fields map[string]any) error {
	for field, value := range fields {
		if err := c.set(field, value); err != nil {
			return err
		}
	}
	return nil
}

// mergeMetadata adds metadata to what there is; an empty value takes a key out.
func (c rawConfig) mergeMetadata(changes map[string]string) error {
	metadata := map[string]string{}
	if data, ok := c["metadata"]; ok {
		if err := json.Unmarshal(data, &metadata); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	for key, value := range changes {
		if value == "" {
			delete(metadata, key)
		} else {
			metadata[key] = value
		}
	}
	return c.set("metadata", metadata)
}

// differences lists the fields that b has otherwise than c, as "- field: old" and "+ field: new" lines, sorted.
func (c rawConfig) differences(b rawConfig) []string {
	fields := maps.Clone(c)
	maps.Copy(fields, b)
	var lines []string
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		was, is := c[field], b[field]
		if bytes.Equal(was, is) {
			continue
		}
		if was != nil {
			lines = append(lines, fmt.Sprintf("- %s: %s", field, was))
		}
		if is != nil {
			lines = append(lines, fmt.Sprintf("+ %s: %s", field, is))
		}
	}
	return lines
}

// editStream changes the configuration of a stream.
func (j *jetStream) editStream(name string, change func(rawConfig) error) error {
	var info struct {
		Config rawConfig `json:"config"`
	}
	if err := j.call("STREAM.INFO."+name, nil, &info); err != nil {
		return err
	}
	if err := change(info.Config); err != nil {
		return err
	}
	return j.call("STREAM.UPDATE."+name, info.Config, nil)
}

// parsePairs reads pairs that are written as key:value or key=value.
func parsePairs(flag string, list []string) (map[string]string, error) {
	pairs := map[string]string{}
	for _, pair := range list {
		at := strings.IndexAny(pair, ":=")
		if at <= 0 {
			return nil, fmt.Errorf("--%s is written as key:value, not %q", flag, pair)
		}
		pairs[strings.TrimSpace(pair[:at])] = strings.TrimSpace(pair[at+1:])
	}
	return pairs, nil
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
	flags.StringVar(&b.description, "description", "", "what the bucket is for")
	flags.Var(durationFlag{&b.ttl}, "ttl", "how long to keep what is in the bucket; for ever if it is 0")
	flags.IntVar(&b.replicas, "replicas", 1, "how many servers of a cluster keep the bucket")
	flags.Var(bytesFlag{&b.maxBytes}, "max-bucket-size", "how large the bucket may get, as in 10MB")
	flags.StringSliceVar(&b.tags, "tags", nil, "place the bucket on servers with these `tags`")
	flags.StringVar(&b.cluster, "cluster", "", "place the bucket in this `cluster`")
	flags.StringArrayVar(&b.metadata, "metadata", nil, "add metadata, written as `key:value`; may be repeated")
	onOff(flags, &b.compress, "compress", "compress the data")
	flags.Lookup("compress").DefValue = "false"
	b.compress = false
	if create {
		flags.StringVar(&b.storage, "storage", "file", "where to keep the bucket: `file` or memory")
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
func (b *bucketFlags) change(cmd *cobra.Command, cfg rawConfig) error {
	given := cmd.Flags().Changed
	fields := map[string]any{}
	if given("description") {
		fields["description"] = b.description
	}
	if given("ttl") {
		fields["max_age"], fields["duplicate_window"] = b.ttl, duplicateWindow(b.ttl)
	}
	if given("replicas") {
		fields["num_replicas"] = b.replicas
	}
	if given("max-bucket-size") {
		fields["max_bytes"] = noneBelowOne(b.maxBytes)
	}
	if given("tags") || given("cluster") {
		fields["placement"] = nil
		if p := b.placement(); p != nil {
			fields["placement"] = p
		}
	}
	if given("compress") || given("no-compress") {
		fields["compression"] = jetstream.NoCompression
		if b.compress {
			fields["compression"] = jetstream.S2Compression
		}
	}
	if err := cfg.setAll(fields); err != nil {
		return err
	}
	if !given("metadata") {
		return nil
	}
	metadata, err := parsePairs("metadata", b.metadata)
	if err != nil {
		return err
	}
	return cfg.mergeMetadata(metadata)
}

// noneBelowOne is how streams say that there is no limit.
func noneBelowOne(limit int64) int64 {
	if limit <= 0 {
		return -1
	}
	return limit
}

// errNothingToChange says that an edit was called without a flag.
var errNothingToChange = errors.New("nothing to change: the flags say what to change")

// changed reports whether any flag of the command's own was given.
func changed(cmd *cobra.Command) (any bool) {
	own, _ := splitFlags(cmd.Flags())
	own.VisitAll(func(f *pflag.Flag) { any = any || f.Changed })
	return any
}
