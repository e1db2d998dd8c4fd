package cli

import (
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

func newServiceStats(c *client) *cobra.Command {
	d := &discovery{client: c}
	cmd := &cobra.Command{
		Use:   "stats <service> [id]",
		Short: "Show what the instances of a service have done, by endpoint",
		Args:  arguments(1, 2),
		RunE:  func(_ *cobra.Command, args []string) error { return d.stats(args) },
	}
	d.addFlags(cmd)
	return cmd
}

func (d *discovery) stats(args []string) error {
	nc, err := d.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	name, id := nameAndID(args)
	list, err := d.all(nc, micro.StatsVerb, name, id)
	if err != nil {
		return err
	}
	if d.asJSON {
		return d.con.jsonIndented(rawAnswers(list))
	}
	t := newTable("ID", "Endpoint", "Requests", "Queue Group", "Errors", "Processing Time", "Average Time")
	var total micro.EndpointStats
	for _, a := range list {
		var stats micro.Stats
		if err := a.decode(&stats); err != nil {
			return err
		}
		for _, e := range stats.Endpoints {
			t.row(stats.ID, e.Name, e.NumRequests, e.QueueGroup, e.NumErrors, e.ProcessingTime, e.AverageProcessingTime)
			total.NumRequests += e.NumRequests
			total.NumErrors += e.NumErrors
			total.ProcessingTime += e.ProcessingTime
		}
	}
	t.row("", "Total", total.NumRequests, "", total.NumErrors, total.ProcessingTime, average(total))
	return t.print(d.con)
}

// average is the time that one request took; 0 when there was none.
func average(e micro.EndpointStats) time.Duration {
	return e.ProcessingTime / time.Duration(max(e.NumRequests, 1))
}
