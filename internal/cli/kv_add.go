package cli

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// kvSettings is what kv add and kv edit can say about a bucket.
type kvSettings struct {
	*client
	bucketFlags
	asJSON       bool
	history      int
	markerTTL    time.Duration
	maxValueSize int64
	republish    jetstream.RePublish
	mirror       string
	mirrorDomain string
	sources      []string
}

func newKVAdd(c *client) *cobra.Command {
	s := &kvSettings{client: c}
	cmd := &cobra.Command{
		Use:     "add <bucket>",
		Aliases: []string{"new"},
		Short:   "Make a bucket",
		Example: `  myelin kv add config --history 5
  myelin kv add sessions --ttl 1h --marker-ttl 10m --storage memory
  myelin kv add replica --mirror config --mirror-domain hub`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return s.create(args) },
	}
	s.addFlags(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&s.mirror, "mirror", "", "make the bucket a copy of another `bucket`, only to be read")
	flags.StringVar(&s.mirrorDomain, "mirror-domain", "", "`domain` of the bucket to mirror")
	cmd.MarkFlagsMutuallyExclusive("mirror", "source")
	return cmd
}

func (s *kvSettings) addFlags(cmd *cobra.Command, create bool) {
	s.client.addFlags(cmd)
	s.bucketFlags.addFlags(cmd, create)
	flags := cmd.Flags()
	flags.BoolVarP(&s.asJSON, "json", "j", false, "print the bucket as JSON")
	flags.IntVar(&s.history, "history", 1, "how many revisions to keep of each key, up to 64")
	flags.Var(durationFlag{&s.markerTTL}, "marker-ttl", "let keys have a TTL of their own, and keep markers of what expired for this long")
	flags.Var(bytesFlag{&s.maxValueSize}, "max-value-size", "how large a value may be, as in 64KB")
	flags.StringVar(&s.republish.Source, "republish-source", "", "publish what is stored on these `subjects` again")
	flags.StringVar(&s.republish.Destination, "republish-destination", "", "the `subject` to publish on again")
	flags.BoolVar(&s.republish.HeadersOnly, "republish-headers", false, "publish only the headers again")
	flags.StringArrayVar(&s.sources, "source", nil, "copy the values of another `bucket`; may be repeated")
	cmd.MarkFlagsRequiredTogether("republish-source", "republish-destination")
}

// check finds what a server or the library would say less clearly.
func (s *kvSettings) check() error {
	switch {
	case s.history < 1 || s.history > jetstream.KeyValueMaxHistory:
		return fmt.Errorf("--history is a number from 1 to %d", jetstream.KeyValueMaxHistory)
	case s.maxValueSize > math.MaxInt32:
		return errors.New("--max-value-size is at most 2 GiB")
	case s.mirrorDomain != "" && s.mirror == "":
		return errors.New("--mirror-domain needs --mirror")
	}
	return nil
}

func (s *kvSettings) config(bucket string) (jetstream.KeyValueConfig, error) {
	storage, err := s.storageType()
	if err != nil {
		return jetstream.KeyValueConfig{}, err
	}
	metadata := map[string]string{}
	if err := s.setMetadata(metadata); err != nil {
		return jetstream.KeyValueConfig{}, err
	}
	cfg := jetstream.KeyValueConfig{
		Bucket: bucket, Description: s.description, MaxValueSize: int32(s.maxValueSize), History: uint8(s.history),
		TTL: s.ttl, MaxBytes: s.maxBytes, Storage: storage, Replicas: s.replicas, Placement: s.placement(),
		Compression: s.compress, LimitMarkerTTL: s.markerTTL, Metadata: metadata,
	}
	if s.republish.Destination != "" {
		cfg.RePublish = &s.republish
	}
	if s.mirror != "" {
		cfg.Mirror = &jetstream.StreamSource{Name: s.mirror, Domain: s.mirrorDomain}
	}
	for _, name := range s.sources {
		cfg.Sources = append(cfg.Sources, &jetstream.StreamSource{Name: name})
	}
	return cfg, nil
}

func (s *kvSettings) create(args []string) error {
	if err := s.check(); err != nil {
		return err
	}
	bucket, err := s.con.argument(args, 0, "Bucket name")
	if err != nil {
		return err
	}
	cfg, err := s.config(bucket)
	if err != nil {
		return err
	}
	return s.withJetStream(func(js *jetStream) error {
		ctx, stop := untilInterrupted()
		defer stop()
		kv, err := js.CreateKeyValue(ctx, cfg)
		if err != nil {
			return saidOfNewBucket(err, bucket, "kv edit")
		}
		return showBucket(&kvBucket{KeyValue: kv, js: js, ctx: ctx}, s.asJSON)
	})
}

// argument is the argument at position n, or what the user answers.
func (c *console) argument(args []string, n int, question string) (string, error) {
	if len(args) > n {
		return args[n], nil
	}
	answer, err := c.ask(question, "", "it as an argument")
	if err == nil && answer == "" {
		err = fmt.Errorf("%s: there is no way without it", question)
	}
	return answer, err
}

func newKVEdit(c *client) *cobra.Command {
	s := &kvSettings{client: c}
	cmd := &cobra.Command{
		Use:   "edit <bucket>",
		Short: "Change how a bucket is configured; what no flag names stays",
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changed(cmd) {
				return errNothingToChange
			}
			if err := s.check(); err != nil {
				return err
			}
			return s.withBucket(args[0], func(b *kvBucket) error { return s.edit(cmd, b) })
		},
	}
	s.addFlags(cmd, false)
	return cmd
}

func (s *kvSettings) edit(cmd *cobra.Command, b *kvBucket) error {
	info, err := bucketStream(b)
	if err != nil {
		return err
	}
	err = b.js.editStream(info.Config.Name, func(cfg *document) error { return s.change(cmd, b.Bucket(), cfg) })
	if err != nil {
		return err
	}
	return showBucket(b, s.asJSON)
}

// change brings the flags that were given into the configuration of the bucket's stream.
func (s *kvSettings) change(cmd *cobra.Command, bucket string, cfg *document) error {
	given := cmd.Flags().Changed
	if given("history") {
		cfg.set("max_msgs_per_subject", s.history)
	}
	if given("marker-ttl") {
		cfg.set("allow_msg_ttl", true)
		cfg.set("subject_delete_marker_ttl", s.markerTTL)
	}
	if given("max-value-size") {
		cfg.set("max_msg_size", orUnlimited(s.maxValueSize))
	}
	if given("republish-destination") {
		cfg.set("republish", s.republish)
	}
	if given("source") {
		cfg.set("sources", s.rawSources(bucket))
	}
	return s.bucketFlags.change(cmd, cfg)
}

// rawSources are sources that move the keys of other buckets into this one, as the library makes them for a new bucket.
func (s *kvSettings) rawSources(bucket string) []jetstream.StreamSource {
	var list []jetstream.StreamSource
	for _, name := range s.sources {
		list = append(list, jetstream.StreamSource{
			Name:              "KV_" + name,
			SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "$KV." + name + ".>", Destination: "$KV." + bucket + ".>"}},
		})
	}
	return list
}
