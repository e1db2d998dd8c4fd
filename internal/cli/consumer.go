package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// consumerTool is what the commands about consumers have in common.
type consumerTool struct {
	*client
	streams *streamTool
}

// newConsumer is the group of commands about consumers.
func newConsumer(c *client) *cobra.Command {
	t := &consumerTool{client: c, streams: &streamTool{client: c}}
	cmd := family(&cobra.Command{
		Use:     "consumer",
		Aliases: []string{"con", "obs", "c"},
		Short:   "Manage consumers and take messages from them",
		Example: `  myelin consumer add ORDERS billing --filter 'orders.*.paid' --max-deliver 5 --defaults
  myelin consumer next ORDERS billing --count 10
  myelin consumer report ORDERS`,
	}, newConsumerAdd(t), newConsumerEdit(t), newConsumerList(t), newConsumerFind(t), newConsumerInfo(t), newConsumerState(t),
		newConsumerRemove(t), newConsumerCopy(t), newConsumerNext(t), newConsumerSub(t), newConsumerPause(t), newConsumerResume(t),
		newConsumerUnpin(t), newConsumerReset(t), newConsumerReport(t))
	cmd.PersistentFlags().BoolVarP(&t.streams.all, "all", "a", false, "offer also the streams that are behind buckets and bridges")
	return cmd
}

// consumerPlace is a consumer of a stream, by their names.
type consumerPlace struct {
	stream, consumer string
}

func (p consumerPlace) String() string { return p.stream + " > " + p.consumer }

// command completes a command whose first arguments are a stream and a consumer, which a person may choose from lists:
// run is called with them and the other arguments.
func (t *consumerTool) command(cmd *cobra.Command, others int, run func(js *jetStream, at consumerPlace, args []string) error) *cobra.Command {
	cmd.Args = arguments(0, 2+others)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return t.withJetStream(func(js *jetStream) error {
			at, err := t.pick(js, args)
			if err != nil {
				return err
			}
			return run(js, at, args[min(2, len(args)):])
		})
	}
	cmd.ValidArgsFunction = t.complete
	t.addFlags(cmd)
	return cmd
}

// streamCommand is command for those that are about all consumers of a stream.
func (t *consumerTool) streamCommand(cmd *cobra.Command, run func(js *jetStream, stream string) error) *cobra.Command {
	cmd.Args = arguments(0, 1)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return t.withJetStream(func(js *jetStream) error {
			stream, err := t.streams.pick(js, args)
			if err != nil {
				return err
			}
			return run(js, stream)
		})
	}
	cmd.ValidArgsFunction = t.streams.complete
	t.addFlags(cmd)
	return cmd
}

// pick is the consumer that the first two arguments name, or that somebody chooses.
func (t *consumerTool) pick(js *jetStream, args []string) (consumerPlace, error) {
	stream, err := t.streams.pick(js, args)
	if err != nil {
		return consumerPlace{}, err
	}
	if len(args) > 1 {
		return consumerPlace{stream, args[1]}, validConsumerName(args[1])
	}
	if !t.con.interactive() {
		return consumerPlace{}, missing("Consumer", "its name as an argument")
	}
	names, err := js.consumerNames(stream)
	if err != nil {
		return consumerPlace{}, err
	}
	if len(names) == 0 {
		return consumerPlace{}, fmt.Errorf("stream %s has no consumers to choose from", stream)
	}
	name, err := t.con.choose("Consumer", names, "", "its name as an argument")
	return consumerPlace{stream, name}, err
}

// validConsumerName refuses names that would make other subjects of a request.
func validConsumerName(name string) error {
	if validStreamName(name) != nil {
		return fmt.Errorf("%q is no name of a consumer: a name has no spaces and none of . * > / \\", name)
	}
	return nil
}

// complete offers the names of streams and consumers to the shell.
func (t *consumerTool) complete(cmd *cobra.Command, args []string, word string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) != 1 {
		return t.streams.complete(cmd, args, word)
	}
	t.withJetStream(func(js *jetStream) (err error) {
		names, err = js.consumerNames(args[0])
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// consumerConfig is a configuration, as far as it is shown. Policies are kept in the server's words, so that one that
// is newer than this client can be shown as well.
type consumerConfig struct {
	Durable           string            `json:"durable_name"`
	Description       string            `json:"description"`
	DeliverPolicy     string            `json:"deliver_policy"`
	StartSeq          uint64            `json:"opt_start_seq"`
	StartTime         *time.Time        `json:"opt_start_time"`
	AckPolicy         string            `json:"ack_policy"`
	AckWait           time.Duration     `json:"ack_wait"`
	MaxDeliver        int               `json:"max_deliver"`
	BackOff           []time.Duration   `json:"backoff"`
	FilterSubject     string            `json:"filter_subject"`
	FilterSubjects    []string          `json:"filter_subjects"`
	ReplayPolicy      string            `json:"replay_policy"`
	RateLimit         uint64            `json:"rate_limit_bps"` // bits per second
	SampleFrequency   string            `json:"sample_freq"`
	MaxWaiting        int               `json:"max_waiting"`
	MaxAckPending     int               `json:"max_ack_pending"`
	HeadersOnly       bool              `json:"headers_only"`
	MaxRequestBatch   int               `json:"max_batch"`
	MaxRequestExpires time.Duration     `json:"max_expires"`
	MaxRequestBytes   int               `json:"max_bytes"`
	InactiveThreshold time.Duration     `json:"inactive_threshold"`
	Replicas          int               `json:"num_replicas"`
	MemoryStorage     bool              `json:"mem_storage"`
	Metadata          map[string]string `json:"metadata"`
	PauseUntil        *time.Time        `json:"pause_until"`
	PriorityPolicy    string            `json:"priority_policy"`
	PriorityGroups    []string          `json:"priority_groups"`
	PinnedTTL         time.Duration     `json:"priority_timeout"`
	DeliverSubject    string            `json:"deliver_subject"`
	DeliverGroup      string            `json:"deliver_group"`
	FlowControl       bool              `json:"flow_control"`
	Heartbeat         time.Duration     `json:"idle_heartbeat"`
}

// push reports whether messages go out without being asked for.
func (c *consumerConfig) push() bool { return c.DeliverSubject != "" }

// filters are the subjects that the consumer takes; none stands for all.
func (c *consumerConfig) filters() []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// consumerInfo is what the server says about a consumer: as it came, its configuration, and decoded.
type consumerInfo struct {
	raw    document
	config document
	consumerFigures
}

// consumerFigures are the members of a consumer's information.
type consumerFigures struct {
	Stream         string                         `json:"stream_name"`
	Name           string                         `json:"name"`
	Created        time.Time                      `json:"created"`
	Config         consumerConfig                 `json:"config"`
	Delivered      consumerSequence               `json:"delivered"`
	AckFloor       consumerSequence               `json:"ack_floor"`
	NumAckPending  int                            `json:"num_ack_pending"`
	NumRedelivered int                            `json:"num_redelivered"`
	NumWaiting     int                            `json:"num_waiting"`
	NumPending     uint64                         `json:"num_pending"`
	Cluster        *jetstream.ClusterInfo         `json:"cluster"`
	PushBound      bool                           `json:"push_bound"`
	Paused         bool                           `json:"paused"`
	PauseRemaining time.Duration                  `json:"pause_remaining"`
	PriorityGroups []jetstream.PriorityGroupState `json:"priority_groups"`
}

// consumerSequence is how far a consumer is, by its own count and by that of the stream.
type consumerSequence struct {
	Consumer uint64     `json:"consumer_seq"`
	Stream   uint64     `json:"stream_seq"`
	Last     *time.Time `json:"last_active"`
}

// last is when something happened, or the zero time.
func (s consumerSequence) last() time.Time {
	if s.Last == nil {
		return time.Time{}
	}
	return *s.Last
}

func (i *consumerInfo) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &i.raw); err != nil {
		return err
	}
	i.raw.remove("type")
	i.raw.get("config", &i.config)
	return json.Unmarshal(data, &i.consumerFigures)
}

// consumerInfo asks about a consumer.
func (j *jetStream) consumerInfo(at consumerPlace) (*consumerInfo, error) {
	info := &consumerInfo{}
	if err := j.call("CONSUMER.INFO."+at.stream+"."+at.consumer, nil, info); err != nil {
		return nil, fmt.Errorf("consumer %s: %w", at, explained(err))
	}
	return info, nil
}

// consumerNames lists the consumers of a stream, in order.
func (j *jetStream) consumerNames(stream string) ([]string, error) {
	names, err := pages[string](j, "CONSUMER.NAMES."+stream)
	slices.Sort(names)
	return names, err
}

// consumerInfos lists the consumers of a stream, in order, with all that is known about them.
func (j *jetStream) consumerInfos(stream string) ([]*consumerInfo, error) {
	infos, err := pages[*consumerInfo](j, "CONSUMER.LIST."+stream)
	slices.SortFunc(infos, func(a, b *consumerInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos, err
}

// pages asks for the consumers of a stream, as many requests as that takes.
func pages[T any](j *jetStream, subject string) ([]T, error) {
	var list []T
	for {
		var page struct {
			Total     int      `json:"total"`
			Consumers []T      `json:"consumers"`
			Missing   []string `json:"missing"`
		}
		request := struct {
			Offset int `json:"offset"`
		}{len(list)}
		if err := j.call(subject, request, &page); err != nil {
			return nil, explained(err)
		}
		for _, name := range page.Missing {
			j.con.logf("no word from consumer %s", name)
		}
		list = append(list, page.Consumers...)
		if len(page.Consumers) == 0 || len(list) >= page.Total {
			return list, nil
		}
	}
}
