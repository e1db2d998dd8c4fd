package loadgen

import (
	"fmt"
	"io"
	"strings"
)

// metricOrder is the order of metrics within a row.
var metricOrder = []Metric{Rate, Published, Undisturbed, Compared, Kept, OnTime, P50, P99, QuietP50, QuietP99, Worst, WorstBeside, Work, Created, DiskSync, CPU, ComparedCPU, Idle,
	Memory, MemoryPeak, BinarySize, Startup, StartupMin, Reopen, ReopenDead, Offered, LoadCPU}

var metricTitles = map[Metric]string{
	Rate: "rate", CPU: "server CPU each", LoadCPU: "generator CPU each", P50: "p50", P99: "p99",
	Undisturbed: "undisturbed", Kept: "kept", Memory: "RSS", MemoryPeak: "RSS before rest", BinarySize: "binary", Startup: "first INFO",
	StartupMin: "first INFO, quickest", Offered: "offered", QuietP50: "p50 undisturbed", QuietP99: "p99 undisturbed",
	Worst: "worst", WorstBeside: "worst on another stream", Work: "work done in", DiskSync: "one sync of the disk",
	Reopen: "open again", ReopenDead: "open again after kill -9", Compared: "compared with", Created: "consumer created in",
	Idle: "idle CPU, of a core", ComparedCPU: "CPU compared with", Published: "published", OnTime: "on time",
}

// format renders a value of the metric with its unit.
func (m Metric) format(v float64) string {
	switch m {
	case Rate, Undisturbed, Offered, Published, Compared:
		return scaled(v, 1000, "/s", "", " k", " M")
	case CPU, LoadCPU, ComparedCPU:
		return fmt.Sprintf("%.0f ns", v)
	case P50, P99, QuietP50, QuietP99, Worst, WorstBeside, Work, Created, DiskSync, Startup, StartupMin, Reopen, ReopenDead:
		return scaled(v, 1000, "s", " n", " µ", " m", " ")
	case BinarySize:
		return scaled(v, 1000, "B", " ", " k", " M")
	case Kept:
		return fmt.Sprintf("%.0f %%", v*100)
	case Idle:
		return fmt.Sprintf("%.1f %%", v*100)
	case OnTime:
		return fmt.Sprintf("%.2f %%", v*100)
	default:
		return scaled(v, 1024, "B", " ", " Ki", " Mi", " Gi")
	}
}

// scaled renders v in the largest of the units that are base apart.
func scaled(v, base float64, unit string, prefixes ...string) string {
	i := 0
	for ; i < len(prefixes)-1 && v >= base; i++ {
		v /= base
	}
	if v >= 100 {
		return fmt.Sprintf("%.0f%s%s", v, prefixes[i], unit)
	}
	return fmt.Sprintf("%.3g%s%s", v, prefixes[i], unit)
}

// String lists the sample's figures.
func (s Sample) String() string {
	var b strings.Builder
	for _, m := range metricOrder {
		if v, ok := s[m]; ok {
			fmt.Fprintf(&b, "%s %s  ", metricTitles[m], m.format(v))
		}
	}
	return strings.TrimSpace(b.String())
}

// String renders the goal as in "≥ 4 ×".
func (g Goal) String() string {
	sign := "≤"
	if g.AtLeast {
		sign = "≥"
	}
	if g.Ratio {
		return fmt.Sprintf("%s %.3g ×", sign, g.Bound)
	}
	return sign + " " + g.Metric.format(g.Bound)
}

// met says whether the goal is met by the medians of ours and peer.
func (g Goal) met(ours, peer float64) bool {
	v := ours
	if g.Ratio {
		v = ours / peer
	}
	if g.AtLeast {
		return v >= g.Bound
	}
	return v <= g.Bound
}

// WriteMarkdown renders the report as a list of conditions and a table.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	c := &r.Conditions
	for _, line := range [][2]string{{"Date", c.Date}, {"Machine", c.Machine}, {"System", c.System},
		{"Load", c.Load}, {"Server", c.Server}, {"Peer", c.Peer}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "- %s: %s\n", line[0], line[1])
		}
	}
	b.WriteString("\n| case | metric | server (low–high) | peer (low–high) | ratio | goal | met |\n|---|---|---|---|---|---|---|\n")
	for i := range r.Rows {
		r.Rows[i].writeMarkdown(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Row) writeMarkdown(b *strings.Builder) {
	if r.Error != "" {
		fmt.Fprintf(b, "| %s | failed | %s |  |  |  | no |\n", r.Title, strings.ReplaceAll(r.Error, "\n", " "))
	}
	title := r.Title
	for _, m := range r.metrics() {
		ours, low, high := median(r.Ours, m)
		fmt.Fprintf(b, "| %s | %s | %s |", title, metricTitles[m], spread(m, ours, low, high))
		title = ""
		peer, low, high := median(r.Peer, m)
		if len(r.Peer) > 0 && peer != 0 {
			fmt.Fprintf(b, " %s | %.2f ×", spread(m, peer, low, high), ours/peer)
		} else {
			b.WriteString("  | ")
		}
		goal, met := r.judge(m, ours, peer)
		fmt.Fprintf(b, " | %s | %s |\n", goal, met)
	}
}

// judge returns the goal for a metric and whether it is met, or nothing.
func (r *Row) judge(m Metric, ours, peer float64) (goal, met string) {
	for _, g := range r.Goals {
		switch {
		case g.Metric != m:
		case g.Ratio && peer == 0:
			return g.String(), ""
		case g.met(ours, peer):
			return g.String(), "yes"
		default:
			return g.String(), "**no**"
		}
	}
	return "", ""
}

func spread(m Metric, mid, low, high float64) string {
	if low == high {
		return m.format(mid)
	}
	return fmt.Sprintf("%s (%s–%s)", m.format(mid), m.format(low), m.format(high))
}
