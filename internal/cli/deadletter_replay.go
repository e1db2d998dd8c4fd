package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// replay is the deadletter replay command.
type replay struct {
	*streamTool
	deadLetters
	all, keep, force, asJSON bool
	to                       string
}

func newDeadLetterReplay(t *streamTool) *cobra.Command {
	r := &replay{streamTool: t}
	cmd := t.command(&cobra.Command{
		Use:   "replay [stream] [seq]...",
		Short: "Publish messages of a dead-letter stream again, and take them out of it",
		Long: `Publish messages of a dead-letter stream again, on the subjects that they were published on first, and take them out of
it. One that cannot be published stays, and the command fails; one that is published twice, because taking it out failed
and the command was called again, is stored once, for as long as the stream looks for duplicates.`,
		Example: `  myelin deadletter replay DEAD 17 18
  myelin deadletter replay DEAD --all
  myelin deadletter replay DEAD --consumer billing --reason terminated --to orders.review --keep`,
	}, anyNumber, func(js *jetStream, name string, args []string) error { return r.run(js, name, args) })
	r.deadLetters.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&r.all, "all", false, "replay all messages of the stream")
	flags.StringVar(&r.to, "to", "", "publish on this `subject` instead")
	flags.BoolVar(&r.keep, "keep", false, "leave the messages in the dead-letter stream, too")
	flags.BoolVarP(&r.force, "force", "f", false, "also publish messages whose headers were lost")
	flags.BoolVarP(&r.asJSON, "json", "j", false, "print what became of each message as a line of JSON")
	return cmd
}

// anyNumber is how many further arguments a command takes that has no bound for them.
const anyNumber = 1 << 20

func (r *replay) run(js *jetStream, stream string, args []string) error {
	list, err := sequences(args)
	switch {
	case err != nil:
		return err
	case len(list) == 0 && !r.all && r.none():
		return errors.New("say which messages to replay: by their sequences, with --consumer, --reason or --subject, or --all of them")
	case len(list) > 0 && (r.all || !r.none()):
		return errors.New("messages are chosen by their sequences or by flags, not by both")
	}
	chosen := r.in(js, stream)
	if len(list) > 0 {
		chosen = numbered(js, stream, list)
	}
	ctx, stop := untilInterrupted()
	defer stop()
	return r.replay(ctx, js, stream, chosen)
}

// sequences reads the arguments that are sequences, in order and each once.
func sequences(args []string) ([]uint64, error) {
	var list []uint64
	for _, arg := range args {
		seq, err := parseSequence(arg)
		if err != nil {
			return nil, err
		}
		list = append(list, seq)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// replayed is what became of a message, in JSON output.
type replayed struct {
	Seq       uint64 `json:"seq"`
	Subject   string `json:"subject"`
	Stream    string `json:"stream,omitempty"`    // that took it
	Sequence  uint64 `json:"sequence,omitempty"`  // that it has there
	Duplicate bool   `json:"duplicate,omitempty"` // it was there already
	Removed   bool   `json:"removed"`
	Error     string `json:"error,omitempty"`
}

// replay publishes messages one after the other. One that cannot be published does not keep the others from it, unless
// nobody answers at all.
func (r *replay) replay(ctx context.Context, js *jetStream, stream string, chosen iter.Seq2[*deadLetter, error]) error {
	done, failed := 0, 0
	for d, err := range chosen {
		if err != nil {
			return err
		}
		result, err := r.one(ctx, js, stream, d)
		if err != nil {
			failed++
			result.Error = explained(err).Error()
		} else {
			done++
		}
		if err := r.report(result); err != nil {
			return err
		}
		if ctx.Err() != nil || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("given up after %d messages: %w", done+failed, explained(err))
		}
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d messages were not replayed, or are still in the dead-letter stream", failed, done+failed)
	case done == 0 && !r.asJSON:
		r.con.logf("No dead letters found in stream %s", stream)
	}
	return nil
}

// one publishes a message and, once it is stored, takes it out of the dead-letter stream.
func (r *replay) one(ctx context.Context, js *jetStream, stream string, d *deadLetter) (replayed, error) {
	result := replayed{Seq: d.Seq, Subject: r.to}
	if r.to == "" {
		result.Subject = d.Subject
	}
	if result.Subject == "" {
		return result, errors.New("the message does not say which subject it was published on: give one with --to")
	}
	if d.Lost || d.HeaderLost && !r.force {
		return result, errors.New(d.missing())
	}
	ack, err := js.PublishMsg(ctx, d.again(result.Subject, stream))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return result, errors.New("no stream takes this subject")
	}
	if err != nil {
		return result, err
	}
	result.Stream, result.Sequence, result.Duplicate = ack.Stream, ack.Sequence, ack.Duplicate
	if r.keep {
		return result, nil
	}
	if err := js.removeMessage(stream, d.Seq); err != nil && !noMessage(err) {
		return result, fmt.Errorf("the message is published, and still in the dead-letter stream: %w", explained(err))
	}
	result.Removed = true
	return result, nil
}

// removeMessage takes a message out of a stream.
func (j *jetStream) removeMessage(stream string, seq uint64) error {
	request := struct {
		Seq     uint64 `json:"seq"`
		NoErase bool   `json:"no_erase"`
	}{seq, true}
	return j.call("STREAM.MSG.DELETE."+stream, request, nil)
}

// firstOnly begin the headers that say how a message is to be published the first time: they would make another attempt
// fail or, as a rollup, remove what has come since. A server leaves them out of a dead letter; one that was made or copied
// by others may have them.
var firstOnly = []string{"Nats-Expected-", "Nats-Batch-", "Nats-Schedule", "Nats-Rollup", "Nats-Msg-Id"}

// again is the message as it was, with an id by which a stream knows that it has it already. The time is part of it
// because a dead-letter stream that was made anew counts from 1 again.
func (d *deadLetter) again(to, from string) *nats.Msg {
	m := &nats.Msg{Subject: to, Header: maps.Clone(d.Headers), Data: d.payload}
	maps.DeleteFunc(m.Header, func(key string, _ []string) bool {
		for _, prefix := range firstOnly {
			if strings.HasPrefix(key, prefix) {
				return true
			}
		}
		return false
	})
	m.Header.Set(nats.MsgIdHdr, fmt.Sprintf("dead-%s-%d-%d", from, d.Seq, d.Time.UnixNano()))
	return m
}

// report says what became of a message.
func (r *replay) report(result replayed) error {
	switch {
	case r.asJSON:
		return r.con.json(result)
	case result.Error != "":
		r.con.logf("Message %d: %s", result.Seq, result.Error)
	case result.Duplicate:
		r.con.logf("Message %d was on %s already, as message %d of stream %s", result.Seq, result.Subject, result.Sequence, result.Stream)
	default:
		r.con.logf("Replayed message %d on %s: it is message %d of stream %s", result.Seq, result.Subject, result.Sequence, result.Stream)
	}
	return nil
}
