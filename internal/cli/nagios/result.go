// Package nagios is the outcome of a health check, and the forms in which monitoring systems want it: the line of a
// Nagios plugin, JSON, the exposition format of Prometheus, and a table for people.
//
// The forms are those of the nats tool, so that whatever reads one reads the other.
package nagios

import (
	"fmt"
	"slices"
	"strings"
)

// Status is how bad it is. Its value is the exit code of a plugin.
type Status int

const (
	OK Status = iota
	Warning
	Critical
	Unknown // the check could not be made as it was asked for
)

var statusNames = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

func (s Status) String() string { return statusNames[s] }

// Metric is something that was measured. Warn and Crit are where its thresholds are; 0: there is none.
type Metric struct {
	Name       string
	Value      float64
	Warn, Crit float64
	Unit       string // "s", "B", "%", or "" for a count
	Help       string
}

// Result is what a check has found so far. A result of which nothing is said is OK.
type Result struct {
	Suite string // kind of check: "stream"
	Name  string // what was checked

	said    [Unknown][]string // by status
	metrics []Metric
}

// Okf notes what is as it should be.
func (r *Result) Okf(format string, args ...any) { r.say(OK, format, args) }

// Warnf notes what somebody should look at.
func (r *Result) Warnf(format string, args ...any) { r.say(Warning, format, args) }

// Critf notes what is not as it must be.
func (r *Result) Critf(format string, args ...any) { r.say(Critical, format, args) }

func (r *Result) say(s Status, format string, args []any) {
	r.said[s] = append(r.said[s], fmt.Sprintf(format, args...))
}

// Measure adds a metric.
func (r *Result) Measure(m Metric) { r.metrics = append(r.metrics, m) }

// Status is the worst that was said.
func (r *Result) Status() Status {
	switch {
	case len(r.said[Critical]) > 0:
		return Critical
	case len(r.said[Warning]) > 0:
		return Warning
	}
	return OK
}

// Level compares a value with the thresholds of a metric, of which those that are not above zero do not count: at or
// beyond one is worse than below. If both are there and the critical one is the lower, it is small values that are bad.
func (m *Metric) Level() Status {
	inverted := m.Warn > 0 && m.Crit > 0 && m.Crit < m.Warn
	beyond := func(threshold float64) bool {
		if inverted {
			return m.Value <= threshold
		}
		return threshold > 0 && m.Value >= threshold
	}
	switch {
	case beyond(m.Crit):
		return Critical
	case beyond(m.Warn):
		return Warning
	}
	return OK
}

// Judge adds a metric and says what it is worth: nothing if it has no thresholds.
func (r *Result) Judge(m Metric, format string, args ...any) {
	r.Measure(m)
	if m.Warn > 0 || m.Crit > 0 {
		r.say(m.Level(), format, args)
	}
}

// sorted are the metrics by name.
func (r *Result) sorted() []Metric {
	list := slices.Clone(r.metrics)
	slices.SortStableFunc(list, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return list
}
