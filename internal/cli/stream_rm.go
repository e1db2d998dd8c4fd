package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newStreamRemove(t *streamTool) *cobra.Command {
	var force bool
	cmd := t.command(&cobra.Command{
		Use:     "rm [stream]",
		Aliases: []string{"delete", "del"},
		Short:   "Delete a stream with all that is in it",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		if !force {
			if err := confirm(t.con, fmt.Sprintf("Really delete Stream %s", stream)); err != nil {
				return err
			}
		}
		return js.call("STREAM.DELETE."+stream, nil, nil)
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "delete without asking")
	return cmd
}
