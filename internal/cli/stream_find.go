package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// streamFind is the command that lists streams with certain properties: all those that flags name.
type streamFind struct {
	*streamTool
	flags     *pflag.FlagSet
	server    string
	cluster   string
	leader    string
	subject   string
	empty     bool
	idle      time.Duration
	created   time.Duration
	consumers int
	replicas  int
	sourced   bool
	mirrored  bool
	apiLevel  int
	invert    bool
	namesOnly bool
	json      bool
}

func newStreamFind(t *streamTool) *cobra.Command {
	f := &streamFind{streamTool: t}
	cmd := &cobra.Command{
		Use:     "find",
		Aliases: []string{"query"},
		Short:   "List the streams that have certain properties",
		Example: `  myelin stream find --idle 30d
  myelin stream find --empty --consumers 0 --names
  myelin stream find --mirrored --invert`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return t.withJetStream(f.run) },
	}
	t.addFlags(cmd)
	f.flags = cmd.Flags()
	f.flags.StringVar(&f.server, "server-name", "", "on a server whose name matches this regular `expression`")
	f.flags.StringVar(&f.cluster, "cluster", "", "in a cluster whose name matches this regular `expression`")
	f.flags.StringVar(&f.leader, "leader", "", "led by the server of this `name`")
	f.flags.StringVar(&f.subject, "subject", "", "that store messages of this `subject`, which may have wildcards")
	f.flags.BoolVar(&f.empty, "empty", false, "without messages")
	f.flags.Var(durationFlag{&f.idle}, "idle", "without new messages and deliveries for so long")
	f.flags.Var(durationFlag{&f.created}, "created", "created longer ago than this")
	f.flags.IntVar(&f.consumers, "consumers", 0, "with at most this `number` of consumers")
	f.flags.IntVar(&f.replicas, "replicas", 0, "with at most this `number` of replicas")
	f.flags.BoolVar(&f.sourced, "sourced", false, "that copy from sources")
	f.flags.BoolVar(&f.mirrored, "mirrored", false, "that are mirrors")
	f.flags.IntVar(&f.apiLevel, "api-level", 0, "that need at least this `level` of the API")
	f.flags.BoolVar(&f.invert, "invert", false, "turn each property into its opposite")
	f.flags.BoolVarP(&f.namesOnly, "names", "n", false, "print just the names")
	f.flags.BoolVarP(&f.json, "json", "j", false, "print the names as JSON")
	return cmd
}

// streamTest says whether a stream has a property.
type streamTest func(*jetstream.StreamInfo) (bool, error)

func (f *streamFind) run(js *jetStream) error {
	f.all = true
	tests, err := f.tests(js)
	if err != nil {
		return err
	}
	infos, err := f.infos(js, "")
	if err != nil {
		return err
	}
	found := infos[:0]
	for _, i := range infos {
		ok, err := f.passes(i, tests)
		if err != nil {
			return err
		}
		if ok {
			found = append(found, i)
		}
	}
	if !f.namesOnly && !f.json {
		return f.printStreams(found)
	}
	var names []string
	for _, i := range found {
		names = append(names, i.Config.Name)
	}
	return f.printNames(names, f.json)
}

// passes reports whether a stream has all properties, or none of them if they are inverted.
func (f *streamFind) passes(i *jetstream.StreamInfo, tests []streamTest) (bool, error) {
	for _, test := range tests {
		if ok, err := test(i); err != nil || ok == f.invert {
			return false, err
		}
	}
	return true, nil
}

// tests are the properties that flags name.
func (f *streamFind) tests(js *jetStream) (tests []streamTest, err error) {
	add := func(flag string, test func(*jetstream.StreamInfo) bool) {
		if f.flags.Changed(flag) {
			tests = append(tests, func(i *jetstream.StreamInfo) (bool, error) { return test(i), nil })
		}
	}
	add("empty", func(i *jetstream.StreamInfo) bool { return i.State.Msgs == 0 })
	add("created", func(i *jetstream.StreamInfo) bool { return time.Since(i.Created) > f.created })
	add("consumers", func(i *jetstream.StreamInfo) bool { return i.State.Consumers <= f.consumers })
	add("replicas", func(i *jetstream.StreamInfo) bool { return i.Config.Replicas <= f.replicas })
	add("sourced", func(i *jetstream.StreamInfo) bool { return len(i.Config.Sources) > 0 })
	add("mirrored", func(i *jetstream.StreamInfo) bool { return i.Config.Mirror != nil })
	add("leader", func(i *jetstream.StreamInfo) bool { return i.Cluster != nil && i.Cluster.Leader == f.leader })
	add("api-level", func(i *jetstream.StreamInfo) bool { return requiredLevel(i) >= f.apiLevel })
	if f.flags.Changed("idle") {
		tests = append(tests, func(i *jetstream.StreamInfo) (bool, error) { return js.idle(i, f.idle) })
	}
	for _, add := range []func(*jetStream) (streamTest, error){f.serverTest, f.clusterTest, f.subjectTest} {
		test, err := add(js)
		if err != nil {
			return nil, err
		}
		if test != nil {
			tests = append(tests, test)
		}
	}
	return tests, nil
}

func (f *streamFind) serverTest(*jetStream) (streamTest, error) {
	if f.server == "" {
		return nil, nil
	}
	name, err := regexp.Compile(f.server)
	if err != nil {
		return nil, fmt.Errorf("--server-name: %w", err)
	}
	return func(i *jetstream.StreamInfo) (bool, error) {
		return i.Cluster != nil && (name.MatchString(i.Cluster.Leader) ||
			slices.ContainsFunc(i.Cluster.Replicas, func(r *jetstream.PeerInfo) bool { return name.MatchString(r.Name) })), nil
	}, nil
}

func (f *streamFind) clusterTest(*jetStream) (streamTest, error) {
	if f.cluster == "" {
		return nil, nil
	}
	name, err := regexp.Compile(f.cluster)
	if err != nil {
		return nil, fmt.Errorf("--cluster: %w", err)
	}
	return func(i *jetstream.StreamInfo) (bool, error) {
		return i.Cluster != nil && name.MatchString(i.Cluster.Name), nil
	}, nil
}

// subjectTest has the server say which streams have to do with a subject.
func (f *streamFind) subjectTest(js *jetStream) (streamTest, error) {
	if f.subject == "" {
		return nil, nil
	}
	names, err := f.names(js, f.subject)
	return func(i *jetstream.StreamInfo) (bool, error) { return slices.Contains(names, i.Config.Name), nil }, err
}

// requiredLevel is the level of the API that a stream needs.
func requiredLevel(i *jetstream.StreamInfo) int {
	level, _ := strconv.Atoi(i.Config.Metadata[metaLevels+"req.level"])
	return level
}

// idle reports whether a stream has taken and delivered nothing for some time.
func (j *jetStream) idle(i *jetstream.StreamInfo, since time.Duration) (bool, error) {
	if time.Since(i.State.LastTime) <= since {
		return false, nil
	}
	if i.State.Consumers == 0 {
		return true, nil
	}
	s, err := j.Stream(context.Background(), i.Config.Name)
	if err != nil {
		return false, fmt.Errorf("stream %s: %w", i.Config.Name, explained(err))
	}
	list := s.ListConsumers(context.Background())
	idle := true
	for c := range list.Info() {
		idle = idle && (c.Delivered.Last == nil || time.Since(*c.Delivered.Last) > since)
	}
	return idle, list.Err()
}

// printStreams shows streams as a table.
func (t *streamTool) printStreams(infos []*jetstream.StreamInfo) error {
	if len(infos) == 0 {
		t.con.logf("No Streams found")
		return nil
	}
	list := newTable("Name", "Description", "Created", "Messages", "Size", "Last Message")
	for _, i := range infos {
		list.row(i.Config.Name, i.Config.Description, i.Created.Local().Format(stamp), countText(i.State.Msgs),
			bytesText(i.State.Bytes), sinceText(i.State.LastTime))
	}
	return list.print(t.con)
}
