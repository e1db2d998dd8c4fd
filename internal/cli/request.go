package cli

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// requester is the request command.
type requester struct {
	*client
	outgoing
	raw, json  bool
	replies    int
	gap        time.Duration // longest silence between two replies
	untilEmpty bool
	translate  string
}

func newRequest(c *client) *cobra.Command {
	r := &requester{client: c}
	cmd := &cobra.Command{
		Use:     "request <subject> [body]",
		Aliases: []string{"req"},
		Short:   "Send requests and show the replies",
		Long: "Send requests and show the replies. Without a body on the command line, stdin is the body.\n" +
			"It is a failure when nobody listens, or when no reply comes before the timeout.\n\n" + templateHelp,
		Example: `  myelin request weather.london now
  myelin request status --replies 0 --timeout 1s --json     # everybody who answers within a second
  myelin request echo --raw "hello" > answer`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return r.run(args) },
	}
	r.addFlags(cmd)
	return cmd
}

func (r *requester) addFlags(cmd *cobra.Command) {
	r.client.addFlags(cmd)
	r.outgoing.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&r.raw, "raw", "r", false, "print the payload of the replies and nothing else")
	flags.BoolVar(&r.json, "json", false, "print each reply as a line of JSON")
	flags.IntVar(&r.replies, "replies", 1, "how many replies to wait for; 0 waits until the timeout")
	flags.DurationVar(&r.gap, "reply-timeout", 300*time.Millisecond, "how long to wait for a further reply")
	flags.BoolVar(&r.untilEmpty, "wait-for-empty", false, "wait for replies until an empty one comes")
	flags.StringVar(&r.translate, "translate", "", "show the payload as this `command` prints it, given the payload on stdin")
	flags.BoolP("wait", "w", true, "wait for a reply; the default")
	flags.MarkHidden("wait")
	cmd.MarkFlagsMutuallyExclusive("raw", "json")
}

func (r *requester) run(args []string) error {
	messages, err := r.messages(r.con, args, "")
	if err != nil {
		return err
	}
	if r.untilEmpty {
		r.replies = math.MaxInt
	}
	nc, err := r.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	for m, err := range messages {
		if err == nil {
			err = r.ask(nc, m)
		}
		if err != nil {
			return err
		}
		time.Sleep(r.sleep)
	}
	return nil
}

// ask sends one request and prints its replies.
func (r *requester) ask(nc *nats.Conn, m *nats.Msg) error {
	r.remark("Sending request on %q", m.Subject)
	m.Reply = nc.NewRespInbox()
	sub, err := nc.SubscribeSync(m.Reply)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	start := time.Now()
	if err := nc.PublishMsg(m); err != nil {
		return err
	}
	for got := 0; ; got++ {
		patience := r.patience(got, time.Since(start))
		if got > 0 && (got == r.replies || patience <= 0) {
			return nil
		}
		reply, err := sub.NextMsg(patience)
		switch {
		case errors.Is(err, nats.ErrTimeout) && got > 0:
			return nil
		case errors.Is(err, nats.ErrTimeout):
			return fmt.Errorf("no reply on %q within %v", m.Subject, r.timeout)
		case errors.Is(err, nats.ErrNoResponders):
			return fmt.Errorf("no responders are available on %q", m.Subject)
		case err != nil:
			return err
		}
		if err := r.print(reply, time.Since(start)); err != nil {
			return err
		}
		if r.untilEmpty && len(reply.Data) == 0 {
			return nil
		}
	}
}

// patience is how long to wait for the next reply: the first one has the whole timeout, and so have all of them
// together when their number is open.
func (r *requester) patience(got int, elapsed time.Duration) time.Duration {
	switch {
	case got == 0:
		return r.timeout
	case r.replies == 0:
		return r.timeout - elapsed
	}
	return elapsed/time.Duration(got) + r.gap
}

func (r *requester) remark(format string, args ...any) {
	if !r.raw && !r.json {
		r.con.logf(format, args...)
	}
}

func (r *requester) print(m *nats.Msg, rtt time.Duration) error {
	data, err := translated(m, r.translate)
	if err != nil {
		return err
	}
	m.Data = data
	r.remark("Received with rtt %v", rtt)
	switch {
	case r.json:
		record := newRecord(m, time.Now())
		record.RTT = rtt
		return r.con.json(record)
	case r.raw:
		printBody(r.con, data)
	default:
		printMessage(r.con, m, data)
	}
	return nil
}
