package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// defaultReplyQueue is the queue group that the nats tool's reply command is a member of.
const defaultReplyQueue = "NATS-RPLY-22"

// replyCounterHeader numbers the echoes.
const replyCounterHeader = "NATS-Reply-Counter"

// replier is the reply command: a service made of a text, a program, or an echo. Requests arrive on one channel, so
// that one goroutine answers them in turn.
type replier struct {
	*client
	echo     bool
	command  string
	queue    string
	sleep    time.Duration
	headers  []string
	count    int
	arrivals chan *nats.Msg

	words     []text // of the command
	body      text
	hasBody   bool
	templates []headerText // of the headers
}

func newReply(c *client) *cobra.Command {
	r := &replier{client: c, arrivals: make(chan *nats.Msg)}
	cmd := &cobra.Command{
		Use:   "reply <subject> [body]",
		Short: "Answer requests with a text, the output of a program, or an echo",
		Long: `Answer requests with a text, the output of a program, or an echo.

In --command, {{0}}, {{1}}, ... are the tokens of the subject that the request came on and {{Request}} is its body;
each stays within the word that it stands in. The program also finds them as NATS_REQUEST_SUBJECT and
NATS_REQUEST_BODY in its environment.

` + templateHelp,
		Example: `  myelin reply greet "hello, this is answer {{Count}}"
  myelin reply 'weather.>' --command "curl -s wttr.in/{{1}}?format=3"
  myelin reply echo --echo --sleep 10ms`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return r.run(args) },
	}
	r.addFlags(cmd)
	return cmd
}

func (r *replier) addFlags(cmd *cobra.Command) {
	r.client.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&r.echo, "echo", false, "answer with the request")
	flags.StringVar(&r.command, "command", "", "answer with what this `program` prints")
	flags.StringVarP(&r.queue, "queue", "q", defaultReplyQueue, "`name` of the queue group to be a member of")
	flags.DurationVar(&r.sleep, "sleep", 0, "wait a random time up to this `duration` before each answer")
	flags.StringArrayVarP(&r.headers, "header", "H", nil, "add a header, written as `Key:value`; may be repeated")
	flags.IntVar(&r.count, "count", 0, "quit after this many requests")
	cmd.MarkFlagsMutuallyExclusive("echo", "command")
}

func (r *replier) run(args []string) error {
	if err := r.parse(args[1:]); err != nil {
		return err
	}
	nc, err := r.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sub, err := nc.QueueSubscribe(args[0], r.queue, func(m *nats.Msg) {
		select {
		case r.arrivals <- m:
		case <-ctx.Done():
		}
	})
	if err == nil && r.count > 0 {
		err = sub.AutoUnsubscribe(r.count)
	}
	if err == nil {
		err = r.settle(nc)
	}
	if err != nil {
		return err
	}
	r.con.logf("Listening on %q in group %q", args[0], r.queue)
	r.serve(ctx)
	if ctx.Err() != nil && !nc.IsConnected() {
		return nil
	}
	return r.settle(nc)
}

// parse prepares what the answers are made of.
func (r *replier) parse(body []string) (err error) {
	if r.templates, err = parseHeaders(r.headers); err != nil {
		return err
	}
	r.hasBody = len(body) > 0
	switch {
	case r.hasBody && (r.echo || r.command != ""):
		return errors.New("the answer is a body, --echo or --command: choose one")
	case r.command != "":
		return r.parseCommand()
	case r.hasBody:
		r.body, err = parseText(body[0])
		return err
	case !r.echo:
		r.con.logf("No body or command given: answering with an echo")
	}
	return nil
}

// parseCommand splits the command line before anything is put into it, so that no request can add words to it.
func (r *replier) parseCommand() error {
	words, err := splitWords(r.command)
	if err != nil {
		return err
	}
	r.words = make([]text, len(words))
	for i, word := range words {
		if r.words[i], err = parseText(tokenActions(word)); err != nil {
			return err
		}
	}
	return nil
}

// serve answers requests until there have been enough, or the user has.
func (r *replier) serve(ctx context.Context) {
	for n := 0; r.count == 0 || n < r.count; n++ {
		select {
		case <-ctx.Done():
			return
		case m := <-r.arrivals:
			r.con.logf("[#%d] Received on subject %q:", n, m.Subject)
			printMessage(r.con, m, m.Data)
			if r.sleep > 0 {
				time.Sleep(rand.N(r.sleep))
			}
			if err := r.answer(m, n); err != nil {
				r.con.logf("[#%d] %v", n, err)
			}
		}
	}
}

// answer sends the reply to request number n.
func (r *replier) answer(m *nats.Msg, n int) (err error) {
	v := &values{count: n, request: string(m.Data), now: time.Now()}
	reply := &nats.Msg{Header: nats.Header{}}
	switch {
	case r.command != "":
		reply.Data, err = r.runCommand(m, v)
	case r.hasBody:
		var body string
		body, err = r.body.expand(v)
		reply.Data = []byte(body)
	default:
		reply.Data = m.Data
		for key, list := range m.Header {
			reply.Header[key] = slices.Clone(list)
		}
		reply.Header.Set(replyCounterHeader, strconv.Itoa(n))
	}
	return errors.Join(err, addHeaders(reply, r.templates, v), m.RespondMsg(reply))
}

// runCommand returns what the program prints, also when it fails: it is the best answer there is.
func (r *replier) runCommand(m *nats.Msg, v *values) ([]byte, error) {
	v.tokens = strings.Split(m.Subject, ".")
	words := make([]string, len(r.words))
	for i, w := range r.words {
		word, err := w.expand(v)
		if err != nil {
			return nil, err
		}
		words[i] = word
	}
	program := exec.Command(words[0], words[1:]...)
	program.Env = append(os.Environ(), "NATS_REQUEST_SUBJECT="+m.Subject, "NATS_REQUEST_BODY="+string(m.Data))
	return program.CombinedOutput()
}
