package config

import (
	"fmt"
	"strconv"
	"strings"

	"myelin/internal/subject"
)

// Latency says which requests to a service are measured, and where that is told.
type Latency struct {
	Subject string // in the exporting account
	// Percent of the requests, from 1 to 100; 0: those whose header says that they are part of a trace.
	Percent int
}

// ByHeader is the Percent of those that headers choose.
const ByHeader = 0

func (l *Latency) check(ps *problems, key string, e *Export) {
	const doing = "Error adding service latency sampling for %q on subject %q: %s"
	ps.refuse(!subject.ValidLiteral(l.Subject), key, doing, e.Subject, l.Subject, "invalid publish subject")
	ps.refuse(e.Response != "" && e.Response != ResponseSingleton, key, doing, e.Subject, l.Subject, "bad service response type")
	ps.refuse(l.Percent < 0 || l.Percent > 100, key, doing, e.Subject, l.Subject, "bad sampling percentage, should be 1-100")
}

// latencyBlock is where it says more than the subject.
var latencyBlock = newBlock([]key[Latency]{
	{"sampling", nil, func(d *decoder, l *Latency, f *Field) { l.Percent = d.sampling(f) }},
	{"subject", nil, text(func(l *Latency) *string { return &l.Subject })},
})

func (d *decoder) latency(e *Export, f *Field) {
	l := Latency{Percent: 100}
	switch v := f.Value.Data.(type) {
	case string:
		l.Subject = v
	case *Map:
		before := len(d.errs)
		decodeNested(d, latencyBlock, &l, v, unknownField)
		if len(d.errs) == before && l.Subject == "" {
			d.fail(f.Pos, "Latency subject required, but missing")
		}
	default:
		d.fail(f.Pos, "Expected latency entry to be a map/struct or string, got %s", f.Value.kind())
	}
	e.Latency = &l
}

// sampling decodes a percentage, with or without its sign, or the word headers.
func (d *decoder) sampling(f *Field) int {
	percent := int64(-1)
	switch v := f.Value.Data.(type) {
	case int64:
		percent = v
	case string:
		if strings.EqualFold(strings.TrimSpace(v), "headers") {
			return ByHeader
		}
		n, err := strconv.Atoi(strings.TrimSuffix(v, "%"))
		if err != nil {
			d.fail(f.Pos, "Failed to parse latency sample: %v", err)
			return 100
		}
		percent = int64(n)
	default:
		d.fail(f.Pos, "Expected latency sample to be a string or map/struct, got %s", f.Value.kind())
		return 100
	}
	if percent < 1 || percent > 100 {
		d.fail(f.Pos, "bad sampling percentage, should be 1-100")
		return 100
	}
	return int(percent)
}

// String is for telling whether two are the same.
func (l *Latency) String() string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%q %d", l.Subject, l.Percent)
}
