package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"myelin/internal/stream"
)

// metaLevels begins the metadata keys in which a server says what a stream needs and has.
const metaLevels = "_nats."

func newStreamInfo(t *streamTool) *cobra.Command {
	var asJSON, stateOnly, noSelect bool
	cmd := t.command(&cobra.Command{
		Use:     "info [stream]",
		Aliases: []string{"nfo", "i"},
		Short:   "Show the configuration and the state of a stream",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		return showStream(js, stream, stateOnly, asJSON)
	})
	flags := cmd.Flags()
	flags.BoolVarP(&asJSON, "json", "j", false, "print JSON")
	flags.BoolVar(&stateOnly, "state", false, "show the state only")
	t.addNoSelect(cmd, &noSelect)
	return cmd
}

func newStreamState(t *streamTool) *cobra.Command {
	var asJSON, noSelect bool
	cmd := t.command(&cobra.Command{
		Use:   "state [stream]",
		Short: "Show the state of a stream",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		return showStream(js, stream, true, asJSON)
	})
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	t.addNoSelect(cmd, &noSelect)
	return cmd
}

// addNoSelect gives a command the flag that keeps it from offering a list of streams.
func (t *streamTool) addNoSelect(cmd *cobra.Command, noSelect *bool) {
	cmd.Flags().BoolVar(noSelect, "no-select", false, "do not offer a list of streams if none is named")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *noSelect && len(args) == 0 {
			return fmt.Errorf("usage: %s", cmd.UseLine())
		}
		return run(cmd, args)
	}
}

// showStream asks about a stream and shows it.
func showStream(js *jetStream, name string, stateOnly, asJSON bool) error {
	info, err := js.streamInfo(name)
	if err != nil {
		return err
	}
	if stateOnly {
		return info.showState(js.con, asJSON)
	}
	return info.show(js.con, asJSON)
}

func (i *streamInfo) show(con *console, asJSON bool) error {
	if asJSON {
		return con.jsonIndented(i.raw)
	}
	s := &sheet{}
	s.streamConfig(&i.config, &i.Config)
	s.origins(&i.StreamInfo)
	s.cluster(i.Cluster)
	s.streamState(&i.StreamInfo)
	s.outbox(i.own.Queues)
	con.printf("Information for Stream %s created %s\n\n%s", i.Config.Name, i.Created.Local().Format(stamp), s)
	return nil
}

func (i *streamInfo) showState(con *console, asJSON bool) error {
	if asJSON {
		var state json.RawMessage
		i.raw.get("state", &state)
		return con.jsonIndented(state)
	}
	s := &sheet{}
	s.streamState(&i.StreamInfo)
	s.outbox(i.own.Queues)
	con.printf("State for Stream %s created %s\n\n%s", i.Config.Name, i.Created.Local().Format(stamp), s)
	return nil
}

// streamConfig adds the configuration of a stream: as JSON, for what the library does not know, and decoded.
func (s *sheet) streamConfig(raw *document, c *jetstream.StreamConfig) {
	rowUnless(s, "Description", c.Description)
	s.rows("Subjects", c.Subjects)
	s.row("Replicas", c.Replicas)
	s.row("Storage", c.Storage)
	if c.Compression != jetstream.NoCompression {
		s.row("Compression", c.Compression)
	}
	s.placement(c.Placement)
	s.streamOptions(raw, c)
	s.streamLimits(c)
	if len(c.Metadata) > 0 {
		s.section("Metadata")
	}
	for _, key := range slices.Sorted(maps.Keys(c.Metadata)) {
		if !strings.HasPrefix(key, metaLevels) {
			s.row(key, c.Metadata[key])
		}
	}
}

func (s *sheet) placement(p *jetstream.Placement) {
	if p == nil {
		return
	}
	rowUnless(s, "Placement Cluster", p.Cluster)
	rowUnless(s, "Placement Tags", strings.Join(p.Tags, ", "))
}

func (s *sheet) streamOptions(raw *document, c *jetstream.StreamConfig) {
	s.section("Options")
	s.row("Retention", c.Retention)
	s.row("Acknowledgments", !c.NoAck)
	discard := strings.TrimPrefix(c.Discard.String(), "Discard")
	if c.DiscardNewPerSubject {
		discard += " Per Subject"
	}
	s.row("Discard Policy", discard)
	s.row("Duplicate Window", durationText(c.Duplicates))
	if c.FirstSeq > 1 {
		s.row("First Sequence Asked For", countText(c.FirstSeq))
	}
	s.row("Direct Get", c.AllowDirect)
	rowUnless(s, "Mirror Direct Get", c.MirrorDirect)
	s.row("Allows Batch Publish", c.AllowAtomicPublish)
	rowUnless(s, "Allows Fast Batches", c.AllowBatchPublish)
	s.row("Allows Counters", c.AllowMsgCounter)
	s.row("Allows Msg Delete", !c.DenyDelete)
	s.row("Allows Per-Message TTL", c.AllowMsgTTL)
	if c.SubjectDeleteMarkerTTL > 0 {
		s.row("Subject Delete Markers TTL", durationText(c.SubjectDeleteMarkerTTL))
	}
	s.row("Allows Purge", !c.DenyPurge)
	s.row("Allows Rollups", c.AllowRollup)
	rowUnless(s, "Allows Schedules", c.AllowMsgSchedules)
	rowUnless(s, "Persist Mode", raw.text("persist_mode"))
	rowUnless(s, "Sealed", c.Sealed)
	if t := c.SubjectTransform; t != nil {
		s.row("Subject Transform", fmt.Sprintf("%s to %s", orAll(t.Source), t.Destination))
	}
	if r := c.RePublish; r != nil {
		text := fmt.Sprintf("%s to %s", orAll(r.Source), r.Destination)
		if r.HeadersOnly {
			text += " (headers only)"
		}
		s.row("Republish", text)
	}
}

// orAll is a subject, or the one that stands for all if there is none.
func orAll(subject string) string {
	if subject == "" {
		return ">"
	}
	return subject
}

func (s *sheet) streamLimits(c *jetstream.StreamConfig) {
	s.section("Limits")
	s.row("Maximum Messages", limitText(c.MaxMsgs))
	s.row("Maximum Per Subject", limitText(c.MaxMsgsPerSubject))
	s.row("Maximum Bytes", bytesLimitText(c.MaxBytes))
	s.row("Maximum Age", durationLimitText(c.MaxAge))
	s.row("Maximum Message Size", bytesLimitText(int64(c.MaxMsgSize)))
	s.row("Maximum Consumers", limitText(c.MaxConsumers))
	if t := c.ConsumerLimits.InactiveThreshold; t > 0 {
		s.row("Consumer Inactive Threshold", durationText(t))
	}
	if n := c.ConsumerLimits.MaxAckPending; n > 0 {
		s.row("Consumer Max Ack Pending", countText(n))
	}
}

// origins adds what a mirror or a stream with sources copies, and how far it is.
func (s *sheet) origins(i *jetstream.StreamInfo) {
	if m := i.Config.Mirror; m != nil {
		s.section("Mirror Information")
		s.origin(m, i.Mirror)
	}
	for n, source := range i.Config.Sources {
		s.section(fmt.Sprintf("Source %d Information", n+1))
		var state *jetstream.StreamSourceInfo
		if n < len(i.Sources) {
			state = i.Sources[n]
		}
		s.origin(source, state)
	}
}

func (s *sheet) origin(o *jetstream.StreamSource, state *jetstream.StreamSourceInfo) {
	s.row("Stream Name", o.Name)
	rowUnless(s, "Subject Filter", o.FilterSubject)
	for _, t := range o.SubjectTransforms {
		s.row("Subject Filter and Transform", strings.TrimSuffix(fmt.Sprintf("%s to %s", orAll(t.Source), t.Destination), " to "))
	}
	if o.OptStartSeq > 0 {
		s.row("Start Sequence", countText(o.OptStartSeq))
	}
	if o.OptStartTime != nil {
		s.row("Start Time", o.OptStartTime.Local().Format(stamp))
	}
	if e := o.External; e != nil {
		s.row("External API Prefix", e.APIPrefix)
		rowUnless(s, "External Delivery Prefix", e.DeliverPrefix)
	}
	if state == nil {
		return
	}
	s.row("Lag", countText(state.Lag))
	s.row("Last Seen", activeText(state.Active))
	if state.Error != nil {
		s.row("Error", fmt.Sprintf("%s (%d)", state.Error.Description, state.Error.ErrorCode))
	}
}

// activeText says how long ago something was heard of. Servers say -1 for never.
func activeText(ago time.Duration) string {
	if ago < 0 || ago >= 100*year {
		return "never"
	}
	return durationText(ago)
}

func (s *sheet) cluster(c *jetstream.ClusterInfo) {
	if c == nil || c.Name == "" && len(c.Replicas) == 0 {
		return
	}
	s.section("Cluster Information")
	rowUnless(s, "Name", c.Name)
	rowUnless(s, "Leader", c.Leader)
	for _, r := range c.Replicas {
		s.row("Replica", replicaText(r))
	}
}

func replicaText(r *jetstream.PeerInfo) string {
	state := "current"
	if !r.Current {
		state = "outdated"
	}
	if r.Offline {
		state += ", OFFLINE"
	}
	text := fmt.Sprintf("%s, %s, seen %s ago", r.Name, state, activeText(r.Active))
	if r.Lag > 0 {
		text += fmt.Sprintf(", %s operations behind", countText(r.Lag))
	}
	return text
}

// outbox adds whom dead letters of the stream wait for.
func (s *sheet) outbox(queues []stream.OutboxQueue) {
	if len(queues) > 0 {
		s.section("Waiting Dead Letters")
	}
	for _, q := range queues {
		s.row("For Stream "+q.Target, fmt.Sprintf("%s, %s", countText(q.DeadLetters), reason(&q)))
	}
}

// streamState adds what a stream holds.
func (s *sheet) streamState(i *jetstream.StreamInfo) {
	st := &i.State
	s.section("State")
	meta := i.Config.Metadata
	rowUnless(s, "Host Version", meta[metaLevels+"ver"])
	if level := meta[metaLevels+"req.level"]; level != "" {
		s.row("Required API Level", fmt.Sprintf("%s hosted at level %s", level, meta[metaLevels+"level"]))
	}
	s.row("Messages", countText(st.Msgs))
	s.row("Bytes", bytesText(st.Bytes))
	s.row("First Sequence", sequenceText(st.FirstSeq, st.FirstTime))
	s.row("Last Sequence", sequenceText(st.LastSeq, st.LastTime))
	s.row("Active Consumers", countText(st.Consumers))
	if st.NumDeleted > 0 {
		s.row("Deleted Messages", countText(st.NumDeleted))
	}
	if st.NumSubjects > 0 {
		s.row("Number of Subjects", countText(st.NumSubjects))
	}
	if st.Lost != nil {
		s.row("Lost Messages", fmt.Sprintf("%s, %s", countText(len(st.Lost.Msgs)), bytesText(st.Lost.Bytes)))
	}
	for _, a := range i.Alternates {
		s.row("Alternate", strings.TrimSuffix(fmt.Sprintf("%s in cluster %s, domain %s", a.Name, a.Cluster, a.Domain), ", domain "))
	}
}

func sequenceText(seq uint64, at time.Time) string {
	if at.IsZero() {
		return countText(seq)
	}
	return fmt.Sprintf("%s @ %s", countText(seq), at.Local().Format(stamp))
}
