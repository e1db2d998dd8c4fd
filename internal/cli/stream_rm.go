package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newStreamRemove(t *streamTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:     "rm [stream]",
		Aliases: []string{"delete", "del"},
		Short:   "Delete a stream with all that is in it",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		if err := t.con.confirm(force, "Really delete Stream %s", stream); err != nil {
			return err
		}
		if err := js.call("STREAM.DELETE."+stream, nil, nil); err != nil {
			return fmt.Errorf("delete stream %s: %w", stream, explained(err))
		}
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "delete without asking")
	return cmd
}

// purge says what to remove from a stream: everything, unless it is told otherwise.
type purge struct {
	Subject string `json:"filter,omitempty"`
	Before  uint64 `json:"seq,omitempty"` // messages with lower sequences
	Keep    uint64 `json:"keep,omitempty"`
}

func newStreamPurge(t *streamTool) *cobra.Command {
	var p purge
	var force, asJSON bool
	cmd := t.command(&cobra.Command{
		Use:   "purge [stream]",
		Short: "Remove the messages of a stream, all or some, and keep the stream",
		Example: `  myelin stream purge ORDERS
  myelin stream purge ORDERS --subject orders.test --force
  myelin stream purge ORDERS --keep 1000`,
	}, 0, func(js *jetStream, stream string, _ []string) error {
		if err := t.con.confirm(force, "Really purge Stream %s", stream); err != nil {
			return err
		}
		return purgeStream(js, stream, p, asJSON)
	})
	flags := cmd.Flags()
	flags.StringVar(&p.Subject, "subject", "", "only messages of this `subject`, which may have wildcards")
	flags.Uint64Var(&p.Before, "seq", 0, "only messages before this `sequence`")
	flags.Uint64Var(&p.Keep, "keep", 0, "keep this `number` of the latest messages")
	flags.BoolVarP(&force, "force", "f", false, "purge without asking")
	flags.BoolVarP(&asJSON, "json", "j", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("seq", "keep")
	return cmd
}

// purgeStream removes messages and shows what is left.
func purgeStream(js *jetStream, stream string, p purge, asJSON bool) error {
	var answer struct {
		Purged uint64 `json:"purged"`
	}
	if err := js.call("STREAM.PURGE."+stream, p, &answer); err != nil {
		return fmt.Errorf("purge stream %s: %w", stream, explained(err))
	}
	js.con.logf("Purged %s from Stream %s", counted(answer.Purged, "message"), stream)
	return showStream(js, stream, false, asJSON)
}

func newStreamRemoveMessage(t *streamTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:   "rmm [stream] [id]",
		Short: "Delete one message of a stream, and erase its bytes",
	}, 1, func(js *jetStream, stream string, args []string) error {
		seq, err := t.sequence(args, "Message Sequence to remove")
		if err != nil {
			return err
		}
		if err := t.con.confirm(force, "Really remove message %d from Stream %s", seq, stream); err != nil {
			return err
		}
		if err := js.call("STREAM.MSG.DELETE."+stream, map[string]uint64{"seq": seq}, nil); err != nil {
			return fmt.Errorf("remove message %d of stream %s: %w", seq, stream, explained(err))
		}
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "delete without asking")
	return cmd
}

// sequence is the number of a message that the first argument says, or somebody who is asked.
func (t *streamTool) sequence(args []string, question string) (uint64, error) {
	if len(args) > 0 {
		return parseSequence(args[0])
	}
	text, err := t.con.ask(question, "", "it as the second argument")
	if err != nil {
		return 0, err
	}
	return parseSequence(text)
}

// parseSequence reads the number of a message.
func parseSequence(s string) (uint64, error) {
	seq, err := strconv.ParseUint(s, 10, 64)
	if err != nil || seq == 0 {
		return 0, fmt.Errorf("%q is no sequence of a message", s)
	}
	return seq, nil
}

func newStreamSeal(t *streamTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:   "seal <stream>",
		Short: "Seal a stream: from then on nothing in it and about it changes",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		info, err := js.streamInfo(stream)
		if err != nil {
			return err
		}
		if err := t.con.confirm(force, "Really seal Stream %s, sealed streams can not be unsealed or modified", stream); err != nil {
			return err
		}
		cfg := info.config.clone()
		dropLevels(cfg)
		cfg.set("sealed", true)
		return js.updateStream(cfg, "sealed", false)
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "seal without asking")
	cmd.Args = arguments(1, 1)
	return cmd
}
