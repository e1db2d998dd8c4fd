package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newConsumerRemove(t *consumerTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:     "rm [stream] [consumer]",
		Aliases: []string{"delete", "del"},
		Short:   "Remove a consumer and what it knows of acknowledged messages",
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error {
		if err := t.con.confirm(force, "Really delete Consumer %s", at); err != nil {
			return err
		}
		return js.ofConsumer(at, js.call("CONSUMER.DELETE."+at.stream+"."+at.consumer, nil, nil))
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "remove without asking")
	return cmd
}

// ofConsumer says which consumer an error is about.
func (j *jetStream) ofConsumer(at consumerPlace, err error) error {
	if err != nil {
		err = fmt.Errorf("consumer %s: %w", at, explained(err))
	}
	return err
}
