package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func newContextList(con *console) *cobra.Command {
	var asJSON, namesOnly bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the contexts; * marks the selected one",
		Args:    arguments(0, 0),
		RunE:    func(*cobra.Command, []string) error { return listContexts(con, asJSON, namesOnly) },
	}
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON, without secrets")
	cmd.Flags().BoolVar(&namesOnly, "names", false, "print just the names")
	return cmd
}

// listedContext is a context in the JSON list.
type listedContext struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	URL         string `json:"url"`
	Selected    bool   `json:"selected"`
}

func listContexts(con *console, asJSON, namesOnly bool) error {
	dir, err := userContexts(con.getenv)
	if err != nil {
		return err
	}
	names, err := dir.names()
	if err != nil {
		return err
	}
	selected, err := dir.selected()
	if err != nil {
		return err
	}
	list := []listedContext{}
	t := newTable("Name", "Description", "Server URLs")
	for _, name := range names {
		c, err := dir.load(name)
		if err != nil {
			con.logf("%v", err)
			continue
		}
		entry := listedContext{name, c.Description, redacted(c.servers()), name == selected}
		list = append(list, entry)
		if entry.Selected && !namesOnly {
			name += "*"
		}
		t.row(name, entry.Description, entry.URL)
	}
	switch {
	case asJSON:
		return con.jsonIndented(list)
	case namesOnly:
		con.printf("%s", strings.Join(append(names, ""), "\n"))
		return nil
	case len(list) == 0:
		con.logf("No known contexts")
		return nil
	}
	return t.print(con)
}
