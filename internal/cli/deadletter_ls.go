package cli

import (
	"cmp"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

func newDeadLetterList(t *streamTool) *cobra.Command {
	f := &deadLetters{}
	var asJSON bool
	cmd := t.command(&cobra.Command{
		Use:     "ls [stream]",
		Aliases: []string{"list"},
		Short:   "List the messages of a dead-letter stream; they stay in it",
	}, 0, func(js *jetStream, stream string, _ []string) error { return f.list(js, stream, asJSON) })
	f.addFlags(cmd)
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print each message as a line of JSON, without its payload")
	return cmd
}

func (f *deadLetters) list(js *jetStream, stream string, asJSON bool) error {
	t := newTable("Seq", "Died", "Reason", "Consumer", "Deliveries", "Subject", "Size", "Detail")
	found := false
	for d, err := range f.in(js, stream) {
		if err != nil {
			return err
		}
		found = true
		if asJSON {
			if err := js.con.json(d); err != nil {
				return err
			}
			continue
		}
		t.row(d.Seq, d.Time.Local().Format(stamp), cmp.Or(d.Reason, "unknown"), d.source(), d.Deliveries, d.Subject,
			bytesText(uint64(d.Bytes)), valueText([]byte(d.remark())))
	}
	switch {
	case asJSON:
		return nil
	case !found:
		js.con.logf("No dead letters found in stream %s", stream)
		return nil
	}
	return t.print(js.con)
}

func newDeadLetterView(t *streamTool) *cobra.Command {
	var raw, asJSON bool
	cmd := t.command(&cobra.Command{
		Use:     "view [stream] [seq]",
		Aliases: []string{"show", "get"},
		Short:   "Show a message of a dead-letter stream and how it got there",
	}, 1, func(js *jetStream, stream string, args []string) error {
		text, err := t.con.argument(args, 0, "Sequence")
		if err != nil {
			return err
		}
		seq, err := parseSequence(text)
		if err != nil {
			return err
		}
		for d, err := range numbered(js, stream, []uint64{seq}) {
			if err != nil {
				return err
			}
			return d.show(t.con, raw, asJSON)
		}
		return nil
	})
	cmd.Flags().BoolVarP(&raw, "raw", "r", false, "print the payload, byte by byte, and nothing else")
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("raw", "json")
	return cmd
}

// show prints all that is known about a message.
func (d *deadLetter) show(con *console, raw, asJSON bool) error {
	switch {
	case raw:
		_, err := con.out.Write(d.payload)
		return err
	case asJSON:
		content := newRecord(&nats.Msg{Data: d.payload}, d.Time)
		return con.jsonIndented(struct {
			*deadLetter
			Data       *string `json:"data,omitempty"`
			DataBase64 []byte  `json:"data_base64,omitempty"`
		}{d, content.Data, content.DataBase64})
	}
	s := &sheet{}
	s.row("Died", d.Time.Local().Format(stamp))
	s.row("Reason", cmp.Or(d.Reason, "unknown"))
	rowUnless(s, "Detail", d.Detail)
	rowUnless(s, "Missing", d.missing())
	rowUnless(s, "Stream", d.Stream)
	rowUnless(s, "Consumer", d.Consumer)
	rowUnless(s, "Deliveries", d.Deliveries)
	rowUnless(s, "Subject", d.Subject)
	rowUnless(s, "Sequence", d.Sequence)
	if d.Stored != nil {
		s.row("Published", d.Stored.Local().Format(stamp))
	}
	con.printf("Dead letter %d\n\n%s\n", d.Seq, s)
	printHeaders(con, d.Headers)
	printPayload(con, d.payload)
	return nil
}
