package cli

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"myelin/internal/stream"
	"myelin/internal/subject"
)

// newDeadLetter is the group of commands about messages that no consumer could handle.
func newDeadLetter(c *client) *cobra.Command {
	t := &streamTool{client: c}
	return family(&cobra.Command{
		Use:     "deadletter",
		Aliases: []string{"dlq", "dl"},
		Short:   "See messages that consumers could not handle, and publish them again",
		Long: `See messages that consumers could not handle, and publish them again.

A consumer whose metadata myelin.dead_letter names a stream hands over to it each message that it has delivered as often
as --max-deliver allows, or that a client has terminated.`,
		Example: `  myelin stream add DEAD --subjects dead --defaults
  myelin consumer edit ORDERS billing --max-deliver 5 --metadata myelin.dead_letter=DEAD
  myelin deadletter ls DEAD --consumer billing
  myelin deadletter replay DEAD --consumer billing
  myelin deadletter waiting`,
	}, newDeadLetterList(t), newDeadLetterWaiting(t), newDeadLetterView(t), newDeadLetterReplay(t))
}

// deadLetter is a message of a dead-letter stream.
type deadLetter struct {
	Seq        uint64      `json:"seq"`
	Time       time.Time   `json:"time"` // when it died
	Reason     string      `json:"reason,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Stream     string      `json:"stream,omitempty"`
	Consumer   string      `json:"consumer,omitempty"`
	Deliveries uint64      `json:"deliveries,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	Sequence   uint64      `json:"sequence,omitempty"`
	Stored     *time.Time  `json:"stored,omitempty"` // when it was published first
	Lost       bool        `json:"lost,omitempty"`   // the message was gone: it has neither headers nor payload
	HeaderLost bool        `json:"header_lost,omitempty"`
	Bytes      int         `json:"bytes"` // of the payload
	Headers    nats.Header `json:"headers,omitempty"`

	payload []byte
}

// readDeadLetter reads the headers. Of a message without them no more is known than that it is there.
func readDeadLetter(stored *storedMessage) (*deadLetter, error) {
	m, err := stored.decoded()
	if err != nil {
		return nil, err
	}
	d := &deadLetter{
		Seq: stored.Seq, Time: stored.Time, Reason: m.Header.Get(stream.HeaderDeadReason), Detail: m.Header.Get(stream.HeaderDeadDetail),
		Stream: m.Header.Get(stream.HeaderDeadStream), Consumer: m.Header.Get(stream.HeaderDeadConsumer), Subject: m.Header.Get(stream.HeaderDeadSubject),
		Lost: m.Header.Get(stream.HeaderDeadLost) != "", HeaderLost: m.Header.Get(stream.HeaderDeadHeaderLost) != "",
		Bytes: len(m.Data), Headers: nats.Header{}, payload: m.Data,
	}
	d.Deliveries, _ = strconv.ParseUint(m.Header.Get(stream.HeaderDeadDeliveries), 10, 64)
	d.Sequence, _ = strconv.ParseUint(m.Header.Get(stream.HeaderDeadSequence), 10, 64)
	if at, err := time.Parse(time.RFC3339Nano, m.Header.Get(stream.HeaderDeadTime)); err == nil {
		d.Stored = &at
	}
	for key, values := range m.Header {
		if !strings.HasPrefix(key, stream.DeadPrefix) {
			d.Headers[key] = values
		}
	}
	return d, nil
}

// missing says what is not there any more; "" if the message is whole.
func (d *deadLetter) missing() string {
	switch {
	case d.Lost:
		return "the message was gone before it could be kept"
	case d.HeaderLost:
		return "the headers of the message were too large to be kept"
	}
	return ""
}

// remark is what there is to say about the message beside the reason.
func (d *deadLetter) remark() string {
	return strings.Trim(d.Detail+"; "+d.missing(), "; ")
}

// source is the consumer that did not handle the message.
func (d *deadLetter) source() string {
	return strings.Trim(d.Stream+" > "+d.Consumer, " >")
}

// deadLetters are those of a stream that flags or arguments choose.
type deadLetters struct {
	consumer, reason, subject string
}

func (f *deadLetters) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.consumer, "consumer", "", "only those of the consumer of this `name`")
	flags.StringVar(&f.reason, "reason", "", "only those that died for this `reason`: max_deliver or terminated")
	flags.StringVar(&f.subject, "subject", "", "only those that were published on this `subject`, which may have wildcards")
	completeWords(cmd, "reason", "max_deliver", "terminated")
}

// none reports whether no flag chooses.
func (f *deadLetters) none() bool { return f.consumer == "" && f.reason == "" && f.subject == "" }

func (f *deadLetters) match(d *deadLetter) bool {
	return (f.consumer == "" || f.consumer == d.Consumer) && (f.reason == "" || f.reason == d.Reason) &&
		(f.subject == "" || subject.Matches(f.subject, d.Subject))
}

// in yields those of a stream that flags choose, in order, up to the one that is last now: what dies while they are
// handled is not among them. They are read one by one, since a consumer would take them out of a work queue, and with
// the API that gives a header as it is stored: a direct get adds fields to it.
func (f *deadLetters) in(js *jetStream, stream string) iter.Seq2[*deadLetter, error] {
	return func(yield func(*deadLetter, error) bool) {
		info, err := js.streamInfo(stream)
		if err != nil {
			yield(nil, err)
			return
		}
		for next := max(info.State.FirstSeq, 1); next <= info.State.LastSeq; {
			m, err := js.message(stream, storedQuery{Seq: next, Next: ">"})
			if noMessage(err) || err == nil && m.Seq > info.State.LastSeq {
				return
			}
			var d *deadLetter
			if err == nil {
				next = m.Seq + 1
				d, err = readDeadLetter(m)
			}
			switch {
			case err != nil:
				yield(nil, err)
				return
			case f.match(d) && !yield(d, nil):
				return
			}
		}
	}
}

// numbered yields those of a stream with these sequences.
func numbered(js *jetStream, stream string, sequences []uint64) iter.Seq2[*deadLetter, error] {
	return func(yield func(*deadLetter, error) bool) {
		for _, seq := range sequences {
			m, err := js.message(stream, storedQuery{Seq: seq})
			if noMessage(err) {
				err = fmt.Errorf("stream %s has no message %d", stream, seq)
			}
			var d *deadLetter
			if err == nil {
				d, err = readDeadLetter(m)
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}
