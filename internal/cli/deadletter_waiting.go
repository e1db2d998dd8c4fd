package cli

import (
	"iter"

	"github.com/spf13/cobra"

	"myelin/internal/stream"
)

func newDeadLetterWaiting(t *streamTool) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "waiting [target]",
		Short: "List the streams whose dead letters wait, since the stream that is to take them does not",
		Long: `List the streams whose dead letters wait, since the stream that is to take them does not.

A dead letter stays in the stream that it comes from until the stream for dead letters is there, has room for it, and takes
messages of its size. The list has the streams with such letters, whom they are for, how many there are, and why the last
one was not taken. With a target, only those are listed that are for this stream.`,
		Args: arguments(0, 1),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		target := ""
		if len(args) > 0 {
			if target = args[0]; validStreamName(target) != nil {
				return validStreamName(target)
			}
		}
		return t.withJetStream(func(js *jetStream) error { return listWaiting(js, target, asJSON) })
	}
	cmd.ValidArgsFunction = t.complete
	t.addFlags(cmd)
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print each line as JSON")
	return cmd
}

// waitingLetters are dead letters of one stream that wait for another.
type waitingLetters struct {
	Stream string `json:"stream"`
	stream.OutboxQueue
}

// listWaiting prints whom dead letters wait for; target is the only one to list, or "".
func listWaiting(js *jetStream, target string, asJSON bool) error {
	t := newTable("Stream", "Target", "Dead Letters", "Reason")
	found := false
	for info, err := range js.streamInfos() {
		if err != nil {
			return err
		}
		for _, q := range info.own.Queues {
			if target != "" && q.Target != target {
				continue
			}
			found = true
			if asJSON {
				if err := js.con.json(waitingLetters{info.Config.Name, q}); err != nil {
					return err
				}
				continue
			}
			t.row(info.Config.Name, q.Target, q.DeadLetters, reason(&q))
		}
	}
	switch {
	case asJSON:
		return nil
	case !found:
		js.con.logf("No dead letters wait")
		return nil
	}
	return t.print(js.con)
}

// streamInfos yields all streams, as the server tells of them.
func (j *jetStream) streamInfos() iter.Seq2[*streamInfo, error] {
	return func(yield func(*streamInfo, error) bool) {
		for offset := 0; ; {
			var page struct {
				Total   int           `json:"total"`
				Streams []*streamInfo `json:"streams"`
			}
			if err := j.call("STREAM.LIST", map[string]int{"offset": offset}, &page); err != nil {
				yield(nil, err)
				return
			}
			for _, info := range page.Streams {
				if !yield(info, nil) {
					return
				}
			}
			if offset += len(page.Streams); offset >= page.Total || len(page.Streams) == 0 {
				return
			}
		}
	}
}
