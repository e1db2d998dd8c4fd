package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// storedMessage is a message of a stream as the API says it.
type storedMessage struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs,omitempty"` // as it travels
	Data    []byte    `json:"data,omitempty"`
	Time    time.Time `json:"time"`
}

// storedQuery says which message: the one with a sequence, the first from there on that has the subject Next, or the
// last one of the subject Last.
type storedQuery struct {
	Seq  uint64 `json:"seq,omitempty"`
	Next string `json:"next_by_subj,omitempty"`
	Last string `json:"last_by_subj,omitempty"`
}

// message reads a message of a stream. There is none if notFound says so about the error.
func (j *jetStream) message(stream string, q storedQuery) (*storedMessage, error) {
	var answer struct {
		Message storedMessage `json:"message"`
	}
	if err := j.call("STREAM.MSG.GET."+stream, q, &answer); err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream, explained(err))
	}
	return &answer.Message, nil
}

// noMessage reports whether message failed because there is none.
func noMessage(err error) bool {
	api, ok := errors.AsType[*apiError](err)
	return ok && api.ErrCode == int(jetstream.JSErrCodeMessageNotFound)
}

// decoded is the message with its header read.
func (m *storedMessage) decoded() (*nats.Msg, error) {
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data}
	if len(m.Header) == 0 {
		return msg, nil
	}
	var err error
	if msg.Header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
		return nil, fmt.Errorf("header of message %d: %w", m.Seq, err)
	}
	return msg, nil
}

// streamGet is the command that shows one message.
type streamGet struct {
	*streamTool
	lastFor   string
	json      bool
	translate string
}

func newStreamGet(t *streamTool) *cobra.Command {
	g := &streamGet{streamTool: t}
	cmd := t.command(&cobra.Command{
		Use:   "get [stream] [id]",
		Short: "Show one message of a stream",
		Example: `  myelin stream get ORDERS 12
  myelin stream get ORDERS --last-for orders.new`,
	}, 1, g.run)
	flags := cmd.Flags()
	flags.StringVarP(&g.lastFor, "last-for", "S", "", "the last message of this `subject`")
	flags.BoolVarP(&g.json, "json", "j", false, "print JSON")
	flags.StringVar(&g.translate, "translate", "", "show the payload as this `command` prints it, given the payload on stdin")
	return cmd
}

func (g *streamGet) run(js *jetStream, stream string, args []string) error {
	query := storedQuery{Last: g.lastFor}
	if g.lastFor == "" {
		seq, err := g.sequence(args, "Message Sequence to retrieve")
		if err != nil {
			return err
		}
		query.Seq = seq
	}
	m, err := js.message(stream, query)
	switch {
	case err != nil:
		return err
	case g.json:
		return g.con.jsonIndented(m)
	}
	g.con.printf("Item: %s#%d received %s (%s) on Subject %s\n\n", stream, m.Seq, m.Time.Local().Format(preciseStamp), sinceText(m.Time), m.Subject)
	return m.print(g.con, g.translate)
}

// preciseStamp is how the time of a message is said to people.
const preciseStamp = "2006-01-02 15:04:05.999999999 -0700"

// print writes header and payload for people to read.
func (m *storedMessage) print(con *console, translate string) error {
	msg, err := m.decoded()
	if err != nil {
		return err
	}
	data, err := translated(msg, translate)
	if err != nil {
		return err
	}
	if len(msg.Header) > 0 {
		con.printf("Headers:\n")
		for _, line := range strings.Split(headerLines(msg.Header), "\n") {
			con.printf("  %s\n", line)
		}
		con.printf("\n")
	}
	printBody(con, data)
	return nil
}

// headerLines is a header with a line per value, ordered by key.
func headerLines(h nats.Header) string {
	var b strings.Builder
	printHeaders(&console{out: &b}, h)
	return strings.TrimRight(b.String(), "\n")
}
