package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// streamView is the command that pages through messages.
type streamView struct {
	*streamTool
	from      uint64
	since     time.Duration
	raw       bool
	translate string
	subject   string
}

// defaultPage and maxPage are how many messages a page has.
const (
	defaultPage = 10
	maxPage     = 25
)

func newStreamView(t *streamTool) *cobra.Command {
	v := &streamView{streamTool: t}
	cmd := t.command(&cobra.Command{
		Use:   "view [stream] [size]",
		Short: "Page through the messages of a stream",
		Long: `Shows the messages of a stream, page by page: a terminal asks before each further page, elsewhere one page is shown.
Messages are only read, without a consumer: the stream keeps them as they are, also if it is a work queue.`,
		Example: `  myelin stream view ORDERS
  myelin stream view ORDERS 25 --since 1h --subject 'orders.eu.>'`,
	}, 1, v.run)
	flags := cmd.Flags()
	flags.Uint64Var(&v.from, "id", 0, "start at this `sequence`")
	flags.Var(durationFlag{&v.since}, "since", "start with messages of so long ago, as in 1d3h")
	flags.BoolVar(&v.raw, "raw", false, "print the payloads and nothing else")
	flags.StringVar(&v.translate, "translate", "", "show payloads as this `command` prints them, given one on stdin")
	flags.StringVar(&v.subject, "subject", "", "only messages of this `subject`, which may have wildcards")
	cmd.MarkFlagsMutuallyExclusive("id", "since")
	return cmd
}

func (v *streamView) run(js *jetStream, stream string, args []string) error {
	size, err := pageSize(args)
	if err != nil {
		return err
	}
	next := max(1, v.from)
	if v.since > 0 {
		if next, err = js.sequenceAt(stream, time.Now().Add(-v.since)); err != nil {
			return err
		}
	}
	for {
		var end bool
		if next, end, err = v.page(js, stream, next, size); err != nil || end {
			return err
		}
		if !v.con.interactive() {
			v.con.logf("There may be more from sequence %d on: --id %d", next, next)
			return nil
		}
		if more, err := v.con.askYes("Next Page?", true); err != nil || !more {
			return err
		}
	}
}

func pageSize(args []string) (int, error) {
	if len(args) == 0 {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > maxPage {
		return 0, fmt.Errorf("a page has 1 to %d messages, not %q", maxPage, args[0])
	}
	return n, nil
}

// page shows up to size messages from a sequence on, and returns where the next page begins, or that there is none.
func (v *streamView) page(js *jetStream, stream string, from uint64, size int) (next uint64, end bool, err error) {
	for range size {
		m, err := js.message(stream, storedQuery{Seq: from, Next: orAll(v.subject)})
		if noMessage(err) {
			v.con.logf("Reached apparent end of data")
			return from, true, nil
		}
		if err != nil {
			return from, true, err
		}
		if err := v.show(m); err != nil {
			return from, true, err
		}
		from = m.Seq + 1
	}
	return from, false, nil
}

func (v *streamView) show(m *storedMessage) error {
	if !v.raw {
		v.con.printf("[%d] Subject: %s Received: %s\n", m.Seq, m.Subject, m.Time.Local().Format(time.RFC3339))
		if err := m.print(v.con, v.translate); err != nil {
			return err
		}
		v.con.printf("\n")
		return nil
	}
	msg, err := m.decoded()
	if err != nil {
		return err
	}
	data, err := translated(msg, v.translate)
	if err == nil {
		v.con.printf("%s\n", data)
	}
	return err
}

// sequenceAt is the sequence of the first message that is not older than a time, or the one that the next message will
// have. It looks at one message per halving of the stream.
func (j *jetStream) sequenceAt(stream string, at time.Time) (uint64, error) {
	info, err := j.streamInfo(stream)
	if err != nil {
		return 0, err
	}
	low, high := info.State.FirstSeq, info.State.LastSeq+1
	for low < high {
		middle := low + (high-low)/2
		m, err := j.message(stream, storedQuery{Seq: middle, Next: ">"})
		switch {
		case noMessage(err):
			high = middle
		case err != nil:
			return 0, err
		case m.Time.Before(at):
			low = m.Seq + 1
		default:
			high = middle
		}
	}
	return max(1, low), nil
}
