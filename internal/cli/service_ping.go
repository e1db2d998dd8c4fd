package cli

import (
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

func newServicePing(c *client) *cobra.Command {
	d := &discovery{client: c}
	cmd := &cobra.Command{
		Use:   "ping [service]",
		Short: "Measure how long the instances of all services, or of one, take to answer",
		Args:  arguments(0, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return d.ping(args) },
	}
	d.addFlags(cmd)
	return cmd
}

// pinged is an instance in JSON output, one per line.
type pinged struct {
	micro.ServiceIdentity
	RTT time.Duration `json:"rtt_ns"`
}

// ping prints each answer when it comes.
func (d *discovery) ping(args []string) error {
	nc, err := d.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	name, _ := nameAndID(args)
	found := false
	for a, err := range d.ask(nc, micro.PingVerb, name, "") {
		if err != nil {
			return err
		}
		found = true
		if !d.asJSON {
			d.con.printf("%-50s rtt=%v\n", a.Name+" "+a.ID, a.rtt.Round(time.Microsecond))
		} else if err := d.con.json(pinged{a.ServiceIdentity, a.rtt}); err != nil {
			return err
		}
	}
	switch {
	case found:
	case name != "":
		return errNoService
	default:
		d.con.logf("No services found")
	}
	return nil
}
