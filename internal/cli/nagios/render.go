package nagios

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Formats are the names of the forms, the usual one first.
var Formats = []string{"nagios", "json", "prometheus", "text"}

// Render gives the result in one of the Formats. The namespace begins the names of metrics for Prometheus.
func (r *Result) Render(format, namespace string) (string, error) {
	switch format {
	case "nagios":
		return r.line(), nil
	case "json":
		return r.json()
	case "prometheus":
		return r.exposition(namespace), nil
	case "text":
		return r.table(), nil
	}
	return "", fmt.Errorf("unknown format %q: there are %s", format, strings.Join(Formats, ", "))
}

// oneLine keeps a message from ending the line or its part before the metrics.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ", "|", "/")

// line is what a plugin prints: STATUS name Crit:... Warn:... OK:... | metric=value;warn;crit ...
func (r *Result) line() string {
	parts := []string{r.Status().String(), oneLine.Replace(r.Name)}
	for _, group := range []struct {
		status Status
		label  string
	}{{Critical, "Crit"}, {Warning, "Warn"}, {OK, "OK"}} {
		for _, text := range r.said[group.status] {
			parts = append(parts, group.label+":"+oneLine.Replace(text))
		}
	}
	if len(r.metrics) > 0 {
		parts = append(parts, "|")
	}
	for _, m := range r.metrics {
		parts = append(parts, m.perf())
	}
	return strings.Join(parts, " ") + "\n"
}

// perf is a metric in the form of a plugin.
func (m *Metric) perf() string {
	text := m.Name + "=" + m.number(m.Value) + m.Unit
	switch {
	case m.Crit > 0 && m.Warn > 0:
		return text + ";" + m.number(m.Warn) + ";" + m.number(m.Crit)
	case m.Crit > 0:
		return text + ";;" + m.number(m.Crit)
	case m.Warn > 0:
		return text + ";" + m.number(m.Warn)
	}
	return text
}

func (m *Metric) number(v float64) string {
	if m.Unit == "s" {
		return strconv.FormatFloat(v, 'f', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

type jsonMetric struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Warning  float64 `json:"warning"`
	Critical float64 `json:"critical"`
	Unit     string  `json:"unit,omitempty"`
}

func (r *Result) json() (string, error) {
	shown := struct {
		Status   string       `json:"status"`
		Suite    string       `json:"check_suite"`
		Name     string       `json:"check_name"`
		Warning  []string     `json:"warning,omitempty"`
		Critical []string     `json:"critical,omitempty"`
		OK       []string     `json:"ok,omitempty"`
		Metrics  []jsonMetric `json:"perf_data"`
	}{r.Status().String(), r.Suite, r.Name, r.said[Warning], r.said[Critical], r.said[OK], []jsonMetric{}}
	for _, m := range r.metrics {
		shown.Metrics = append(shown.Metrics, jsonMetric{m.Name, m.Value, m.Warn, m.Crit, m.Unit})
	}
	text, err := json.MarshalIndent(shown, "", "  ")
	return string(text) + "\n", err
}

// labelText escapes a value of a label.
var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// exposition is the result as a page of metrics, for the collector of text files.
func (r *Result) exposition(namespace string) string {
	var b strings.Builder
	prefix := namespace + "_" + r.Suite + "_"
	add := func(name, help, labels string, value float64) {
		fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %[1]s%[2]s gauge\n", prefix, name, help)
		fmt.Fprintf(&b, "%s%s{item=\"%s\"%s} %s\n", prefix, name, labelText.Replace(r.Name), labels, strconv.FormatFloat(value, 'g', -1, 64))
	}
	for _, m := range r.sorted() {
		add(m.Name, m.Help, "", m.Value)
	}
	status := r.Status()
	add("status_code", "Nagios compatible status code for "+r.Suite, fmt.Sprintf(",status=%q", status), float64(status))
	return b.String()
}

// table is the result for people.
func (r *Result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Name, r.Status())
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, status := range []Status{OK, Warning, Critical} {
		for i, text := range r.said[status] {
			if i == 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s\t%s\n", status, text)
		}
	}
	if len(r.metrics) > 0 {
		fmt.Fprintf(w, "\nMetric\tValue\tWarning\tCritical\tDescription\n")
	}
	for _, m := range r.metrics {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.shown(m.Value), m.threshold(m.Warn), m.threshold(m.Crit), m.Help)
	}
	w.Flush()
	return b.String()
}

func (m *Metric) shown(v float64) string {
	text := strconv.FormatFloat(v, 'f', 3, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.TrimSpace(text + " " + m.Unit)
}

func (m *Metric) threshold(v float64) string {
	if v <= 0 {
		return ""
	}
	return m.shown(v)
}
