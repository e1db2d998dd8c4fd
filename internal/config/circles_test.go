package config

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"myelin/internal/subject"
)

// circular reports in the plain way whether flows lead in a circle: each one looks at all others.
func circular(flows []*Flow) bool {
	state := make([]int, len(flows))
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = 1
		for j, next := range flows {
			leads := next.service == flows[i].service && next.from.account == flows[i].to.account && subject.Overlap(flows[i].to.pattern, next.from.pattern)
			if leads && (state[j] == 1 || state[j] == 0 && visit(j)) {
				return true
			}
		}
		state[i] = 2
		return false
	}
	for i := range flows {
		if state[i] == 0 && visit(i) {
			return true
		}
	}
	return false
}

func shownFlows(flows []*Flow) (list []Flow) {
	for _, x := range flows {
		list = append(list, *x)
	}
	return list
}

// oneByOne adds flows, and takes some out again: each is refused if it makes a circle with those that are there then.
func oneByOne(t *testing.T, seed uint64, flows []*Flow) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var all Flows
	var in []*Flow
	for range 2 * len(flows) {
		x := flows[rnd.IntN(len(flows))]
		if at := slices.Index(in, x); at >= 0 {
			all.Remove(x)
			in = slices.Delete(in, at, at+1)
			continue
		}
		if got, want := all.Circle(x), circular(append(slices.Clone(in), x)); got != want {
			t.Fatalf("seed %d: %+v makes a circle with %+v: %v", seed, *x, shownFlows(in), got)
		} else if !got {
			all.Add(x)
			in = append(in, x)
		}
	}
	for _, x := range in {
		all.Remove(x)
	}
	for _, d := range all.kinds {
		if len(d.places)+len(d.accounts) > 0 {
			t.Fatalf("seed %d: %v is left", seed, d)
		}
	}
}

// Circles are found where there are some, and nowhere else, all at once or one by one.
func TestCirclesBySeed(t *testing.T) {
	patterns := []string{"a", "b", "a.b", "a.*", "*.b", "*", ">", "a.>", "a.b.c", "*.*.c", "b.>"}
	some, none := 0, 0
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		at := func() place {
			return place{fmt.Sprint(rnd.IntN(5)), patterns[rnd.IntN(len(patterns))]}
		}
		flows := make([]*Flow, 1+rnd.IntN(7))
		for i := range flows {
			flows[i] = &Flow{service: rnd.IntN(4) == 0, from: at(), to: at()}
		}
		want := circular(flows)
		if found := circles(flows); (len(found) > 0) != want {
			t.Fatalf("seed %d: found %d circles in %+v", seed, len(found), shownFlows(flows))
		}
		oneByOne(t, seed, flows)
		if want {
			some++
		} else {
			none++
		}
	}
	if min(some, none) < 500 {
		t.Errorf("%d with circles, %d without", some, none)
	}
}

// Who may have an export is found in the same way whatever else an account exports.
func TestOffers(t *testing.T) {
	c := Default()
	c.Accounts = map[string]Account{"A": {Exports: []Export{
		{Service: true, Subject: "svc.>", Accounts: []string{"B", "C"}},
		{Service: true, Subject: "svc.x"},
		{Service: true, Subject: "svc.*.y", TokenPosition: 2},
		{Service: true, Subject: "svc.closed", Accounts: []string{}},
		{Subject: "ev.*", Accounts: []string{"B"}},
		{Subject: "ev.>"},
	}}}
	offers := c.Offers()
	for _, row := range []struct {
		importer, pattern string
		service           bool
		by                string
	}{
		{"B", "svc.1", true, "svc.>"}, {"D", "svc.1", true, ""}, {"D", "svc.x", true, "svc.x"}, {"D", "svc.D.y", true, "svc.*.y"},
		{"D", "svc.B.y", true, ""}, {"B", "svc.B.y", true, "svc.>"}, {"B", "svc.closed", true, ""}, {"B", "svc.*", true, "svc.>"},
		{"D", "svc.*", true, ""}, {"B", "svc.>", true, "svc.>"}, {"B", ">", true, ""}, {"B", "*.x", true, ""}, {"B", "x", true, ""},
		{"B", "ev.1", false, "ev.*"}, {"D", "ev.1", false, "ev.>"}, {"B", "ev.*", false, "ev.*"}, {"D", "ev.*", false, ""},
		{"D", "ev.>", false, "ev.>"}, {"B", "svc.1", false, ""}, {"B", "ev.1", true, ""}, {"D", "svc.$1.y", true, ""},
	} {
		by := ""
		if e := offers.For(row.importer, &Import{Service: row.service, Account: "A", Subject: row.pattern}); e != nil {
			by = e.Subject
		}
		if by != row.by {
			t.Errorf("%s imports %s by %q instead of %q", row.importer, row.pattern, by, row.by)
		}
	}
}

// BenchmarkFlows looks for circles among accounts that each import from one which imports from each of them: all at once, and one
// by one, as claims come and go. It tells the time for one flow.
func BenchmarkFlows(b *testing.B) {
	const n = 10_000
	var list []*Flow
	for i := range n {
		spoke := fmt.Sprint("spoke", i)
		list = append(list,
			&Flow{from: place{"hub", "x.*"}, to: place{spoke, "x.*"}},
			&Flow{from: place{spoke, "back"}, to: place{"hub", "back." + spoke}},
			&Flow{service: true, from: place{spoke, "svc"}, to: place{"hub", "svc"}})
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if len(circles(list)) > 0 {
				b.Fatal("a circle")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/flow")
	})
	b.Run("each", func(b *testing.B) {
		var all Flows
		for _, x := range list {
			all.Add(x)
		}
		for i := 0; b.Loop(); i++ {
			x := list[i%len(list)]
			all.Remove(x)
			if all.Circle(x) {
				b.Fatal("a circle")
			}
			all.Add(x)
		}
	})
}
