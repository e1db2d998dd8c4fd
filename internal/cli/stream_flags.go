package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// streamFlags are the flags that say how a stream is to be.
type streamFlags struct {
	documentFlags
	flags *pflag.FlagSet

	subjects, tags, sources, metadata []string
	cluster, mirror                   string
	transformFrom, transformTo        string
	republishFrom, republishTo        string
	republishHeaders                  bool
	noRepublish, noTransform          bool
	limitInactive                     time.Duration
	limitPending                      int
}

// streamChoices are the words that some flags take.
var streamChoices = map[string][]string{
	"storage":      {"file", "memory"},
	"retention":    {"limits", "interest", "workqueue"},
	"discard":      {"old", "new"},
	"compression":  {"none", "s2"},
	"persist-mode": {"default", "async"},
}

// completeChoices offers those words to the shell.
func completeChoices(cmd *cobra.Command) {
	for name, words := range streamChoices {
		if cmd.Flags().Lookup(name) != nil {
			cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// streamFixed are flags for what cannot be changed later.
var streamFixed = []documentFlag{
	{"storage", "storage", "where to keep messages, a `kind`: file or memory", asChoice(streamChoices["storage"]...)},
	{"retention", "retention", "what to keep, a `policy`: limits, interest or work", asChoice(streamChoices["retention"]...)},
	{"first-sequence", "first_seq", "`sequence` of the first message", asCount},
	{"persist-mode", "persist_mode", "when messages are synced, a `mode`: default or async", asChoice(streamChoices["persist-mode"]...)},
}

// streamSwitches are flags for what a stream does or does not, which can be changed.
var streamSwitches = []documentFlag{
	{"ack", "no_ack", "acknowledge what is published (the default)", asNotBool},
	{"discard-per-subject", "discard_new_per_subject", "discard new messages also at the limit per subject", asBool},
	{"allow-batch", "allow_atomic", "take batches of messages that are stored all or not at all", asBool},
	{"allow-fast-batch", "allow_batched", "take batches of messages for which few acknowledgements are sent", asBool},
	{"allow-counter", "allow_msg_counter", "make each subject a counter", asBool},
	{"allow-rollup", "allow_rollup_hdrs", "take messages that replace those before them", asBool},
	{"allow-schedules", "allow_msg_schedules", "take messages that are to be published later", asBool},
	{"deny-delete", "deny_delete", "refuse to delete messages", asBool},
	{"deny-purge", "deny_purge", "refuse to purge the stream or a subject", asBool},
	{"allow-direct", "allow_direct", "answer direct gets (the default)", asBool},
	{"allow-mirror-direct", "mirror_direct", "answer direct gets for the origin of a mirror", asBool},
	{"allow-msg-ttl", "allow_msg_ttl", "take messages with a time to live of their own", asBool},
}

// streamChangeable are flags for other values that can be changed.
var streamChangeable = []documentFlag{
	{"description", "description", "what the stream is for, as `text`", asText},
	{"compression", "compression", "how to compress files, a `method`: none or s2", asChoice(streamChoices["compression"]...)},
	{"replicas", "num_replicas", "`number` of servers that keep the messages, in a cluster", asCount},
	{"discard", "discard", "which messages to discard at a limit, a `policy`: old or new", asChoice(streamChoices["discard"]...)},
	{"max-age", "max_age", "keep messages for this `duration`, as in 1d12h", asDuration},
	{"max-bytes", "max_bytes", "keep at most so many `bytes`, as in 10MB", asBytesLimit},
	{"max-consumers", "max_consumers", "allow at most this `number` of consumers", asLimit},
	{"max-msg-size", "max_msg_size", "take messages of at most so many `bytes`", asBytesLimit},
	{"max-msgs", "max_msgs", "keep at most this `number` of messages", asLimit},
	{"max-msgs-per-subject", "max_msgs_per_subject", "keep at most this `number` of messages of each subject", asLimit},
	{"dupe-window", "duplicate_window", "`duration` for which message ids are remembered", asDuration},
	{"subject-del-markers-ttl", "subject_delete_marker_ttl", "`duration` for which a marker stands for a subject whose last message expired", asDuration},
}

// addFixed gives a command the flags for what cannot be changed later.
func (f *streamFlags) addFixed(cmd *cobra.Command) {
	f.documentFlags.add(cmd.Flags(), streamFixed)
}

// add gives a command the other flags.
func (f *streamFlags) add(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.documentFlags.add(f.flags, streamChangeable)
	f.addSwitches(f.flags, streamSwitches)
	f.flags.StringArrayVar(&f.subjects, "subjects", nil, "`list` of subjects to store, separated by commas; may be repeated")
	f.flags.StringArrayVar(&f.tags, "tag", nil, "place the stream on servers with this `tag`; may be repeated")
	f.flags.StringVar(&f.cluster, "cluster", "", "place the stream in the cluster of this `name`")
	f.flags.StringArrayVar(&f.metadata, "metadata", nil, "add metadata, as `key=value`; may be repeated; an empty value removes a key")
	f.flags.StringVar(&f.mirror, "mirror", "", "be the mirror of this `stream`: a name, a JSON object, or a file with one")
	f.flags.StringArrayVar(&f.sources, "source", nil, "copy from this `stream`, as with --mirror; may be repeated")
	f.flags.StringVar(&f.transformFrom, "transform-source", "", "transform this `subject` before storing")
	f.flags.StringVar(&f.transformTo, "transform-destination", "", "`subject` to transform to")
	f.flags.StringVar(&f.republishFrom, "republish-source", "", "publish stored messages of this `subject` again")
	f.flags.StringVar(&f.republishTo, "republish-destination", "", "`subject` to publish them to")
	f.flags.BoolVar(&f.republishHeaders, "republish-headers", false, "publish them without their bodies")
	f.flags.Var(durationFlag{&f.limitInactive}, "limit-consumer-inactive", "longest time after which unused consumers may be removed")
	f.flags.IntVar(&f.limitPending, "limit-consumer-max-pending", 0, "`number` of unacknowledged messages that consumers may have at most")
	completeChoices(cmd)
}

// addRemoving gives a command the flags that take something away.
func (f *streamFlags) addRemoving(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.noRepublish, "no-republish", false, "no longer publish stored messages again")
	cmd.Flags().BoolVar(&f.noTransform, "no-transform", false, "no longer transform subjects")
	cmd.MarkFlagsMutuallyExclusive("no-republish", "republish-destination")
	cmd.MarkFlagsMutuallyExclusive("no-transform", "transform-destination")
}

// apply changes a configuration as the flags say. What they do not speak of stays.
func (f *streamFlags) apply(cfg *document) error {
	if subjects := splitCommas(f.subjects); len(subjects) > 0 {
		cfg.set("subjects", subjects)
	}
	f.documentFlags.apply(cfg)
	if per, _ := f.asked["discard_new_per_subject"].(bool); per {
		cfg.set("discard", "new")
	}
	for _, step := range []func(*document) error{f.applyOrigins, f.applyPlacement, f.applyTransform, f.applyRepublish, f.applyLimits, f.applyMetadata} {
		if err := step(cfg); err != nil {
			return err
		}
	}
	return nil
}

func (f *streamFlags) applyOrigins(cfg *document) error {
	if f.mirror != "" {
		origin, err := parseOrigin(f.mirror)
		if err != nil {
			return fmt.Errorf("--mirror: %w", err)
		}
		cfg.set("mirror", origin)
	}
	if len(f.sources) == 0 {
		return nil
	}
	var sources []*document
	for _, s := range f.sources {
		origin, err := parseOrigin(s)
		if err != nil {
			return fmt.Errorf("--source: %w", err)
		}
		sources = append(sources, origin)
	}
	cfg.set("sources", sources)
	return nil
}

// parseOrigin reads what a stream is to copy: a name, a JSON object, or the name of a file with one.
func parseOrigin(s string) (*document, error) {
	origin := &document{}
	data := []byte(s)
	if !strings.HasPrefix(strings.TrimSpace(s), "{") {
		content, err := os.ReadFile(s)
		if err != nil {
			origin.set("name", s)
			return origin, validStreamName(s)
		}
		data = content
	}
	if err := json.Unmarshal(data, origin); err != nil {
		return nil, fmt.Errorf("read %q: %w", s, err)
	}
	return origin, nil
}

func (f *streamFlags) applyPlacement(cfg *document) error {
	if !f.flags.Changed("tag") && !f.flags.Changed("cluster") {
		return nil
	}
	placement := &document{}
	cfg.get("placement", placement)
	if f.flags.Changed("tag") {
		placement.set("tags", splitCommas(f.tags))
	}
	if f.flags.Changed("cluster") {
		placement.set("cluster", f.cluster)
	}
	cfg.set("placement", placement)
	return nil
}

func (f *streamFlags) applyTransform(cfg *document) error {
	switch {
	case f.noTransform:
		cfg.remove("subject_transform")
	case f.transformTo != "":
		cfg.set("subject_transform", map[string]string{"src": orAll(f.transformFrom), "dest": f.transformTo})
	case f.transformFrom != "":
		return errors.New("--transform-source needs --transform-destination")
	}
	return nil
}

func (f *streamFlags) applyRepublish(cfg *document) error {
	switch {
	case f.noRepublish:
		cfg.remove("republish")
	case f.republishTo != "":
		cfg.set("republish", map[string]any{"src": orAll(f.republishFrom), "dest": f.republishTo, "headers_only": f.republishHeaders})
	case f.republishFrom != "" || f.republishHeaders:
		return errors.New("--republish-source and --republish-headers need --republish-destination")
	}
	return nil
}

func (f *streamFlags) applyLimits(cfg *document) error {
	limits := &document{}
	cfg.get("consumer_limits", limits)
	if f.flags.Changed("limit-consumer-inactive") {
		limits.set("inactive_threshold", f.limitInactive)
	}
	if f.flags.Changed("limit-consumer-max-pending") {
		limits.set("max_ack_pending", f.limitPending)
	}
	if len(limits.members) > 0 {
		cfg.set("consumer_limits", limits)
	}
	return nil
}

func (f *streamFlags) applyMetadata(cfg *document) error {
	return addMetadata(cfg, f.metadata)
}

// addMetadata adds what --metadata says to the metadata of a configuration.
func addMetadata(cfg *document, said []string) error {
	if len(said) == 0 {
		return nil
	}
	metadata := map[string]string{}
	cfg.get("metadata", &metadata)
	if err := setMetadata(said, metadata); err != nil {
		return fmt.Errorf("--metadata: %w", err)
	}
	cfg.set("metadata", metadata)
	return nil
}
