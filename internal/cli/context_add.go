package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func newContextAdd(c *client) *cobra.Command {
	var choose bool
	cmd := &cobra.Command{
		Use:     "add <name>",
		Aliases: []string{"save", "create"},
		Short:   "Save the given connection settings as a context, or change those of one",
		Args:    arguments(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return addContext(c, args[0], choose) },
	}
	c.addFlags(cmd)
	cmd.Flags().StringVar(&c.given.Description, "description", "", "what the context is for")
	cmd.Flags().BoolVar(&choose, "select", false, "make it the selected context")
	return cmd
}

// addContext saves what flags and environment give. What they leave open stays as the context has it or, for a new
// one, comes from the context that --context names.
func addContext(c *client, name string, choose bool) error {
	dir, err := userContexts(c.con.getenv)
	if err != nil {
		return err
	}
	saved, err := dir.load(name)
	if errors.Is(err, errNoContext) {
		saved, err = natsContext{}, nil
		if c.context != "" {
			saved, err = c.baseContext()
		}
	}
	if err != nil {
		return err
	}
	saved.settings = saved.override(c.given)
	if saved.User != "" && saved.Password == "" && saved.Token == "" {
		saved.User, saved.Token = "", saved.User
	}
	saved.URL = saved.servers()
	if err := dir.save(name, saved); err != nil {
		return err
	}
	if choose {
		if err := dir.choose(name); err != nil {
			return err
		}
	}
	return showContext(c.con, dir, name, false)
}
