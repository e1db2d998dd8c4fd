package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// connectionFlag marks the flags that every client command has, which the help shows apart from its own.
const connectionFlag = "connection"

// arguments accepts between low and high arguments.
func arguments(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || len(args) > high {
			return fmt.Errorf("usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// family makes cmd one that only has commands below it: alone it shows them, and an unknown one is an error.
func family(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(members...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unknown command %q; %s -h lists those there are", args[0], cmd.CommandPath())
		}
		return cmd.Help()
	}
	return cmd
}

// usage prints how to call a command.
func usage(cmd *cobra.Command) error {
	w := cmd.OutOrStderr()
	fmt.Fprintf(w, "Usage:\n  %s\n", usageLine(cmd))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "\nAlso called:\n  %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, group := range commandGroups(cmd) {
		fmt.Fprintf(w, "\n%s\n", group.Title)
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group.ID && (sub.IsAvailableCommand() || sub.Name() == "help") {
				fmt.Fprintf(w, "  %-*s  %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	own, connection := splitFlags(cmd.Flags())
	printFlags(cmd, "Flags:", own)
	printFlags(cmd, "Flags to connect:", connection)
	return nil
}

func usageLine(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return cmd.CommandPath() + " <command> [flags]"
	}
	return cmd.UseLine()
}

// commandGroups are the groups that the commands below cmd stand in; "" is the one without a name.
func commandGroups(cmd *cobra.Command) []*cobra.Group {
	groups := cmd.Groups()
	ungrouped := slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.GroupID == "" })
	if ungrouped {
		groups = append(groups, &cobra.Group{Title: "Commands:"})
	}
	return groups
}

// splitFlags tells a command's own flags from those that say where to connect.
func splitFlags(all *pflag.FlagSet) (own, connection *pflag.FlagSet) {
	own, connection = &pflag.FlagSet{}, &pflag.FlagSet{}
	all.VisitAll(func(f *pflag.Flag) {
		if _, ok := f.Annotations[connectionFlag]; ok {
			connection.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	})
	return own, connection
}

func printFlags(cmd *cobra.Command, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(cmd.OutOrStderr(), "\n%s\n%s", title, flags.FlagUsages())
	}
}
