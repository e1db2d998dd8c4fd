package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

func newConsumerSub(t *consumerTool) *cobra.Command {
	r := &receiver{consumerTool: t}
	var deliverGroup string
	cmd := t.command(&cobra.Command{
		Use:   "sub [stream] [consumer]",
		Short: "Take messages from a consumer as they come, be they pushed or pulled",
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error { return r.sub(js, at, deliverGroup) })
	r.addFlags(cmd)
	cmd.Flags().IntVar(&r.count, "count", 0, "quit after this many messages")
	cmd.Flags().StringVar(&deliverGroup, "deliver-group", "", "`name` of the queue group of a consumer that pushes to one, to be sure of it")
	return cmd
}

// sub takes messages until there have been enough, or the user has.
func (r *receiver) sub(js *jetStream, at consumerPlace, deliverGroup string) error {
	info, err := js.consumerInfo(at)
	switch {
	case err != nil:
		return err
	case deliverGroup != "" && deliverGroup != info.Config.DeliverGroup:
		return fmt.Errorf("the deliver group of consumer %s is %q", at, info.Config.DeliverGroup)
	}
	ctx, stop := untilInterrupted()
	defer stop()
	arrive := r.pulled
	if info.Config.push() {
		arrive = r.pushed
	}
	next, end, err := arrive(ctx, js, info)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer end()
	for taken := 0; r.count == 0 || taken < r.count; taken++ {
		m, err := next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			err = r.take(ctx, m, &info.Config)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// arrivals waits for the next message of a consumer.
type arrivals func() (jetstream.Msg, error)

// pulled pulls messages one by one, so that none waits for an acknowledgement while another is handled.
func (r *receiver) pulled(ctx context.Context, js *jetStream, info *consumerInfo) (arrivals, func(), error) {
	consumer, err := js.Consumer(ctx, info.Stream, info.Name)
	if err != nil {
		return nil, nil, err
	}
	// The client forgets to ask again where the next message is wanted while its last request is still being written,
	// and knows by the heartbeats that are missing then: they are frequent, and no error.
	opts := []jetstream.PullMessagesOpt{
		jetstream.PullMaxMessages(1), jetstream.PullHeartbeat(500 * time.Millisecond), jetstream.WithMessagesErrOnMissingHeartbeat(false),
	}
	if group := r.groupOf(&info.Config); group != "" {
		opts = append(opts, jetstream.PullPriorityGroup(group))
	}
	messages, err := consumer.Messages(opts...)
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, messages.Stop)
	next := func() (jetstream.Msg, error) { return messages.Next() }
	return next, messages.Stop, nil
}

// pushed listens where messages are pushed to.
func (r *receiver) pushed(ctx context.Context, js *jetStream, info *consumerInfo) (arrivals, func(), error) {
	consumer, err := js.PushConsumer(ctx, info.Stream, info.Name)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	messages := make(chan jetstream.Msg)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		select {
		case messages <- m:
		case <-ctx.Done():
		}
	}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		if errors.Is(err, jetstream.ErrConsumerDeleted) {
			cancel(err)
			return
		}
		r.con.logf("%v", err)
	}))
	if err != nil {
		cancel(nil)
		return nil, nil, err
	}
	next := func() (jetstream.Msg, error) {
		select {
		case m := <-messages:
			return m, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return next, func() { cancel(nil); consuming.Stop() }, nil
}
