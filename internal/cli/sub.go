package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"myelin/internal/subject"
)

// subscriber is the sub command. Its messages arrive on one channel, so that one goroutine prints them.
type subscriber struct {
	*client
	queue        string
	count        int
	wait         time.Duration
	inbox        bool
	matchReplies bool
	ignore       []string
	report       subjectReport
	display      display
	arrivals     chan arrival
}

// arrival is a message on one of the subjects, or a reply to a request that may have been on one.
type arrival struct {
	msg     *nats.Msg
	isReply bool
}

func newSub(c *client) *cobra.Command {
	s := &subscriber{client: c, arrivals: make(chan arrival)}
	cmd := &cobra.Command{
		Use:     "sub <subject>...",
		Aliases: []string{"subscribe"},
		Short:   "Subscribe to subjects and show what arrives",
		Example: `  myelin sub 'orders.>' 'payments.*'
  myelin sub jobs --queue workers --raw
  myelin sub '>' --report-subjects
  myelin sub events --json --count 100 | jq .data
  myelin sub jobs --dump=- | xargs -0 -n 1 handle-job`,
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(args) },
	}
	s.addFlags(cmd)
	return cmd
}

func (s *subscriber) addFlags(cmd *cobra.Command) {
	s.client.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.queue, "queue", "", "`name` of a queue group to be a member of")
	flags.IntVar(&s.count, "count", 0, "quit after this many messages")
	flags.DurationVar(&s.wait, "wait", 0, "quit when nothing has arrived for this long")
	flags.BoolVarP(&s.inbox, "inbox", "i", false, "subscribe to a new inbox and say its name")
	flags.BoolVar(&s.matchReplies, "match-replies", false, "show replies together with the requests seen")
	flags.StringSliceVarP(&s.ignore, "ignore-subject", "I", nil, "leave out messages on these `subjects`, which may have wildcards")
	s.display.addFlags(cmd)
	s.report.addFlags(cmd)
}

func (s *subscriber) run(subjects []string) error {
	if len(subjects) == 0 && !s.inbox {
		return errors.New("a subject is required")
	}
	if err := s.display.prepare(); err != nil {
		return err
	}
	nc, err := s.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if s.inbox {
		subjects = append(subjects, nc.NewInbox())
	}
	if err := s.subscribe(ctx, nc, subjects); err != nil {
		return err
	}
	if s.report.enabled() {
		return s.countSubjects(ctx)
	}
	return s.show(ctx)
}

// subscribe asks the server for the subjects and returns when it knows.
func (s *subscriber) subscribe(ctx context.Context, nc *nats.Conn, subjects []string) error {
	if s.inbox || !s.display.forPrograms() {
		s.con.logf("Subscribing on %s", strings.Join(subjects, ", "))
	}
	for _, name := range subjects {
		sub, err := nc.QueueSubscribe(name, s.queue, s.arrive(ctx, false))
		if err != nil {
			return err
		}
		if s.count > 0 && len(s.ignore) == 0 {
			if err := sub.AutoUnsubscribe(s.count); err != nil {
				return err
			}
		}
	}
	if s.matchReplies {
		if _, err := nc.Subscribe(inboxes(nc), s.arrive(ctx, true)); err != nil {
			return err
		}
	}
	return s.settle(nc)
}

// inboxes is the pattern of all subjects that replies go to.
func inboxes(nc *nats.Conn) string {
	return strings.TrimSuffix(cmp.Or(nc.Opts.InboxPrefix, nats.InboxPrefix), ".") + ".>"
}

// arrive makes the handler that hands messages to the one goroutine that prints them.
func (s *subscriber) arrive(ctx context.Context, isReply bool) nats.MsgHandler {
	return func(m *nats.Msg) {
		select {
		case s.arrivals <- arrival{m, isReply}:
		case <-ctx.Done():
		}
	}
}

// next waits for a message; false means that the command is over.
func (s *subscriber) next(ctx context.Context) (arrival, bool) {
	for {
		var silence <-chan time.Time
		if s.wait > 0 {
			silence = time.After(s.wait)
		}
		select {
		case <-ctx.Done():
			return arrival{}, false
		case <-silence:
			return arrival{}, false
		case a := <-s.arrivals:
			if !s.ignored(a.msg.Subject) {
				return a, true
			}
		}
	}
}

func (s *subscriber) ignored(name string) bool {
	return slices.ContainsFunc(s.ignore, func(pattern string) bool { return subject.Matches(pattern, name) })
}

// show prints messages until there have been enough, or the user has.
func (s *subscriber) show(ctx context.Context) error {
	matches := matcher{}
	for shown := 0; s.count == 0 || shown < s.count; {
		next, ok := s.next(ctx)
		if !ok {
			return nil
		}
		m, reply := next.msg, (*nats.Msg)(nil)
		if s.matchReplies {
			if m, reply = matches.add(next); m == nil {
				continue
			}
		}
		shown++
		if err := s.display.show(s.con, shown, m, reply); err != nil {
			return err
		}
	}
	return nil
}

// countSubjects shows what arrives where, every second, until there has been enough or the user has.
func (s *subscriber) countSubjects(ctx context.Context) error {
	last := time.Now()
	for seen := 0; s.count == 0 || seen < s.count; seen++ {
		next, ok := s.next(ctx)
		if !ok {
			break
		}
		s.report.add(next.msg)
		if now := time.Now(); now.Sub(last) >= time.Second && isTerminal(s.con.out) {
			s.con.printf(clearScreen)
			s.report.print(s.con, s.display.json)
			last = now
		}
	}
	return s.report.print(s.con, s.display.json)
}
