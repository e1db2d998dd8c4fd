package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// pauseAnswer is what the server says about a pause.
type pauseAnswer struct {
	Paused    bool          `json:"paused"`
	Until     *time.Time    `json:"pause_until,omitempty"`
	Remaining time.Duration `json:"pause_remaining,omitempty"`
}

func newConsumerPause(t *consumerTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:   "pause [stream] [consumer] [until]",
		Short: "Deliver nothing until a time",
		Example: `  myelin consumer pause ORDERS billing 2h
  myelin consumer pause ORDERS billing '2026-01-31 08:00:00'`,
	}, 1, func(js *jetStream, at consumerPlace, args []string) error {
		until, err := t.pauseUntil(args)
		if err != nil {
			return err
		}
		if err := t.con.confirm(force, "Pause Consumer %s until %s", at, until.Local().Format(stamp)); err != nil {
			return err
		}
		answer, err := js.pause(at, until.UTC())
		switch {
		case err != nil:
			return err
		case !answer.Paused:
			return fmt.Errorf("consumer %s is not paused: %s has passed", at, until.Local().Format(stamp))
		}
		t.con.printf("Paused %s until %s\n", at, momentText(until))
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "pause without asking")
	return cmd
}

// pauseUntil is the time that an argument or the user says.
func (t *consumerTool) pauseUntil(args []string) (time.Time, error) {
	text, err := t.con.argument(args, 0, "Pause until (a duration or a time)")
	if err != nil {
		return time.Time{}, err
	}
	return parseMoment(text, time.Now(), 1)
}

// pause tells a consumer to deliver nothing until a time; the zero time ends that.
func (j *jetStream) pause(at consumerPlace, until time.Time) (pauseAnswer, error) {
	var request struct {
		Until time.Time `json:"pause_until,omitzero"`
	}
	request.Until = until
	var answer pauseAnswer
	err := j.call("CONSUMER.PAUSE."+at.stream+"."+at.consumer, request, &answer)
	return answer, j.ofConsumer(at, err)
}

func newConsumerResume(t *consumerTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:   "resume [stream] [consumer]",
		Short: "Deliver again, ahead of the end of a pause",
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error {
		info, err := js.consumerInfo(at)
		switch {
		case err != nil:
			return err
		case !info.Paused:
			return fmt.Errorf("consumer %s is not paused", at)
		}
		until := time.Now().Add(info.PauseRemaining).Local().Format(stamp)
		if err := t.con.confirm(force, "Resume Consumer %s, paused until %s", at, until); err != nil {
			return err
		}
		answer, err := js.pause(at, time.Time{})
		switch {
		case err != nil:
			return err
		case answer.Paused:
			return fmt.Errorf("consumer %s is still paused", at)
		}
		t.con.printf("Consumer %s was resumed while previously paused until %s\n", at, until)
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "resume without asking")
	return cmd
}

func newConsumerUnpin(t *consumerTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:   "unpin [stream] [consumer] [group]",
		Short: "Take its place from the client that a group is pinned to, so that another one gets it",
	}, 1, func(js *jetStream, at consumerPlace, args []string) error {
		group, err := t.pinnedGroup(js, at, args)
		if err != nil {
			return err
		}
		if err := t.con.confirm(force, "Unpin the client of group %s of Consumer %s", group, at); err != nil {
			return err
		}
		request := struct {
			Group string `json:"group"`
		}{group}
		if err := js.ofConsumer(at, js.call("CONSUMER.UNPIN."+at.stream+"."+at.consumer, request, nil)); err != nil {
			return err
		}
		t.con.printf("Unpinned the client of group %s of Consumer %s\n", group, at)
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "unpin without asking")
	return cmd
}

// pinnedGroup is the group that an argument names, or the one with a pinned client, or the one that the user chooses.
func (t *consumerTool) pinnedGroup(js *jetStream, at consumerPlace, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	info, err := js.consumerInfo(at)
	if err != nil {
		return "", err
	}
	var groups []string
	for _, g := range info.PriorityGroups {
		if g.PinnedClientID != "" {
			groups = append(groups, g.Group)
		}
	}
	switch len(groups) {
	case 0:
		return "", errors.New("no group has a pinned client")
	case 1:
		return groups[0], nil
	}
	return t.con.choose("Group", groups, "", "its name as an argument")
}

func newConsumerReset(t *consumerTool) *cobra.Command {
	var force, asJSON bool
	cmd := t.command(&cobra.Command{
		Use:   "reset [stream] [consumer] [sequence]",
		Short: "Deliver again from a message on, or all that is not acknowledged",
		Long: `Deliver again from a message of the stream on. Without its sequence, all that is not acknowledged is delivered as if it
never had been.`,
	}, 1, func(js *jetStream, at consumerPlace, args []string) error {
		var request struct {
			Seq uint64 `json:"seq,omitempty"`
		}
		question := fmt.Sprintf("Reset Consumer %s to what follows its last acknowledged message", at)
		if len(args) > 0 {
			var err error
			if request.Seq, err = parseSequence(args[0]); err != nil {
				return err
			}
			question = fmt.Sprintf("Reset Consumer %s to message %d", at, request.Seq)
		}
		if err := t.con.confirm(force, "%s", question); err != nil {
			return err
		}
		return t.reset(js, at, request, asJSON)
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "reset without asking")
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}

func (t *consumerTool) reset(js *jetStream, at consumerPlace, request any, asJSON bool) error {
	info := &consumerInfo{}
	if err := js.ofConsumer(at, js.call("CONSUMER.RESET."+at.stream+"."+at.consumer, request, info)); err != nil {
		return err
	}
	if asJSON {
		return t.con.jsonIndented(info.raw)
	}
	var seq uint64
	info.raw.get("reset_seq", &seq)
	t.con.printf("Consumer %s was reset: message %d is next\n\n", at, seq)
	return info.showState(t.con, false)
}
