package cli

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// subjectReport counts messages by subject, or by the subscription that they came through.
type subjectReport struct {
	bySubject      bool
	bySubscription bool
	top            int
	traffic        map[string]*traffic
}

// traffic is what has arrived on one subject.
type traffic struct {
	Subject  string `json:"subject"`
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
}

// maxReported bounds the subjects that are told apart. What comes on further ones counts for otherSubjects.
const (
	maxReported   = 1_000_000
	otherSubjects = "(others)"
)

// clearScreen empties a terminal and moves to its upper left corner.
const clearScreen = "\033[2J\033[H"

func (r *subjectReport) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&r.bySubject, "report-subjects", false, "count messages by subject instead of showing them")
	flags.BoolVar(&r.bySubscription, "report-subscriptions", false, "count messages by subscription instead of showing them")
	flags.IntVar(&r.top, "report-top", 10, "how many of the busiest subjects to report")
}

func (r *subjectReport) enabled() bool { return r.bySubject || r.bySubscription }

func (r *subjectReport) add(m *nats.Msg) {
	name := m.Subject
	if r.bySubscription && m.Sub != nil {
		name = m.Sub.Subject
	}
	if r.traffic == nil {
		r.traffic = map[string]*traffic{}
	}
	if r.traffic[name] == nil && len(r.traffic) >= maxReported {
		name = otherSubjects
	}
	t := r.traffic[name]
	if t == nil {
		t = &traffic{Subject: name}
		r.traffic[name] = t
	}
	t.Messages++
	t.Bytes += int64(len(m.Data))
}

// busiest returns the top subjects, those with the most messages first.
func (r *subjectReport) busiest() []*traffic {
	all := slices.SortedFunc(maps.Values(r.traffic), func(a, b *traffic) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Subject, b.Subject))
	})
	return all[:min(max(r.top, 1), len(all))]
}

// print writes the report.
func (r *subjectReport) print(con *console, asJSON bool) error {
	busiest := r.busiest()
	if asJSON {
		return con.jsonIndented(busiest)
	}
	t := newTable("Subject", "Messages", "Bytes")
	for _, b := range busiest {
		t.row(b.Subject, b.Messages, b.Bytes)
	}
	return t.print(con)
}
