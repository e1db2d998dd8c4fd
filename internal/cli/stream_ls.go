package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func newStreamList(t *streamTool) *cobra.Command {
	var asJSON, namesOnly bool
	var subject string
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list", "l"},
		Short:   "List the streams",
		Args:    arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			return t.withJetStream(func(js *jetStream) error { return t.list(js, subject, asJSON, namesOnly) })
		},
	}
	t.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&subject, "subject", "", "list those that have to do with this `subject`")
	flags.BoolVarP(&namesOnly, "names", "n", false, "print just the names")
	flags.BoolVarP(&asJSON, "json", "j", false, "print the names as JSON")
	return cmd
}

func (t *streamTool) list(js *jetStream, subject string, asJSON, namesOnly bool) error {
	if !asJSON && !namesOnly {
		infos, err := t.infos(js, subject)
		if err != nil {
			return err
		}
		return t.printStreams(infos)
	}
	names, err := t.names(js, subject)
	if err != nil {
		return err
	}
	return t.printNames(names, asJSON)
}

// printNames writes one name per line, or all as JSON.
func (t *streamTool) printNames(names []string, asJSON bool) error {
	if asJSON {
		return t.con.jsonIndented(append([]string{}, names...))
	}
	t.con.printf("%s", strings.Join(append(names, ""), "\n"))
	return nil
}
