package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"myelin/internal/stream"
)

// streamTool is what the commands about streams have in common.
type streamTool struct {
	*client
	all bool // list and offer those of buckets and bridges, too
}

// newStream is the group of commands about streams.
func newStream(c *client) *cobra.Command {
	t := &streamTool{client: c}
	cmd := family(&cobra.Command{
		Use:     "stream",
		Aliases: []string{"str", "st", "ms", "s"},
		Short:   "Manage streams and what is in them",
		Example: `  myelin stream add ORDERS --subjects 'orders.>' --defaults
  myelin stream ls
  myelin stream view ORDERS
  myelin stream backup ORDERS /var/backups/orders`,
	}, newStreamAdd(t), newStreamList(t), newStreamInfo(t), newStreamState(t), newStreamEdit(t),
		newStreamCopy(t), newStreamRemove(t), newStreamPurge(t), newStreamSeal(t), newStreamGet(t), newStreamRemoveMessage(t),
		newStreamView(t), newStreamSubjects(t), newStreamFind(t), newStreamReport(t), newStreamBackup(t),
		newStreamRestore(t), newStreamGaps(t))
	cmd.PersistentFlags().BoolVarP(&t.all, "all", "a", false, "list and offer also the streams that are behind buckets and bridges")
	return cmd
}

// command completes a command whose first argument is a stream, which a person may choose from a list: it gets the flags
// to connect, and run is called with the name and the other arguments.
func (t *streamTool) command(cmd *cobra.Command, others int, run func(js *jetStream, stream string, args []string) error) *cobra.Command {
	cmd.Args = arguments(0, 1+others)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return t.withJetStream(func(js *jetStream) error {
			stream, err := t.pick(js, args)
			if err != nil {
				return err
			}
			return run(js, stream, args[min(1, len(args)):])
		})
	}
	cmd.ValidArgsFunction = t.complete
	t.addFlags(cmd)
	return cmd
}

// pick is the stream that the first argument names, or that somebody chooses.
func (t *streamTool) pick(js *jetStream, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], validStreamName(args[0])
	}
	if !t.con.interactive() {
		return "", missing("Stream", "its name as an argument")
	}
	names, err := t.names(js, "")
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", errors.New("there are no streams to choose from")
	}
	return t.con.choose("Stream", names, "", "its name as an argument")
}

// validStreamName refuses names that would make other subjects of a request.
func validStreamName(name string) error {
	if name == "" || strings.ContainsAny(name, ".*> \t\r\n/\\") {
		return fmt.Errorf("%q is no name of a stream: a name has no spaces and none of . * > / \\", name)
	}
	return nil
}

// names lists the streams, in order, with one subject that they must have to do with unless that is "".
func (t *streamTool) names(js *jetStream, subject string) ([]string, error) {
	list := js.StreamNames(context.Background(), streamsOn(subject)...)
	var names []string
	for name := range list.Name() {
		if t.all || !hiddenStream(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, list.Err()
}

// infos lists the streams as names does, with all that is known about them.
func (t *streamTool) infos(js *jetStream, subject string) ([]*jetstream.StreamInfo, error) {
	list := js.ListStreams(context.Background(), streamsOn(subject)...)
	var infos []*jetstream.StreamInfo
	for info := range list.Info() {
		if t.all || !hiddenStream(info.Config.Name) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b *jetstream.StreamInfo) int { return strings.Compare(a.Config.Name, b.Config.Name) })
	return infos, list.Err()
}

func streamsOn(subject string) []jetstream.StreamListOpt {
	if subject == "" {
		return nil
	}
	return []jetstream.StreamListOpt{jetstream.WithStreamListSubject(subject)}
}

// hiddenStream reports whether a stream is the back of something else that has commands of its own.
func hiddenStream(name string) bool {
	return slices.ContainsFunc([]string{"KV_", "OBJ_", "$MQTT_"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// complete offers the names of streams to the shell.
func (t *streamTool) complete(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	t.withJetStream(func(js *jetStream) (err error) {
		names, err = t.names(js, "")
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// streamInfo is what the server says about a stream: as it came, its configuration, and decoded.
type streamInfo struct {
	raw    document
	config document
	own    stream.OutboxStatus // what stock servers do not say
	jetstream.StreamInfo
}

// reason says why the letters wait.
func reason(q *stream.OutboxQueue) string {
	if q.Error == nil {
		return "on their way"
	}
	return q.Error.Error()
}

func (i *streamInfo) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &i.raw); err != nil {
		return err
	}
	i.raw.remove("type", "total", "offset", "limit", "did_create")
	i.raw.get("config", &i.config)
	i.raw.get("_myelin", &i.own)
	return json.Unmarshal(data, &i.StreamInfo)
}

// streamInfo asks about a stream.
func (j *jetStream) streamInfo(name string) (*streamInfo, error) {
	info := &streamInfo{}
	if err := j.call("STREAM.INFO."+name, nil, info); err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, explained(err))
	}
	return info, nil
}
