package config

import (
	"strconv"
	"strings"

	"myelin/internal/subject"
)

// AccountTrace has messages traced that belong to a sampled trace, as their header traceparent says.
type AccountTrace struct {
	Dest     string // where traces are published; "" for nowhere
	Sampling int    // percent of the sampled messages, 1 to 100; 0 for all
}

// Percent is how many in a hundred sampled messages are traced.
func (t *AccountTrace) Percent() int {
	if t.Sampling == 0 {
		return 100
	}
	return t.Sampling
}

var accountTraceBlock = newBlock([]key[AccountTrace]{
	{"dest", nil, decodeTraceDest},
	{"sampling", nil, decodeTraceSampling},
})

// decodeAccountTrace decodes a destination, or a block that has one.
func decodeAccountTrace(d *decoder, into *AccountTrace, f *Field) {
	var t AccountTrace
	before := len(d.errs)
	switch v := f.Value.Data.(type) {
	case string:
		decodeTraceDest(d, &t, f)
	case *Map:
		decodeNested(d, accountTraceBlock, &t, v, "Unknown field %q parsing account message trace")
		if t.Dest == "" && len(d.errs) == before {
			d.fail(f.Pos, "Trace destination sampling ignored since no destination was set")
		}
	default:
		if !isNothing(f.Value) {
			d.fail(f.Pos, "Expected account message trace %q to be a string or a map/struct, got %s", f.Name, f.Value.kind())
		}
	}
	*into = t
}

func decodeTraceDest(d *decoder, t *AccountTrace, f *Field) {
	dest, ok := typed[string](d, f, "a string")
	switch {
	case !ok:
	case !subject.ValidLiteral(dest):
		d.fail(f.Pos, "Trace destination %q is not valid", dest)
	default:
		t.Dest = dest
	}
}

// decodeTraceSampling takes a percentage as a number or as text, with or without its sign.
func decodeTraceSampling(d *decoder, t *AccountTrace, f *Field) {
	var percent int64
	switch v := f.Value.Data.(type) {
	case int64:
		percent = v
	case string:
		n, err := strconv.ParseInt(strings.TrimSuffix(v, "%"), 10, 64)
		if err != nil {
			d.fail(f.Pos, "Invalid trace destination sampling value %q", v)
			return
		}
		percent = n
	default:
		d.fail(f.Pos, "Trace destination sampling field %q should be an integer or a percentage, got %s", f.Name, f.Value.kind())
		return
	}
	if percent < 1 || percent > 100 {
		d.fail(f.Pos, "Trace destination sampling value %d is invalid, needs to be [1..100]", percent)
		return
	}
	t.Sampling = int(percent)
}
