package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newConsumerInfo(t *consumerTool) *cobra.Command {
	var asJSON, noSelect bool
	cmd := t.command(&cobra.Command{
		Use:     "info [stream] [consumer]",
		Aliases: []string{"nfo"},
		Short:   "Show the configuration and the state of a consumer",
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error {
		info, err := js.consumerInfo(at)
		if err != nil {
			return err
		}
		return info.show(js.con, asJSON)
	})
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	t.addNoSelect(cmd, &noSelect, 2)
	return cmd
}

func newConsumerState(t *consumerTool) *cobra.Command {
	var asJSON, noSelect bool
	cmd := t.command(&cobra.Command{
		Use:   "state [stream] [consumer]",
		Short: "Show the state of a consumer",
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error {
		info, err := js.consumerInfo(at)
		if err != nil {
			return err
		}
		return info.showState(js.con, asJSON)
	})
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	t.addNoSelect(cmd, &noSelect, 2)
	return cmd
}

// addNoSelect gives a command the flag that keeps it from offering lists for what arguments should name.
func (t *consumerTool) addNoSelect(cmd *cobra.Command, noSelect *bool, needed int) {
	cmd.Flags().BoolVar(noSelect, "no-select", false, "do not offer lists of what no argument names")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *noSelect && len(args) < needed {
			return fmt.Errorf("usage: %s", cmd.UseLine())
		}
		return run(cmd, args)
	}
}

func (i *consumerInfo) show(con *console, asJSON bool) error {
	if asJSON {
		return con.jsonIndented(i.raw)
	}
	s := &sheet{}
	s.section("Configuration")
	s.consumerConfig(i)
	metadataSection(s, i.Config.Metadata)
	s.cluster(i.Cluster)
	s.consumerState(i)
	con.printf("Information for Consumer %s > %s created %s\n\n%s", i.Stream, i.Name, i.Created.Local().Format(stamp), s)
	return nil
}

func (i *consumerInfo) showState(con *console, asJSON bool) error {
	if asJSON {
		state := i.raw.clone()
		state.remove("config")
		return con.jsonIndented(state)
	}
	s := &sheet{}
	s.consumerState(i)
	con.printf("State for Consumer %s > %s created %s\n\n%s", i.Stream, i.Name, i.Created.Local().Format(stamp), s)
	return nil
}

// consumerConfig adds the configuration of a consumer.
func (s *sheet) consumerConfig(i *consumerInfo) {
	c := &i.Config
	s.row("Name", i.Name)
	rowUnless(s, "Description", c.Description)
	if c.push() {
		s.row("Delivery Subject", c.DeliverSubject)
	} else {
		s.row("Pull Mode", true)
	}
	switch filters := c.filters(); len(filters) {
	case 0:
	case 1:
		s.row("Filter Subject", filters[0])
	default:
		s.row("Filter Subjects", strings.Join(filters, ", "))
	}
	s.row("Deliver Policy", c.startText())
	rowUnless(s, "Deliver Queue Group", c.DeliverGroup)
	s.row("Ack Policy", titled(c.AckPolicy))
	if c.AckPolicy != "none" && c.AckWait > 0 {
		s.row("Ack Wait", durationText(c.AckWait))
	}
	s.row("Replay Policy", titled(c.ReplayPolicy))
	s.consumerLimits(c)
	if c.push() {
		if c.Heartbeat > 0 {
			s.row("Idle Heartbeat", durationText(c.Heartbeat))
		}
		s.row("Flow Control", c.FlowControl)
	}
	rowUnless(s, "Headers Only", c.HeadersOnly)
	if c.InactiveThreshold > 0 {
		s.row("Inactive Threshold", durationText(c.InactiveThreshold))
	}
	rowUnless(s, "Replicas", c.Replicas)
	rowUnless(s, "Memory Storage", c.MemoryStorage)
	if until := c.PauseUntil; until != nil && until.After(time.Now()) {
		s.row("Paused Until Deadline", momentText(*until))
	}
	if c.PriorityPolicy != "" && c.PriorityPolicy != "none" {
		s.row("Priority Policy", titled(c.PriorityPolicy))
		s.row("Priority Groups", strings.Join(c.PriorityGroups, ", "))
	}
	if c.PinnedTTL > 0 {
		s.row("Pinned TTL", durationText(c.PinnedTTL))
	}
}

// consumerLimits adds what bounds deliveries.
func (s *sheet) consumerLimits(c *consumerConfig) {
	if c.MaxDeliver > 0 {
		s.row("Maximum Deliveries", countText(c.MaxDeliver))
	}
	rowUnless(s, "Sampling Rate", c.SampleFrequency)
	if c.RateLimit > 0 {
		s.row("Rate Limit", bytesText(c.RateLimit/8)+" / second")
	}
	if c.MaxAckPending != 0 {
		s.row("Max Ack Pending", limitText(c.MaxAckPending))
	}
	if c.MaxWaiting > 0 {
		s.row("Max Waiting Pulls", countText(c.MaxWaiting))
	}
	if c.MaxRequestExpires > 0 {
		s.row("Max Pull Expire", durationText(c.MaxRequestExpires))
	}
	if c.MaxRequestBatch > 0 {
		s.row("Max Pull Batch", countText(c.MaxRequestBatch))
	}
	if c.MaxRequestBytes > 0 {
		s.row("Max Pull MaxBytes", countText(c.MaxRequestBytes))
	}
	var waits []string
	for _, d := range c.BackOff {
		waits = append(waits, durationText(d))
	}
	rowUnless(s, "Backoff", strings.Join(waits, ", "))
}

// startText says where the consumer began.
func (c *consumerConfig) startText() string {
	switch {
	case c.DeliverPolicy == "by_start_sequence":
		return fmt.Sprintf("From Sequence %d", c.StartSeq)
	case c.DeliverPolicy == "by_start_time" && c.StartTime != nil:
		return "Since " + c.StartTime.Local().Format(stamp)
	}
	return titled(c.DeliverPolicy)
}

// titled is a word of the API as a title: last_per_subject is "Last Per Subject".
func titled(word string) string {
	words := strings.Split(word, "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// momentText says a point in time to come.
func momentText(at time.Time) string {
	return fmt.Sprintf("%s (%s remaining)", at.Local().Format(stamp), durationText(time.Until(at)))
}

// consumerState adds how far a consumer is.
func (s *sheet) consumerState(i *consumerInfo) {
	c := &i.Config
	s.section("State")
	rowUnless(s, "Host Version", c.Metadata[metaLevels+"ver"])
	if level := c.Metadata[metaLevels+"req.level"]; level != "" {
		s.row("Required API Level", fmt.Sprintf("%s hosted at level %s", level, c.Metadata[metaLevels+"level"]))
	}
	s.row("Last Delivered Message", i.Delivered.text("Last delivery"))
	if c.AckPolicy != "none" {
		s.row("Acknowledgment Floor", i.AckFloor.text("Last Ack"))
		outstanding := countText(i.NumAckPending)
		if c.MaxAckPending > 0 {
			outstanding += " out of maximum " + countText(c.MaxAckPending)
		}
		s.row("Outstanding Acks", outstanding)
		s.row("Redelivered Messages", countText(i.NumRedelivered))
	}
	s.row("Unprocessed Messages", countText(i.NumPending))
	switch {
	case !c.push():
		s.row("Waiting Pulls", fmt.Sprintf("%s of maximum %s", countText(i.NumWaiting), countText(c.MaxWaiting)))
	case !i.PushBound:
		s.row("Active Interest", "No interest")
	case c.DeliverGroup != "":
		s.row("Active Interest", "Active using Queue Group "+c.DeliverGroup)
	default:
		s.row("Active Interest", "Active")
	}
	var groups []string
	for _, g := range i.PriorityGroups {
		switch {
		case c.PriorityPolicy != "pinned_client":
			groups = append(groups, g.Group)
		case g.PinnedClientID == "":
			groups = append(groups, g.Group+": No client")
		default:
			groups = append(groups, fmt.Sprintf("%s: pinned %s at %s", g.Group, g.PinnedClientID, g.PinnedTS.Local().Format(stamp)))
		}
	}
	s.rows("Priority Groups", groups)
	if i.Paused {
		s.row("Paused Until", momentText(time.Now().Add(i.PauseRemaining)))
	}
}

// text says how far a sequence is, and when it last moved.
func (s consumerSequence) text(last string) string {
	text := fmt.Sprintf("Consumer sequence: %s Stream sequence: %s", countText(s.Consumer), countText(s.Stream))
	if s.Last != nil {
		text += fmt.Sprintf(" %s: %s ago", last, sinceText(*s.Last))
	}
	return text
}
