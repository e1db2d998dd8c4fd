package cli

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// publisher is the pub command.
type publisher struct {
	*client
	outgoing
	reply  string
	quiet  bool
	stored bool
}

func newPub(c *client) *cobra.Command {
	p := &publisher{client: c}
	cmd := &cobra.Command{
		Use:     "pub <subject> [body]",
		Aliases: []string{"publish"},
		Short:   "Publish messages",
		Long:    "Publish messages. Without a body on the command line, stdin is the body.\n\n" + templateHelp,
		Example: `  myelin pub greet "hello"
  myelin pub orders.new -H 'Id: {{ID}}' --count 10 'order {{Count}} at {{TimeStamp}}'
  myelin pub orders.new --jetstream "one book"   # waits until a stream has stored it
  echo "hello" | myelin pub greet
  tail -f access.log | myelin pub log --send-on newline`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return p.run(args) },
	}
	p.addFlags(cmd)
	return cmd
}

func (p *publisher) addFlags(cmd *cobra.Command) {
	p.client.addFlags(cmd)
	p.outgoing.addFlags(cmd)
	cmd.Flags().StringVar(&p.reply, "reply", "", "`subject` that answers shall go to")
	cmd.Flags().BoolVarP(&p.quiet, "quiet", "q", false, "print nothing unless something goes wrong")
	cmd.Flags().BoolVarP(&p.stored, "jetstream", "J", false, "wait for each message until a stream has stored it")
	cmd.MarkFlagsMutuallyExclusive("jetstream", "reply")
}

func (p *publisher) run(args []string) error {
	messages, err := p.messages(p.con, args, p.reply)
	if err != nil {
		return err
	}
	if p.stored {
		return p.withJetStream(func(js *jetStream) error { return p.store(js, args, messages) })
	}
	nc, err := p.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	p.announce(args)
	bar := newBar(p.barOutput(), p.count)
	defer bar.Close()
	for m, err := range messages {
		if err == nil {
			err = nc.PublishMsg(m)
		}
		if err == nil {
			err = nc.LastError()
		}
		if err != nil {
			return err
		}
		p.report(m, bar)
		time.Sleep(p.sleep)
	}
	return p.settle(nc)
}

// announce says that the body is asked for.
func (p *publisher) announce(args []string) {
	if p.fromStdin(p.con, args[1:]) && !p.quiet && isTerminal(p.con.in) {
		p.con.logf("reading the body from stdin")
	}
}

// store publishes messages one by one, each when the one before is stored.
func (p *publisher) store(js *jetStream, args []string, messages iter.Seq2[*nats.Msg, error]) error {
	p.announce(args)
	bar := newBar(p.barOutput(), p.count)
	defer bar.Close()
	for m, err := range messages {
		if err != nil {
			return err
		}
		ack, err := js.PublishMsg(context.Background(), m)
		if err != nil {
			return err
		}
		p.report(m, bar)
		p.reportStored(ack)
		time.Sleep(p.sleep)
	}
	return nil
}

func (p *publisher) reportStored(ack *jetstream.PubAck) {
	if p.quiet || p.count > manyMessages {
		return
	}
	repeated := ""
	if ack.Duplicate {
		repeated = " Duplicate: true"
	}
	p.con.logf("Stored in Stream: %s Sequence: %d%s", ack.Stream, ack.Sequence, repeated)
}

// report says that a message went out: in words while there are few.
func (p *publisher) report(m *nats.Msg, bar *progressbar.ProgressBar) {
	switch {
	case p.quiet:
	case p.count > manyMessages:
		bar.Add(1)
	default:
		p.con.logf("Published %d bytes to %q", len(m.Data), m.Subject)
	}
}

// manyMessages is the number of messages above which a bar shows the progress.
const manyMessages = 20

func (p *publisher) barOutput() io.Writer {
	if p.quiet || p.count <= manyMessages || !isTerminal(p.con.err) {
		return io.Discard
	}
	return p.con.err
}

// newBar shows how many of total messages are done.
func newBar(w io.Writer, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("msg"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)
}
