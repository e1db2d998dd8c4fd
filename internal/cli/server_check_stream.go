package cli

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nagios"
	"myelin/internal/stream"
)

// monitorPrefix begins metadata of streams and consumers that hold thresholds: the rest is the name of a flag.
const monitorPrefix = "io.nats.monitor."

const monitorHelp = `

Thresholds may stand in the metadata of the %[1]s, as in io.nats.monitor.%[2]s: 200. Flags win over
them.`

// fromMetadata sets flags from metadata, unless the command line does.
func fromMetadata(cmd *cobra.Command, metadata map[string]string) error {
	for key, value := range metadata {
		name, ours := strings.CutPrefix(key, monitorPrefix)
		f := cmd.Flags().Lookup(name)
		if !ours || f == nil || f.Changed || f.Annotations != nil {
			continue
		}
		if err := f.Value.Set(value); err != nil {
			return fmt.Errorf("metadata %s: %w", key, err)
		}
	}
	return nil
}

// streamCheck has the thresholds of a stream.
type streamCheck struct {
	name                   string
	lag                    int64
	seen                   time.Duration
	minSources, maxSources int
	peers                  int
	peerLag                int64
	peerSeen               time.Duration
	messages, subjects     counts
	deadLetters            counts
}

func (k *checker) stream() *cobra.Command {
	c := &streamCheck{}
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Check the messages, the origins and the replicas of a stream",
		Long:  "Check the messages, the origins and the replicas of a stream." + fmt.Sprintf(monitorHelp, "stream", "lag-critical"),
	}
	flags := cmd.Flags()
	flags.StringVar(&c.name, "stream", "", "`name` of the stream")
	flags.Int64Var(&c.lag, "lag-critical", 0, "it is critical if a mirror or source is so many messages behind")
	flags.Var(durationFlag{&c.seen}, "seen-critical", "it is critical if nothing was heard of a mirror's or source's origin for so long")
	flags.IntVar(&c.minSources, "min-sources", 0, "it is critical to have fewer sources")
	flags.IntVar(&c.maxSources, "max-sources", 0, "it is critical to have more sources")
	flags.IntVar(&c.peers, "peer-expect", 0, "it is critical to have another number of replicas")
	flags.Int64Var(&c.peerLag, "peer-lag-critical", 0, "it is critical if a replica is so many operations behind")
	flags.Var(durationFlag{&c.peerSeen}, "peer-seen-critical", "it is critical if nothing was heard of a replica for so long")
	flags.Float64Var(&c.messages.warn, "msgs-warn", 0, "warn if there are so few messages")
	flags.Float64Var(&c.messages.crit, "msgs-critical", 0, "it is critical if there are so few messages")
	c.subjects.addFlags(cmd, "subjects", "there are so many subjects; or so few, if the critical number is the lower")
	c.deadLetters.addFlags(cmd, "dead-letters", "so many dead letters wait for streams that do not take them")
	k.command(cmd, "stream", "", func(r *nagios.Result) error {
		r.Name = c.name
		js, err := k.jetStream()
		if err != nil {
			return err
		}
		defer js.Close()
		info := &streamInfo{}
		if err := js.call("STREAM.INFO."+c.name, nil, info); err != nil {
			return err
		}
		if err := fromMetadata(cmd, info.Config.Metadata); err != nil {
			return err
		}
		c.judge(r, &info.StreamInfo)
		c.judgeOutbox(r, &info.own)
		return nil
	})
	requireFlags(cmd, "stream")
	return cmd
}

// judgeOutbox judges how many dead letters wait. Who does not ask is told only if there are some.
func (c *streamCheck) judgeOutbox(r *nagios.Result, own *stream.OutboxStatus) {
	if own.DeadLetters == 0 && c.deadLetters == (counts{}) {
		return
	}
	n := float64(own.DeadLetters)
	text := fmt.Sprintf("%d dead letters wait", own.DeadLetters)
	for _, q := range own.Queues {
		text += fmt.Sprintf(", %d for %s: %s", q.DeadLetters, q.Target, reason(&q))
	}
	r.Judge(c.deadLetters.metric("dead_letters", "Number of dead letters that wait for other streams", "", n), "%s", text)
}

func (c *streamCheck) judge(r *nagios.Result, info *jetstream.StreamInfo) {
	judgeFewest(r, c.messages.metric("messages", "Messages stored in the stream", "", float64(info.State.Msgs)), "%d messages", info.State.Msgs)
	n := float64(info.State.NumSubjects)
	r.Judge(c.subjects.metric("subjects", "Number of subjects stored in the stream", "", n), "%v subjects", n)
	c.judgePeers(r, info.Cluster)
	if info.Config.Mirror != nil {
		c.judgeOrigin(r, "mirror", info.Mirror)
		return
	}
	c.judgeSources(r, info)
}

// judgeFewest is Judge for a number that is bad when it is small, whichever thresholds there are.
func judgeFewest(r *nagios.Result, m nagios.Metric, format string, args ...any) {
	r.Measure(m)
	switch {
	case m.Warn <= 0 && m.Crit <= 0:
	case m.Crit > 0 && m.Value <= m.Crit:
		r.Critf(format, args...)
	case m.Warn > 0 && m.Value <= m.Warn:
		r.Warnf(format, args...)
	default:
		r.Okf(format, args...)
	}
}

func (c *streamCheck) judgeSources(r *nagios.Result, info *jetstream.StreamInfo) {
	n := len(info.Sources)
	r.Measure(nagios.Metric{
		Name: "sources", Value: float64(n), Warn: float64(c.minSources), Crit: float64(c.maxSources),
		Help: "Number of sources being consumed by this stream",
	})
	if c.minSources > 0 && n < c.minSources || c.maxSources > 0 && n > c.maxSources {
		r.Critf("%d sources", n)
	} else {
		r.Okf("%d sources", n)
	}
	for _, origin := range info.Sources {
		c.judgeOrigin(r, "source "+origin.Name, origin)
	}
}

// judgeOrigin judges how a stream copies from another.
func (c *streamCheck) judgeOrigin(r *nagios.Result, what string, origin *jetstream.StreamSourceInfo) {
	if origin == nil {
		r.Critf("%s is not active", what)
		return
	}
	name := strings.NewReplacer(" ", "_", "-", "_").Replace(what)
	lag := nagios.Metric{Name: name + "_lag", Value: float64(origin.Lag), Crit: float64(c.lag), Help: "Number of operations this peer is behind its origin"}
	r.Judge(lag, "%s is %d messages behind", what, origin.Lag)
	active := nagios.Metric{Name: name + "_active", Value: origin.Active.Seconds(), Crit: c.seen.Seconds(), Unit: "s", Help: "Time since this peer was last seen"}
	if origin.Active < 0 { // nothing was heard of it yet
		if c.seen > 0 {
			r.Critf("%s was never heard of", what)
		}
		return
	}
	r.Judge(active, "%s was heard of %v ago", what, origin.Active.Round(time.Millisecond))
}

// judgePeers judges the replicas of a stream, or of what else is replicated.
func (c *streamCheck) judgePeers(r *nagios.Result, group *jetstream.ClusterInfo) {
	if c.peers == 0 && c.peerLag == 0 && c.peerSeen == 0 {
		return
	}
	if group == nil || group.Name == "" {
		r.Critf("Stream is not clustered")
		return
	}
	if group.Leader == "" {
		r.Critf("No leader")
		return
	}
	n := len(group.Replicas) + 1
	r.Measure(nagios.Metric{Name: "peers", Value: float64(n), Crit: float64(c.peers), Help: "Total number of peers"})
	if c.peers > 0 && n != c.peers {
		r.Critf("%d peers of %d expected", n, c.peers)
	} else {
		r.Okf("%d peers", n)
	}
	for _, p := range group.Replicas {
		switch {
		case p.Offline:
			r.Critf("%s is offline", p.Name)
		case c.peerLag > 0 && p.Lag >= uint64(c.peerLag):
			r.Critf("%s is %d operations behind", p.Name, p.Lag)
		case c.peerSeen > 0 && p.Active >= c.peerSeen:
			r.Critf("%s was heard of %v ago", p.Name, p.Active)
		}
	}
}

// consumerCheck has the thresholds of a consumer. A number that is below zero is none.
type consumerCheck struct {
	stream, name               string
	outstanding, waiting       int
	unprocessed                int64
	redelivered                int
	lastDelivery, lastAckAfter time.Duration
	pinned                     bool
}

func (k *checker) consumer() *cobra.Command {
	c := &consumerCheck{}
	cmd := &cobra.Command{
		Use:   "consumer",
		Short: "Check whether a consumer gets on with its work",
		Long:  "Check whether a consumer gets on with its work." + fmt.Sprintf(monitorHelp, "consumer", "waiting-critical"),
	}
	flags := cmd.Flags()
	flags.StringVar(&c.stream, "stream", "", "`name` of the stream")
	flags.StringVar(&c.name, "consumer", "", "`name` of the consumer")
	flags.IntVar(&c.outstanding, "outstanding-ack-critical", -1, "how many deliveries may wait for an acknowledgement")
	flags.IntVar(&c.waiting, "waiting-critical", -1, "how many pull requests may wait")
	flags.Int64Var(&c.unprocessed, "unprocessed-critical", -1, "how many messages may wait to be delivered")
	flags.Var(durationFlag{&c.lastDelivery}, "last-delivery-critical", "how long ago the last delivery may be")
	flags.Var(durationFlag{&c.lastAckAfter}, "last-ack-critical", "how long ago the last acknowledgement may be")
	flags.IntVar(&c.redelivered, "redelivery-critical", -1, "how many messages may have been delivered again")
	flags.BoolVar(&c.pinned, "pinned", false, "each priority group has to have a pinned client")
	k.command(cmd, "consumer", "", func(r *nagios.Result) error {
		r.Name = c.stream + "_" + c.name
		js, err := k.jetStream()
		if err != nil {
			return err
		}
		defer js.Close()
		consumer, err := js.Consumer(context.Background(), c.stream, c.name)
		if err != nil {
			return err
		}
		info := consumer.CachedInfo()
		if err := fromMetadata(cmd, info.Config.Metadata); err != nil {
			return err
		}
		c.judge(r, info)
		return nil
	})
	requireFlags(cmd, "stream", "consumer")
	return cmd
}

func (c *consumerCheck) judge(r *nagios.Result, info *jetstream.ConsumerInfo) {
	for _, m := range []struct {
		name, text, help string
		value, most      float64
	}{
		{"ack_pending", "Ack Pending", "The number of messages waiting to be Acknowledged", float64(info.NumAckPending), float64(c.outstanding)},
		{"pull_waiting", "Waiting Pulls", "The number of waiting Pull requests", float64(info.NumWaiting), float64(c.waiting)},
		{"pending", "Unprocessed Messages", "The number of messages that have not yet been consumed", float64(info.NumPending), float64(c.unprocessed)},
		{"redelivered", "Redelivered", "The number of messages currently being redelivered", float64(info.NumRedelivered), float64(c.redelivered)},
	} {
		r.Measure(nagios.Metric{Name: m.name, Value: m.value, Crit: math.Max(m.most, 0), Help: m.help})
		switch {
		case m.most < 0:
		case m.value > 0 && m.value >= m.most:
			r.Critf("%s: %v", m.text, m.value)
		default:
			r.Okf("%s: %v", m.text, m.value)
		}
	}
	judgeLast(r, "deliveries", c.lastDelivery, info.Delivered.Last)
	judgeLast(r, "acks", c.lastAckAfter, info.AckFloor.Last)
	if c.pinned {
		judgePinned(r, info)
	}
}

// judgeLast judges how long ago something happened the last time.
func judgeLast(r *nagios.Result, what string, most time.Duration, last *time.Time) {
	switch {
	case most <= 0:
	case last == nil:
		r.Critf("No %s", what)
	case time.Since(*last) >= most:
		r.Critf("No %s for %s", what, sinceText(*last))
	default:
		r.Okf("Last of the %s %s ago", what, sinceText(*last))
	}
}

func judgePinned(r *nagios.Result, info *jetstream.ConsumerInfo) {
	if info.Config.PriorityPolicy != jetstream.PriorityPolicyPinned {
		r.Critf("Not pinned client priority mode")
		return
	}
	with := 0
	for _, g := range info.PriorityGroups {
		if g.PinnedClientID == "" {
			r.Critf("No client pinned in group %s", g.Group)
			continue
		}
		with++
	}
	r.Okf("%d groups with a pinned client", with)
}

// messageCheck is what a message is expected to be like.
type messageCheck struct {
	stream, subject string
	age             levels
	content         string
	stamped         bool
}

func (k *checker) message() *cobra.Command {
	c := &messageCheck{}
	cmd := &cobra.Command{Use: "message", Short: "Check the age and the content of the last message of a subject"}
	flags := cmd.Flags()
	flags.StringVar(&c.stream, "stream", "", "`name` of the stream")
	flags.StringVar(&c.subject, "subject", ">", "`subject` of the message")
	c.age.addFlags(cmd, "age", "the message is so old")
	flags.StringVar(&c.content, "content", ".", "regular `expression` that the payload has to match")
	flags.BoolVar(&c.stamped, "body-timestamp", false, "take the time from the payload, in seconds since 1970")
	k.command(cmd, "message", "Stream Message", func(r *nagios.Result) error {
		pattern, err := regexp.Compile(c.content)
		if err != nil {
			return fmt.Errorf("--content: %w", err)
		}
		js, err := k.jetStream()
		if err != nil {
			return err
		}
		defer js.Close()
		s, err := js.Stream(context.Background(), c.stream)
		if err != nil {
			return err
		}
		m, err := s.GetLastMsgForSubject(context.Background(), c.subject)
		if notFound(err) {
			r.Critf("no message found")
			return nil
		}
		if err != nil {
			return err
		}
		c.judge(r, m, pattern)
		return nil
	})
	requireFlags(cmd, "stream")
	return cmd
}

func (c *messageCheck) judge(r *nagios.Result, m *jetstream.RawStreamMsg, pattern *regexp.Regexp) {
	at := m.Time
	if c.stamped {
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(m.Data)), 10, 64)
		if err != nil {
			r.Critf("the payload is no timestamp")
			return
		}
		at = time.Unix(seconds, 0)
	}
	age := time.Since(at)
	r.Judge(c.age.metric("age", "The age of the message", age), "%s old", durationText(max(0, age)))
	r.Measure(nagios.Metric{Name: "size", Value: float64(len(m.Data)), Unit: "B", Help: "The size of the message"})
	if c.content != "." && !pattern.Match(m.Data) {
		r.Critf("does not match regex: %s", c.content)
	}
	if r.Status() == nagios.OK {
		r.Okf("Valid message on %s > %s", c.stream, m.Subject)
	}
}
