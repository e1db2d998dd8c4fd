package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

func newContextShow(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show [name]",
		Aliases:           []string{"info", "view"},
		Short:             "Show a context, or the selected one",
		Args:              arguments(0, 1),
		ValidArgsFunction: completeContexts(c.con),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := userContexts(c.con.getenv)
			if err != nil {
				return err
			}
			name := strings.Join(args, "")
			if name == "" {
				if name, err = dir.selected(); err != nil {
					return err
				}
			}
			if name == "" {
				return errors.New("no context is selected and none was named")
			}
			return showContext(c.con, dir, name, asJSON)
		},
	}
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print the content of the context file, with its secrets")
	return cmd
}

// showContext prints a context; its secrets only as JSON.
func showContext(con *console, dir contextDir, name string, asJSON bool) error {
	c, err := dir.load(name)
	if err != nil {
		return err
	}
	if asJSON {
		return con.jsonIndented(c)
	}
	path, err := dir.path(name)
	if err != nil {
		return err
	}
	con.printf("NATS context %q\n\n", name)
	t := &table{}
	t.property("Description", c.Description)
	t.property("Server URLs", redacted(c.servers()))
	t.property("User", c.User)
	t.property("Password", hidden(c.Password))
	t.property("Token", hidden(c.Token))
	t.property("Credentials", embedded(c.Creds))
	t.property("NKey", embedded(c.NKey))
	t.property("User JWT", hidden(c.UserJWT))
	t.property("nsc", c.NSC)
	t.property("Certificate", c.Cert)
	t.property("Key", c.Key)
	t.property("CA", c.CA)
	t.property("Inbox prefix", c.InboxPrefix)
	t.property("JetStream domain", c.JSDomain)
	t.property("JetStream API", c.JSAPIPrefix)
	t.property("Path", path)
	return t.print(con)
}

// property adds a row unless it has nothing to say.
func (t *table) property(name, value string) {
	if value != "" {
		t.row("  "+name+":", value)
	}
}

func hidden(secret string) string { return strings.Repeat("*", min(len(secret), 8)) }

// embedded is a reference to a secret, unless it is the secret itself.
func embedded(ref string) string {
	if strings.HasPrefix(ref, schemeData) {
		return "(embedded)"
	}
	return ref
}
