package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// streamReport is the command that compares streams.
type streamReport struct {
	*streamTool
	subject, cluster                           string
	byConsumers, byMessages, byName, byStorage bool
	raw                                        bool
	json                                       bool
	dot                                        string
}

func newStreamReport(t *streamTool) *cobra.Command {
	r := &streamReport{streamTool: t}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Compare streams by what they hold, and show what copies from what",
		Args:  arguments(0, 0),
		RunE:  func(*cobra.Command, []string) error { return t.withJetStream(r.run) },
	}
	t.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&r.subject, "subject", "", "only streams that have to do with this `subject`")
	flags.StringVar(&r.cluster, "cluster", "", "only streams in the cluster of this `name`")
	flags.BoolVarP(&r.byConsumers, "consumers", "o", false, "order by the number of consumers")
	flags.BoolVarP(&r.byMessages, "messages", "m", false, "order by the number of messages")
	flags.BoolVarP(&r.byName, "name", "n", false, "order by name")
	flags.BoolVarP(&r.byStorage, "storage", "t", false, "order by the kind of storage")
	flags.BoolVarP(&r.raw, "raw", "r", false, "print numbers with all their digits")
	flags.BoolVarP(&r.json, "json", "j", false, "print JSON")
	flags.StringVar(&r.dot, "dot", "", "write what copies from what to a `file` for GraphViz")
	cmd.MarkFlagsMutuallyExclusive("consumers", "messages", "name", "storage")
	return cmd
}

func (r *streamReport) run(js *jetStream) error {
	r.all = true
	infos, err := r.infos(js, r.subject)
	if err != nil {
		return err
	}
	if r.cluster != "" {
		infos = slices.DeleteFunc(infos, func(i *jetstream.StreamInfo) bool { return i.Cluster == nil || i.Cluster.Name != r.cluster })
	}
	slices.SortFunc(infos, r.compare)
	if r.dot != "" {
		if err := os.WriteFile(r.dot, []byte(replicationGraph(infos)), 0o644); err != nil {
			return err
		}
	}
	switch {
	case r.json:
		return r.con.jsonIndented(append([]*jetstream.StreamInfo{}, infos...))
	case len(infos) == 0:
		r.con.logf("No Streams found")
		return nil
	}
	if err := r.streams(infos); err != nil {
		return err
	}
	return r.replication(infos)
}

// compare orders as flags say, else by size; streams that are alike in that, by name.
func (r *streamReport) compare(a, b *jetstream.StreamInfo) int {
	order := 0
	switch {
	case r.byConsumers:
		order = cmp.Compare(a.State.Consumers, b.State.Consumers)
	case r.byMessages:
		order = cmp.Compare(a.State.Msgs, b.State.Msgs)
	case r.byStorage:
		order = cmp.Compare(a.Config.Storage, b.Config.Storage)
	case !r.byName:
		order = cmp.Compare(a.State.Bytes, b.State.Bytes)
	}
	return cmp.Or(order, strings.Compare(a.Config.Name, b.Config.Name))
}

func (r *streamReport) streams(infos []*jetstream.StreamInfo) error {
	t := newTable("Stream", "Storage", "Placement", "Consumers", "Messages", "Bytes", "Lost", "Deleted", "API Level", "Replicas")
	for _, i := range infos {
		lost := 0
		if i.State.Lost != nil {
			lost = len(i.State.Lost.Msgs)
		}
		t.row(i.Config.Name, i.Config.Storage, placementText(i.Config.Placement), r.count(uint64(i.State.Consumers)), r.count(i.State.Msgs),
			r.bytes(i.State.Bytes), r.count(uint64(lost)), r.count(uint64(i.State.NumDeleted)), requiredLevel(i), replicasText(i.Cluster))
	}
	return t.print(r.con)
}

func (r *streamReport) count(n uint64) string {
	if r.raw {
		return fmt.Sprint(n)
	}
	return countText(n)
}

func (r *streamReport) bytes(n uint64) string {
	if r.raw {
		return fmt.Sprint(n)
	}
	return bytesText(n)
}

func placementText(p *jetstream.Placement) string {
	if p == nil {
		return ""
	}
	var parts []string
	if p.Cluster != "" {
		parts = append(parts, "cluster: "+p.Cluster)
	}
	if len(p.Tags) > 0 {
		parts = append(parts, "tags: "+strings.Join(p.Tags, ","))
	}
	return strings.Join(parts, "; ")
}

// replicasText names the servers that have a stream: the leader with a star, one that is behind with an exclamation mark.
func replicasText(c *jetstream.ClusterInfo) string {
	if c == nil || c.Name == "" && len(c.Replicas) == 0 {
		return ""
	}
	var names []string
	if c.Leader != "" {
		names = append(names, c.Leader+"*")
	}
	for _, p := range c.Replicas {
		name := p.Name
		if p.Offline || !p.Current {
			name += "!"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// replication shows how far mirrors and sources are, if there are any.
func (r *streamReport) replication(infos []*jetstream.StreamInfo) error {
	t := newTable("Stream", "Kind", "API Prefix", "Source Stream", "Filters and Transforms", "Active", "Lag", "Error")
	any := false
	row := func(stream, kind string, s *jetstream.StreamSourceInfo) {
		any = true
		prefix, problem := "", ""
		if s.External != nil {
			prefix = s.External.APIPrefix
		}
		if s.Error != nil {
			problem = s.Error.Description
		}
		t.row(stream, kind, prefix, s.Name, filtersText(s), activeText(s.Active), r.count(s.Lag), problem)
	}
	for _, i := range infos {
		if i.Mirror != nil {
			row(i.Config.Name, "Mirror", i.Mirror)
		}
		for _, s := range i.Sources {
			row(i.Config.Name, "Source", s)
		}
	}
	if !any {
		return nil
	}
	r.con.printf("\n")
	return t.print(r.con)
}

func filtersText(s *jetstream.StreamSourceInfo) string {
	var parts []string
	if s.FilterSubject != "" {
		parts = append(parts, s.FilterSubject)
	}
	for _, t := range s.SubjectTransforms {
		part := orAll(t.Source)
		if t.Destination != "" {
			part += " to " + t.Destination
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// replicationGraph is what copies from what, in the language of GraphViz.
func replicationGraph(infos []*jetstream.StreamInfo) string {
	var b strings.Builder
	b.WriteString("digraph {\n\tlabel=\"Stream Replication Structure\";\n")
	for _, i := range infos {
		if i.Mirror != nil {
			fmt.Fprintf(&b, "\t%q->%q[color=\"blue\",label=\"Mirror\"];\n", i.Mirror.Name, i.Config.Name)
		}
		for _, s := range i.Sources {
			fmt.Fprintf(&b, "\t%q->%q[color=\"green\",label=%q];\n", s.Name, i.Config.Name, filtersText(s))
		}
	}
	b.WriteString("}\n")
	return b.String()
}
