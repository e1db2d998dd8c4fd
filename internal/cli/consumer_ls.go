package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func newConsumerList(t *consumerTool) *cobra.Command {
	var asJSON, namesOnly, noSelect bool
	cmd := t.streamCommand(&cobra.Command{
		Use:     "ls [stream]",
		Aliases: []string{"list"},
		Short:   "List the consumers of a stream",
	}, func(js *jetStream, stream string) error { return t.list(js, stream, asJSON, namesOnly) })
	cmd.Flags().BoolVarP(&namesOnly, "names", "n", false, "print just the names")
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print the names as JSON")
	t.addNoSelect(cmd, &noSelect, 1)
	return cmd
}

func (t *consumerTool) list(js *jetStream, stream string, asJSON, namesOnly bool) error {
	if asJSON || namesOnly {
		names, err := js.consumerNames(stream)
		if err != nil {
			return err
		}
		return t.printNames(names, asJSON)
	}
	infos, err := js.consumerInfos(stream)
	if err != nil {
		return err
	}
	if len(infos) == 0 {
		t.con.logf("No Consumers defined")
		return nil
	}
	list := newTable("Name", "Description", "Created", "Ack Pending", "Unprocessed", "Last Delivery")
	for _, i := range infos {
		list.row(i.Name, i.Config.Description, i.Created.Local().Format(stamp), countText(i.NumAckPending),
			countText(i.NumPending), sinceText(i.Delivered.last()))
	}
	return list.print(t.con)
}

// printNames writes one name per line, or all as JSON.
func (t *consumerTool) printNames(names []string, asJSON bool) error {
	return t.streams.printNames(names, asJSON)
}

func newConsumerReport(t *consumerTool) *cobra.Command {
	var raw, leaders, asJSON bool
	cmd := t.streamCommand(&cobra.Command{
		Use:   "report [stream]",
		Short: "Show how far the consumers of a stream are",
	}, func(js *jetStream, stream string) error {
		infos, err := js.consumerInfos(stream)
		if err != nil {
			return err
		}
		if asJSON {
			list := []document{}
			for _, i := range infos {
				list = append(list, i.raw)
			}
			return t.con.jsonIndented(list)
		}
		return t.report(js, stream, infos, raw, leaders)
	})
	cmd.Flags().BoolVarP(&raw, "raw", "r", false, "print numbers as digits only")
	cmd.Flags().BoolVarP(&leaders, "leaders", "l", false, "count the consumers that each server leads, too")
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print all that is known about the consumers as JSON")
	return cmd
}

func (t *consumerTool) report(js *jetStream, stream string, infos []*consumerInfo, raw, leaders bool) error {
	of, err := js.streamInfo(stream)
	if err != nil {
		return err
	}
	number := countText[uint64]
	if raw {
		number = func(n uint64) string { return fmt.Sprint(n) }
	}
	t.con.printf("Consumer report for %s with %s consumers\n\n", stream, number(uint64(len(infos))))
	list := newTable("Consumer", "Mode", "Ack Policy", "Ack Wait", "Ack Pending", "Redelivered", "Unprocessed", "Ack Floor", "API Level", "Cluster")
	led := map[string]int{}
	for _, i := range infos {
		mode, cluster := "Pull", ""
		if i.Config.push() {
			mode = "Push"
		}
		if i.Cluster != nil {
			cluster = i.Cluster.Leader
			led[cluster]++
		}
		unprocessed := number(i.NumPending)
		if all := of.State.Msgs; i.NumPending > 0 && all > 0 && !raw {
			unprocessed = fmt.Sprintf("%s / %d%%", unprocessed, min(100, i.NumPending*100/all))
		}
		list.row(i.Name, mode, titled(i.Config.AckPolicy), durationText(i.Config.AckWait), number(uint64(i.NumAckPending)),
			number(uint64(i.NumRedelivered)), unprocessed, number(i.AckFloor.Stream), i.Config.Metadata[metaLevels+"req.level"], cluster)
	}
	if err := list.print(t.con); err != nil || !leaders {
		return err
	}
	t.con.printf("\n")
	counts := newTable("Leader", "Consumers")
	for _, name := range slices.Sorted(maps.Keys(led)) {
		counts.row(name, led[name])
	}
	return counts.print(t.con)
}
