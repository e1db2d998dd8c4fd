package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// consumerFlags are the flags that say how a consumer is to be.
type consumerFlags struct {
	documentFlags
	flags *pflag.FlagSet

	filters, metadata           []string
	deliver, backoff, pause     string
	backoffSteps                int
	backoffMin, backoffMax      time.Duration
	pinned, overflow, preferred []string
	pull, ephemeral             bool
}

// consumerFixed are flags for what cannot be changed later, or only by commands of its own.
var consumerFixed = []documentFlag{
	{"ack", "ack_policy", "which messages are to be acknowledged, a `policy`: none, all or explicit", asChoice("none", "all", "explicit", "flow_control")},
	{"deliver-group", "deliver_group", "push messages to one of the subscriptions in the queue group of this `name`", asText},
	{"heartbeat", "idle_heartbeat", "push a heartbeat after this `duration` without messages; -1 for none", asHeartbeat},
	{"max-waiting", "max_waiting", "`number` of pull requests that may wait", asCount},
	{"replay", "replay_policy", "how fast old messages are delivered, a `policy`: instant or original", asChoice("instant", "original")},
}

// consumerFixedSwitches are flags of that kind for what a consumer does or does not.
var consumerFixedSwitches = []documentFlag{
	{"flow-control", "flow_control", "push no more than the client says it has handled; needs --heartbeat", asBool},
	{"memory", "mem_storage", "keep the consumer's state in memory, whatever the stream does", asBool},
}

// consumerChangeable are flags for what can be changed.
var consumerChangeable = []documentFlag{
	{"description", "description", "what the consumer is for, as `text`", asText},
	{"bps", "rate_limit_bps", "push at most so many `bits` per second", asCount},
	{"max-deliver", "max_deliver", "`number` of times that a message is delivered at most; -1 for no end", asLimit},
	{"max-pending", "max_ack_pending", "`number` of messages that may be unacknowledged; -1 for no limit", asLimit},
	{"max-pull-batch", "max_batch", "`number` of messages that one pull request may ask for", asCount},
	{"max-pull-expire", "max_expires", "longest `duration` that a pull request may wait", asDuration},
	{"max-pull-bytes", "max_bytes", "so many `bytes` may one pull request ask for, as in 1MB", asByteCount},
	{"sample", "sample_freq", "`percent` of the acknowledgements to report to monitoring; 0 for none", asPercent},
	{"target", "deliver_subject", "push messages to this `subject`", asText},
	{"wait", "ack_wait", "deliver again what is not acknowledged for this `duration`", asDuration},
	{"inactive-threshold", "inactive_threshold", "remove the consumer when nobody has used it for this `duration`", asDuration},
	{"replicas", "num_replicas", "`number` of servers that keep the consumer's state; 0 for as many as keep the stream", asCount},
	{"pinned-ttl", "priority_timeout", "`duration` after which a pinned client that does not pull loses its place", asDuration},
}

// consumerSwitches are flags of that kind for what a consumer does or does not.
var consumerSwitches = []documentFlag{
	{"headers-only", "headers_only", "deliver headers and no bodies", asBool},
}

// addAll gives a command all flags, also those for what cannot be changed later.
func (f *consumerFlags) addAll(cmd *cobra.Command) {
	f.add(cmd)
	flags := cmd.Flags()
	f.documentFlags.add(flags, consumerFixed)
	f.addSwitches(flags, consumerFixedSwitches)
	flags.StringVar(&f.deliver, "deliver", "", "where to `start`: all, new, last, subject (the last of each), a sequence, 1h (ago) or a time")
	flags.StringVar(&f.pause, "pause", "", "deliver nothing until this `time`, as in 2h or 2026-01-31 08:00:00")
	flags.BoolVar(&f.pull, "pull", false, "let clients pull messages; the default")
	flags.BoolVar(&f.ephemeral, "ephemeral", false, "remove the consumer once nobody uses it")
	flags.StringArrayVar(&f.pinned, "pinned-groups", nil, "deliver to one client of each of these `groups`, until it fails")
	flags.StringArrayVar(&f.overflow, "overflow-groups", nil, "deliver to a client of these `groups` only when there is more than it says")
	flags.StringArrayVar(&f.preferred, "prioritized-groups", nil, "deliver to the client of these `groups` that says the lowest priority")
	cmd.MarkFlagsMutuallyExclusive("pull", "target")
	cmd.MarkFlagsMutuallyExclusive("pinned-groups", "overflow-groups", "prioritized-groups")
	completeWords(cmd, "ack", "none", "all", "explicit")
	completeWords(cmd, "deliver", "all", "new", "last", "subject")
	completeWords(cmd, "replay", "instant", "original")
}

// add gives a command the flags for what can be changed.
func (f *consumerFlags) add(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.documentFlags.add(f.flags, consumerChangeable)
	f.addSwitches(f.flags, consumerSwitches)
	f.flags.StringArrayVar(&f.filters, "filter", nil, "take only messages on these `subjects`; may be repeated; an empty one stands for all")
	f.flags.StringArrayVar(&f.metadata, "metadata", nil, "add metadata, as `key=value`; may be repeated; an empty value removes a key")
	f.flags.StringVar(&f.backoff, "backoff", "", "wait longer each time before a message is delivered again, in a `mode`: none or linear")
	f.flags.IntVar(&f.backoffSteps, "backoff-steps", 10, "how many different waits to take")
	f.flags.Var(durationFlag{&f.backoffMin}, "backoff-min", "the shortest wait (default 1m)")
	f.flags.Var(durationFlag{&f.backoffMax}, "backoff-max", "the longest wait (default 20m)")
	completeWords(cmd, "backoff", "none", "linear")
}

func completeWords(cmd *cobra.Command, flag string, words ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// apply changes a configuration as the flags say. What they do not speak of stays.
func (f *consumerFlags) apply(cfg *document) error {
	f.documentFlags.apply(cfg)
	if f.flags.Changed("filter") {
		setFilters(cfg, splitCommas(f.filters))
	}
	for _, step := range []func(*document) error{f.applyStart, f.applyBackoff, f.applyPause, f.applyGroups, f.applyMetadata} {
		if err := step(cfg); err != nil {
			return err
		}
	}
	return nil
}

// setFilters sets the subjects that a consumer takes; none stands for all.
func setFilters(cfg *document, subjects []string) {
	cfg.remove("filter_subject", "filter_subjects")
	switch len(subjects) {
	case 0:
	case 1:
		cfg.set("filter_subject", subjects[0])
	default:
		cfg.set("filter_subjects", subjects)
	}
}

func (f *consumerFlags) applyStart(cfg *document) error {
	if f.deliver == "" {
		return nil
	}
	if err := setStart(cfg, f.deliver, time.Now()); err != nil {
		return fmt.Errorf("--deliver: %w", err)
	}
	return nil
}

// setStart sets where a consumer begins.
func setStart(cfg *document, start string, now time.Time) error {
	cfg.remove("opt_start_seq", "opt_start_time")
	switch start {
	case "all", "new", "last":
		cfg.set("deliver_policy", start)
		return nil
	case "subject", "last_per_subject":
		cfg.set("deliver_policy", "last_per_subject")
		if !cfg.has("filter_subject") && !cfg.has("filter_subjects") {
			cfg.set("filter_subject", ">")
		}
		return nil
	}
	if seq, err := strconv.ParseUint(start, 10, 64); err == nil && seq > 0 {
		cfg.set("deliver_policy", "by_start_sequence")
		cfg.set("opt_start_seq", seq)
		return nil
	}
	at, err := parseMoment(start, now, -1)
	if err != nil {
		return fmt.Errorf("%q is none of all, new, last and subject, no sequence, duration or time", start)
	}
	cfg.set("deliver_policy", "by_start_time")
	cfg.set("opt_start_time", at.UTC())
	return nil
}

// parseMoment reads a point in time: a duration from now, into the past if the direction is -1, or a time.
func parseMoment(s string, now time.Time, direction time.Duration) (time.Time, error) {
	if d, err := parseDuration(s); err == nil && d > 0 {
		return now.Add(direction * d), nil
	}
	for _, layout := range []string{time.DateTime, time.RFC3339Nano, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a duration like 1h30m nor a time like %s", s, time.DateTime)
}

func (f *consumerFlags) applyBackoff(cfg *document) error {
	switch f.backoff {
	case "":
		return nil
	case "none":
		cfg.remove("backoff")
		return nil
	case "linear":
	default:
		return fmt.Errorf("--backoff is none or linear, not %q", f.backoff)
	}
	waits, err := linearBackoff(f.backoffSteps, orDefault(f.backoffMin, time.Minute), orDefault(f.backoffMax, 20*time.Minute))
	if err != nil {
		return err
	}
	cfg.set("backoff", waits)
	return nil
}

func orDefault(d, preset time.Duration) time.Duration {
	if d == 0 {
		return preset
	}
	return d
}

// linearBackoff is a number of waits, the first of which is shortest and which grow by equal steps to below longest, as
// the nats tool makes them.
func linearBackoff(steps int, shortest, longest time.Duration) ([]time.Duration, error) {
	switch {
	case steps < 1 || steps > 100:
		return nil, errors.New("--backoff-steps is a number from 1 to 100")
	case longest < shortest || shortest < 0:
		return nil, errors.New("--backoff-max is shorter than --backoff-min")
	}
	waits := make([]time.Duration, steps)
	for i := range waits {
		waits[i] = shortest + time.Duration(i)*((longest-shortest)/time.Duration(steps))
	}
	return waits, nil
}

func (f *consumerFlags) applyPause(cfg *document) error {
	if f.pause == "" {
		return nil
	}
	until, err := parseMoment(f.pause, time.Now(), 1)
	if err != nil {
		return fmt.Errorf("--pause: %w", err)
	}
	cfg.set("pause_until", until.UTC())
	return nil
}

func (f *consumerFlags) applyGroups(cfg *document) error {
	for _, g := range []struct {
		policy string
		groups []string
	}{{"pinned_client", f.pinned}, {"overflow", f.overflow}, {"prioritized", f.preferred}} {
		if groups := splitCommas(g.groups); len(groups) > 0 {
			cfg.set("priority_policy", g.policy)
			cfg.set("priority_groups", groups)
		}
	}
	return nil
}

func (f *consumerFlags) applyMetadata(cfg *document) error {
	return addMetadata(cfg, f.metadata)
}

// What flags of consumers are parsed with.

// asHeartbeat takes a duration, or -1 for none.
func asHeartbeat(s string) (any, error) {
	if strings.HasPrefix(s, "-1") {
		return time.Duration(0), nil
	}
	return asDuration(s)
}

func asByteCount(s string) (any, error) {
	n, err := parseBytes(s)
	return max(n, 0), err
}

// asPercent takes a share as servers take it: digits.
func asPercent(s string) (any, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	switch {
	case err != nil || n > 100:
		return nil, fmt.Errorf("%q is no percentage", s)
	case n <= 0:
		return "", nil
	}
	return strconv.Itoa(n), nil
}
