package cli

import "github.com/spf13/cobra"

// newContext is the command that manages context files.
func newContext(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "context",
		Aliases: []string{"ctx"},
		Short:   "Manage the named connection settings that are shared with the nats tool",
		Example: `  myelin context add staging -s nats://staging.example.net --creds ~/staging.creds --select
  myelin context ls
  myelin pub --context staging greet hello`,
	}
	return family(cmd, newContextAdd(c), newContextList(c.con), newContextShow(c), newContextSelect(c.con),
		newContextUnselect(c.con), newContextRemove(c.con))
}

func newContextSelect(con *console) *cobra.Command {
	return &cobra.Command{
		Use:               "select <name>",
		Aliases:           []string{"switch", "set"},
		Short:             "Make a context the one that is used when none is named",
		Args:              arguments(1, 1),
		ValidArgsFunction: completeContexts(con),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := userContexts(con.getenv)
			if err != nil {
				return err
			}
			if err := dir.choose(args[0]); err != nil {
				return err
			}
			return showContext(con, dir, args[0], false)
		},
	}
}

func newContextUnselect(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "unselect",
		Short: "Leave no context selected",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := userContexts(con.getenv)
			if err != nil {
				return err
			}
			return dir.unselect()
		},
	}
}

// completeContexts offers the names of contexts to the shell.
func completeContexts(con *console) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		dir, err := userContexts(con.getenv)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, _ := dir.names()
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
