package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// consumerFind is the consumer find command.
type consumerFind struct {
	*consumerTool
	pull, push, bound, pinned, invert    bool
	waiting, ackPending, replicas, level int
	pending                              uint64
	idle, created                        time.Duration
	leader                               string
}

func newConsumerFind(t *consumerTool) *cobra.Command {
	f := &consumerFind{consumerTool: t}
	var asJSON bool
	var cmd *cobra.Command
	cmd = t.streamCommand(&cobra.Command{
		Use:     "find [stream]",
		Aliases: []string{"query"},
		Short:   "List the names of the consumers of a stream to which all of what flags say applies",
	}, func(js *jetStream, stream string) error {
		infos, err := js.consumerInfos(stream)
		if err != nil {
			return err
		}
		names := []string{}
		for _, i := range infos {
			if f.matches(i, cmd.Flags().Changed) {
				names = append(names, i.Name)
			}
		}
		return t.printNames(names, asJSON)
	})
	flags := cmd.Flags()
	flags.BoolVar(&f.pull, "pull", false, "those that clients pull from")
	flags.BoolVar(&f.push, "push", false, "those that push")
	flags.BoolVar(&f.bound, "bound", false, "those that somebody listens to or pulls from")
	flags.IntVar(&f.waiting, "waiting", 0, "those with fewer waiting pulls than this `number`")
	flags.IntVar(&f.ackPending, "ack-pending", 0, "those with fewer unacknowledged messages than this `number`")
	flags.Uint64Var(&f.pending, "pending", 0, "those with fewer unprocessed messages than this `number`")
	flags.Var(durationFlag{&f.idle}, "idle", "those that have delivered nothing for this long")
	flags.Var(durationFlag{&f.created}, "created", "those that are older than this")
	flags.IntVar(&f.replicas, "replicas", 0, "those with at most this `number` of replicas")
	flags.StringVar(&f.leader, "leader", "", "those that this `server` leads")
	flags.BoolVar(&f.pinned, "pinned", false, "those all of whose groups have a pinned client")
	flags.IntVar(&f.level, "api-level", 0, "those that need at least this `level` of the API")
	flags.BoolVar(&f.invert, "invert", false, "list the others")
	flags.BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}

// matches reports whether a consumer is to be listed. given tells which flags count.
func (f *consumerFind) matches(i *consumerInfo, given func(string) bool) bool {
	level, _ := strconv.Atoi(i.Config.Metadata[metaLevels+"req.level"])
	for _, check := range []struct {
		flag    string
		applies bool
	}{
		{"pull", i.Config.push() != f.pull},
		{"push", i.Config.push() == f.push},
		{"bound", (i.PushBound || i.NumWaiting > 0) == f.bound},
		{"waiting", i.NumWaiting < f.waiting},
		{"ack-pending", i.NumAckPending < f.ackPending},
		{"pending", i.NumPending < f.pending},
		{"idle", time.Since(lastUse(i)) > f.idle},
		{"created", time.Since(i.Created) > f.created},
		{"replicas", i.Config.Replicas <= f.replicas},
		{"leader", i.Cluster != nil && i.Cluster.Leader == f.leader},
		{"pinned", allPinned(i) == f.pinned},
		{"api-level", level >= f.level},
	} {
		if given(check.flag) && !check.applies {
			return f.invert
		}
	}
	return !f.invert
}

// lastUse is when a consumer last delivered something, or was made.
func lastUse(i *consumerInfo) time.Time {
	if i.Delivered.Last == nil {
		return i.Created
	}
	return *i.Delivered.Last
}

// allPinned reports whether each group of a consumer has a pinned client.
func allPinned(i *consumerInfo) bool {
	for _, g := range i.PriorityGroups {
		if g.PinnedClientID == "" {
			return false
		}
	}
	return len(i.PriorityGroups) > 0
}
