package router

import (
	"slices"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/msgtrace"
)

// teller is a Sink that notes in the trace what it is asked.
type teller struct {
	*sink
	seen *[]string
}

func (s teller) Trace(m *Message, b *Batch, denied bool) bool {
	what := "takes"
	if denied {
		what = "is denied"
	} else if s.off {
		what = "is off"
	}
	*s.seen = append(*s.seen, s.Pattern+" "+s.Queue+" "+what)
	return what == "takes" && (m.Trace.Only || s.Deliver(m, b))
}

// A message with a trace is offered to whom one without is offered, one of each queue group, and to those that must not have it, so
// that they can tell. What is traced only arrives nowhere.
func TestPublishTraced(t *testing.T) {
	for _, only := range []bool{false, true} {
		r := New()
		var seen []string
		d := &inbox{id: 1}
		add := func(pattern, queue string) *sink {
			s := subscribe(r, d, pattern, queue)
			r.Unsubscribe(&s.Sub)
			s.Sink = teller{s, &seen}
			r.Subscribe(&s.Sub)
			return s
		}
		add("a.x", "")
		add("b.x", "")
		add("a.*", "").drops = func([]byte) bool { return true }
		add("a.>", "g")
		add("a.*", "off").off = true
		subscribe(r, d, ">", "") // tells nothing
		p := r.Publisher(nil)
		m := message("a.x")
		m.Trace = msgtrace.Ask{Dest: "t", Only: only}.Begin(nil, nil, clock.NewFake(time.Unix(0, 0)), func(*msgtrace.Trace) {})
		if got := p.PublishTraced(m); got != 3 {
			t.Errorf("only %v: %d took it instead of 3", only, got)
		}
		p.Flush()
		slices.Sort(seen)
		if want := []string{"a.*  is denied", "a.* off is off", "a.> g takes", "a.x  takes"}; !slices.Equal(seen, want) {
			t.Errorf("only %v: %q, want %q", only, seen, want)
		}
		if want := map[bool]int{false: 3, true: 0}[only]; len(d.lines) != want {
			t.Errorf("only %v: %q arrived", only, d.lines)
		}
	}
}
