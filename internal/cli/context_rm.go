package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func newContextRemove(con *console) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "rm <name>",
		Aliases:           []string{"remove"},
		Short:             "Remove a context",
		Args:              arguments(1, 1),
		ValidArgsFunction: completeContexts(con),
		RunE:              func(_ *cobra.Command, args []string) error { return removeContext(con, args[0], force) },
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "remove without asking, also the selected context")
	return cmd
}

// removeContext deletes a context once the user agrees, which needs a terminal or --force.
func removeContext(con *console, name string, force bool) error {
	dir, err := userContexts(con.getenv)
	if err != nil {
		return err
	}
	selected, err := dir.selected()
	if err != nil {
		return err
	}
	if !force {
		if selected == name {
			return errors.New("this is the selected context: select another one first, or use --force")
		}
		if err := con.confirm(force, "Remove context %q?", name); err != nil {
			return err
		}
	}
	if err := dir.remove(name); err != nil {
		return err
	}
	if selected == name {
		return dir.unselect()
	}
	return nil
}
