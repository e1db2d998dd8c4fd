package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// streamSubjects is the command that lists what subjects a stream holds.
type streamSubjects struct {
	*streamTool
	json      bool
	sort      string
	reverse   bool
	namesOnly bool
}

func newStreamSubjects(t *streamTool) *cobra.Command {
	s := &streamSubjects{streamTool: t}
	cmd := t.command(&cobra.Command{
		Use:     "subjects [stream] [filter]",
		Aliases: []string{"subj"},
		Short:   "List the subjects of the messages in a stream, and how many there are of each",
	}, 1, s.run)
	flags := cmd.Flags()
	flags.BoolVarP(&s.json, "json", "j", false, "print JSON")
	flags.StringVar(&s.sort, "sort", "messages", "`order` of the list: by name or by messages")
	flags.BoolVarP(&s.reverse, "reverse", "R", false, "turn the order round")
	flags.BoolVar(&s.namesOnly, "names", false, "print just the subjects")
	return cmd
}

func (s *streamSubjects) run(js *jetStream, stream string, args []string) error {
	order, err := s.order()
	if err != nil {
		return err
	}
	filter := ">"
	if len(args) > 0 {
		filter = args[0]
	}
	counts, err := js.subjects(stream, filter)
	if err != nil {
		return err
	}
	if s.json {
		return s.con.jsonIndented(counts)
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return order(counts, a, b) })
	if s.namesOnly {
		return s.printNames(names, false)
	}
	if len(names) == 0 {
		s.con.logf("No subjects found matching %s", filter)
		return nil
	}
	t := newTable("Subject", "Count")
	for _, name := range names {
		t.row(name, countText(counts[name]))
	}
	return t.print(s.con)
}

// order is how subjects are compared: those with the most messages first, or by name.
func (s *streamSubjects) order() (func(counts map[string]uint64, a, b string) int, error) {
	sign := 1
	if s.reverse {
		sign = -1
	}
	switch s.sort {
	case "messages":
		return func(counts map[string]uint64, a, b string) int {
			return sign * cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		}, nil
	case "name":
		return func(_ map[string]uint64, a, b string) int { return sign * cmp.Compare(a, b) }, nil
	}
	return nil, fmt.Errorf("--sort is name or messages, not %q", s.sort)
}

// subjects counts the messages of each subject that a filter takes.
func (j *jetStream) subjects(stream, filter string) (map[string]uint64, error) {
	s, err := j.Stream(context.Background(), stream)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream, explained(err))
	}
	info, err := s.Info(context.Background(), jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("subjects of stream %s: %w", stream, explained(err))
	}
	if info.State.Subjects == nil {
		return map[string]uint64{}, nil
	}
	return info.State.Subjects, nil
}
