package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

func newStreamGaps(t *streamTool) *cobra.Command {
	var asJSON, force, progress bool
	cmd := t.command(&cobra.Command{
		Use:   "gaps [stream]",
		Short: "Show which messages between the first and the last of a stream are deleted",
	}, 0, func(js *jetStream, stream string, _ []string) error {
		gaps, err := js.gaps(stream)
		switch {
		case err != nil:
			return err
		case asJSON:
			return t.con.jsonIndented(append([][2]uint64{}, gaps...))
		case len(gaps) == 0:
			t.con.logf("No gaps found in Stream %s", stream)
			return nil
		}
		list := newTable("First Message", "Last Message")
		for _, gap := range gaps {
			list.row(gap[0], gap[1])
		}
		return list.print(t.con)
	})
	flags := cmd.Flags()
	flags.BoolVarP(&asJSON, "json", "j", false, "print JSON")
	flags.BoolVarP(&force, "force", "f", false, "has no effect: the server is asked, and nothing is read that would have to be confirmed")
	onOff(flags, &progress, "progress", "has no effect")
	for _, name := range []string{"force", "progress"} {
		flags.Lookup(name).Hidden = true
	}
	return cmd
}

// gaps are the first and last sequences of rows of messages that are deleted, ascending.
func (j *jetStream) gaps(stream string) ([][2]uint64, error) {
	info := &streamInfo{}
	if err := j.call("STREAM.INFO."+stream, map[string]bool{"deleted_details": true}, info); err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream, explained(err))
	}
	return rows(info.State.Deleted), nil
}

// rows are the first and last of numbers that follow each other.
func rows(numbers []uint64) (list [][2]uint64) {
	slices.Sort(numbers)
	for _, n := range numbers {
		if last := len(list) - 1; last >= 0 && n <= list[last][1]+1 {
			list[last][1] = n
			continue
		}
		list = append(list, [2]uint64{n, n})
	}
	return list
}
