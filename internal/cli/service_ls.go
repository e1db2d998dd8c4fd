package cli

import (
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

func newServiceList(c *client) *cobra.Command {
	d := &discovery{client: c}
	var namesOnly bool
	cmd := &cobra.Command{
		Use:     "ls [service]",
		Aliases: []string{"list", "l"},
		Short:   "List the instances of all services, or of one",
		Args:    arguments(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return d.list(args, namesOnly) },
	}
	d.addFlags(cmd)
	cmd.Flags().BoolVarP(&namesOnly, "names", "n", false, "print just the names, each once")
	return cmd
}

func (d *discovery) list(args []string, namesOnly bool) error {
	nc, err := d.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	name, _ := nameAndID(args)
	list, err := d.all(nc, micro.InfoVerb, name, "")
	if err != nil {
		return err
	}
	switch {
	case d.asJSON:
		return d.con.jsonIndented(rawAnswers(list))
	case namesOnly:
		last := ""
		for _, a := range list {
			if a.Name != last {
				d.con.printf("%s\n", a.Name)
			}
			last = a.Name
		}
		return nil
	case len(list) == 0:
		d.con.logf("No services found")
		return nil
	}
	t := newTable("Name", "Version", "ID", "Description")
	for _, a := range list {
		var info micro.Info
		if err := a.decode(&info); err != nil {
			return err
		}
		t.row(info.Name, info.Version, info.ID, info.Description)
	}
	return t.print(d.con)
}
