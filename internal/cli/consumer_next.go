package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// receiver is what consumer next and sub have in common: what becomes of a message.
type receiver struct {
	*consumerTool
	ack, nak, term bool
	reason         string // of a term
	raw, asJSON    bool
	wait           time.Duration // longest time before the acknowledgement
	count          int
	group          string
}

func (r *receiver) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	onOff(flags, &r.ack, "ack", "acknowledge messages")
	flags.BoolVarP(&r.raw, "raw", "r", false, "print the payload and nothing else")
	flags.BoolVarP(&r.asJSON, "json", "j", false, "print each message as a line of JSON")
	flags.StringVar(&r.group, "group", "", "priority group of this `name`, instead of the consumer's first")
	cmd.MarkFlagsMutuallyExclusive("raw", "json")
}

func newConsumerNext(t *consumerTool) *cobra.Command {
	r := &receiver{consumerTool: t}
	cmd := t.command(&cobra.Command{
		Use:   "next [stream] [consumer]",
		Short: "Take messages from a consumer, as many as --count says",
		Example: `  myelin consumer next ORDERS billing
  myelin consumer next ORDERS billing --count 10 --raw
  myelin consumer next ORDERS billing --term --reason 'no such customer'`,
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error { return r.next(js, at) })
	r.addFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&r.count, "count", 1, "how many messages to take")
	flags.BoolVar(&r.nak, "nak", false, "refuse the message, so that it is delivered again")
	flags.BoolVar(&r.term, "term", false, "give the message up, so that it is not delivered again")
	flags.StringVar(&r.reason, "reason", "", "why the message is given up, as `text` for those who are told")
	flags.Var(durationFlag{&r.wait}, "wait", "wait a random time of up to this `duration` before the acknowledgement")
	cmd.MarkFlagsMutuallyExclusive("nak", "term")
	return cmd
}

// next takes messages one by one, so that none waits for an acknowledgement while another is handled.
func (r *receiver) next(js *jetStream, at consumerPlace) error {
	if r.count < 1 {
		return errors.New("--count must be at least 1")
	}
	if r.reason != "" && !r.term {
		return errors.New("--reason needs --term")
	}
	info, err := js.consumerInfo(at)
	if err != nil {
		return err
	}
	if info.Config.push() {
		return fmt.Errorf("consumer %s pushes its messages: consumer sub receives them", at)
	}
	ctx, stop := untilInterrupted()
	defer stop()
	consumer, err := js.Consumer(ctx, at.stream, at.consumer)
	if err != nil {
		return err
	}
	for range r.count {
		m, err := r.fetch(ctx, consumer, info)
		if err == nil {
			err = r.take(ctx, m, &info.Config)
		}
		if err != nil {
			return err
		}
	}
	return r.settle(js.nc)
}

// fetch pulls one message.
func (r *receiver) fetch(ctx context.Context, consumer jetstream.Consumer, info *consumerInfo) (jetstream.Msg, error) {
	opts := []jetstream.FetchOpt{jetstream.FetchMaxWait(r.timeout)}
	if group := r.groupOf(&info.Config); group != "" {
		opts = append(opts, jetstream.FetchPriorityGroup(group))
	}
	batch, err := consumer.Fetch(1, opts...)
	if err != nil {
		return nil, err
	}
	select {
	case m, ok := <-batch.Messages():
		switch err := batch.Error(); {
		case ok:
			return m, nil
		case err != nil && !errors.Is(err, nats.ErrTimeout):
			return nil, err
		}
	case <-ctx.Done():
		return nil, errors.New("interrupted")
	}
	if info.Paused {
		return nil, fmt.Errorf("no message within %v: the consumer is paused", r.timeout)
	}
	return nil, fmt.Errorf("no message within %v", r.timeout)
}

// groupOf is the priority group to pull for; "" where there are none.
func (r *receiver) groupOf(c *consumerConfig) string {
	if r.group == "" && len(c.PriorityGroups) > 0 {
		return c.PriorityGroups[0]
	}
	return r.group
}

// take prints a message and settles it.
func (r *receiver) take(ctx context.Context, m jetstream.Msg, c *consumerConfig) error {
	if err := r.print(m); err != nil || c.AckPolicy == "none" {
		return err
	}
	if r.wait > 0 {
		select {
		case <-time.After(rand.N(r.wait)):
		case <-ctx.Done():
		}
	}
	word, err := r.settleMessage(m)
	if err == nil && !r.raw && !r.asJSON && word != "" {
		r.con.printf("%s message\n\n", word)
	}
	return err
}

// settleMessage tells the server what became of a message, waits until it knows, and returns a word for that.
func (r *receiver) settleMessage(m jetstream.Msg) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	switch {
	case r.nak:
		return "Negative Acknowledged", m.Nak()
	case r.term && r.reason != "":
		return "Terminated", m.TermWithReason(r.reason)
	case r.term:
		return "Terminated", m.Term()
	case r.ack:
		return "Acknowledged", m.DoubleAck(ctx)
	}
	return "", nil
}

// delivered is a message of a consumer in JSON output.
type delivered struct {
	record
	Stream      string `json:"stream"`
	Consumer    string `json:"consumer"`
	StreamSeq   uint64 `json:"stream_seq"`
	ConsumerSeq uint64 `json:"consumer_seq"`
	Deliveries  uint64 `json:"deliveries"`
	Pending     uint64 `json:"pending"`
}

func (r *receiver) print(m jetstream.Msg) error {
	meta, err := m.Metadata()
	switch {
	case r.raw:
		printBody(r.con, m.Data())
		return nil
	case err != nil:
		return err
	case r.asJSON:
		shown := &nats.Msg{Subject: m.Subject(), Reply: m.Reply(), Header: m.Headers(), Data: m.Data()}
		return r.con.json(delivered{newRecord(shown, meta.Timestamp), meta.Stream, meta.Consumer, meta.Sequence.Stream,
			meta.Sequence.Consumer, meta.NumDelivered, meta.NumPending})
	}
	r.con.printf("[%s] subj: %s / tries: %d / cons seq: %d / str seq: %d / pending: %s\n\n", time.Now().Format(time.TimeOnly),
		m.Subject(), meta.NumDelivered, meta.Sequence.Consumer, meta.Sequence.Stream, countText(meta.NumPending))
	printHeaders(r.con, m.Headers())
	printPayload(r.con, m.Data())
	r.con.printf("\n")
	return nil
}

// printPayload writes a payload for people to read: one that is not text in a form that cannot change a terminal.
func printPayload(con *console, data []byte) {
	if len(data) > 0 && !utf8.Valid(data) && isTerminal(con.out) {
		printValue(con, data)
		return
	}
	printBody(con, data)
}
