package subject

import (
	"math/rand/v2"
	"testing"
)

// spread maps 100 messages, one for each draw of a percentage, and counts where they go.
func spread(t *testing.T, m *Mapping, cluster, subject string) map[string]int {
	t.Helper()
	got := make(map[string]int)
	mappings := NewMappings(cluster, []*Mapping{m})
	for draw := range uint32(100) {
		mapped, ok := mappings.Map(nil, []byte(subject), func(uint32) uint32 { return draw })
		if !ok {
			mapped = []byte("lost")
		}
		got[string(mapped)]++
	}
	return got
}

// The shares are those that a stock server showed for 2,000 messages each.
func TestMappingShares(t *testing.T) {
	type shares = map[string]int
	for _, row := range []struct {
		name, cluster, source, subject string
		dests                          []WeightedDest
		want                           shares
	}{
		{"all to one", "", "foo.*", "foo.x", []WeightedDest{{"bar", 100, ""}}, shares{"bar": 100}},
		{"the remainder keeps its subject", "", "foo.*", "foo.x", []WeightedDest{{"bar", 30, ""}, {"baz", 20, ""}}, shares{"bar": 30, "baz": 20, "foo.x": 50}},
		{"the source itself makes the remainder a loss", "", "foo.x", "foo.x", []WeightedDest{{"foo.x", 30, ""}, {"baz", 20, ""}}, shares{"foo.x": 30, "baz": 20, "lost": 50}},
		{"as a pattern too", "", "foo.>", "foo.x", []WeightedDest{{"foo.>", 30, ""}, {"baz.>", 20, ""}}, shares{"foo.x": 30, "baz.x": 20, "lost": 50}},
		{"but not spelt otherwise", "", "foo.*", "foo.x", []WeightedDest{{"foo.$1", 30, ""}, {"baz", 20, ""}}, shares{"foo.x": 80, "baz": 20}},
		{"all lost", "", "foo.x", "foo.x", []WeightedDest{{"foo.x", 0, ""}}, shares{"lost": 100}},
		{"nothing mapped", "", "foo.*", "foo.x", []WeightedDest{{"bar", 0, ""}}, shares{"foo.x": 100}},
		{"no destinations", "", "foo.*", "foo.x", nil, shares{"foo.x": 100}},
		{"zero beside all", "", "foo.*", "foo.x", []WeightedDest{{"bar", 0, ""}, {"baz", 100, ""}}, shares{"baz": 100}},
		{"other subjects", "", "foo.*", "bar.x", []WeightedDest{{"bar", 100, ""}}, shares{"bar.x": 100}},
		{"for another cluster", "", "foo.*", "foo.x", []WeightedDest{{"bar", 50, "east"}}, shares{"foo.x": 100}},
		{"for another cluster, with a default", "", "foo.*", "foo.x", []WeightedDest{{"bar", 50, "east"}, {"baz", 100, ""}}, shares{"baz": 100}},
		{"for this cluster the default is void", "east", "foo.*", "foo.x", []WeightedDest{{"bar", 50, "east"}, {"baz", 100, ""}}, shares{"bar": 50, "foo.x": 50}},
		{"in a third cluster the default applies", "east", "foo.*", "foo.x", []WeightedDest{{"bar", 50, "west"}, {"baz", 20, ""}}, shares{"baz": 20, "foo.x": 80}},
		{"the source in this cluster", "east", "foo.x", "foo.x", []WeightedDest{{"foo.x", 50, "east"}, {"baz", 20, ""}}, shares{"foo.x": 50, "lost": 50}},
		{"the source in any cluster", "east", "foo.x", "foo.x", []WeightedDest{{"foo.x", 50, "west"}, {"baz", 20, ""}, {"q", 20, "east"}}, shares{"q": 20, "lost": 80}},
		{"the source in another cluster only", "", "foo.x", "foo.x", []WeightedDest{{"foo.x", 50, "west"}}, shares{"lost": 100}},
	} {
		m, err := NewMapping(row.source, row.dests)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		got := spread(t, m, row.cluster, row.subject)
		for subject, n := range row.want {
			if got[subject] != n || len(got) != len(row.want) {
				t.Errorf("%s: %v, want %v", row.name, got, row.want)
				break
			}
		}
	}
}

func TestMappingErrors(t *testing.T) {
	for _, row := range []struct {
		want  string
		dests []WeightedDest
	}{
		{"total weight needs to be <= 100", []WeightedDest{{"bar", 50, ""}, {"baz", 60, ""}}},
		{"total weight needs to be <= 100", []WeightedDest{{"bar", 60, "east"}, {"baz", 100, ""}, {"bar2", 50, "east"}}},
		{`duplicate entry for "bar"`, []WeightedDest{{"bar", 50, ""}, {"bar", 50, ""}}},
		{`duplicate entry for "bar"`, []WeightedDest{{"bar", 50, "east"}, {"bar", 50, ""}}},
		{`weight 101 of "bar" is not between 0 and 100`, []WeightedDest{{"bar", 101, ""}}},
		{`weight -1 of "bar" is not between 0 and 100`, []WeightedDest{{"bar", -1, ""}}},
		{"invalid mapping destination: wildcard index out of range in $2: [2]", []WeightedDest{{"bar", 10, ""}, {"b.$2", 20, ""}}},
		{"invalid subject", []WeightedDest{{"foo.*", 30, ""}}},
	} {
		if _, err := NewMapping("foo.*", row.dests); err == nil || err.Error() != row.want {
			t.Errorf("%v: %v, want %s", row.dests, err, row.want)
		}
	}
	if _, err := NewMapping("foo..x", nil); err == nil {
		t.Error("an invalid source is taken")
	}
}

func mapping(t testing.TB, source, dest string) *Mapping {
	t.Helper()
	m, err := NewMapping(source, []WeightedDest{{dest, 100, ""}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The first mapping of the list that matches applies, be it literal or not, and only that one.
func TestFirstMappingApplies(t *testing.T) {
	mappings := NewMappings("", []*Mapping{
		mapping(t, "a", "b"),
		mapping(t, "b", "c"),
		mapping(t, "foo.bar", "literal"),
		mapping(t, "foo.bar", "again"),
		mapping(t, "foo.*", "one.$1"),
		mapping(t, "foo.baz", "never"),
		mapping(t, "*.x", "x.$1"),
		mapping(t, "foo.>", "rest.>"),
	})
	for subject, want := range map[string]string{
		"a": "b", "b": "c", "foo.bar": "literal", "foo.baz": "one.baz", "foo.x": "one.x", "y.x": "x.y", "foo.a.b": "rest.a.b", "none": "none",
	} {
		if got, ok := mappings.Map(nil, []byte(subject), noRandom); string(got) != want || !ok {
			t.Errorf("%s became %s, want %s", subject, got, want)
		}
	}
	var none *Mappings
	if got, ok := none.Map(nil, []byte("a"), noRandom); string(got) != "a" || !ok {
		t.Errorf("nil Mappings make a into %s", got)
	}
}

func TestMapDoesNotAllocate(t *testing.T) {
	weighted, err := NewMapping("foo.*", []WeightedDest{{"a.$1", 40, ""}, {"b.$1", 40, ""}})
	if err != nil {
		t.Fatal(err)
	}
	mappings := NewMappings("", []*Mapping{weighted, mapping(t, ">", "all.>")})
	dst, subject, rnd := make([]byte, 0, 64), []byte("foo.x"), rand.New(rand.NewPCG(1, 2)).Uint32N
	if n := testing.AllocsPerRun(1000, func() { mappings.Map(dst[:0], subject, rnd) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
