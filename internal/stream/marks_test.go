package stream

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"myelin/internal/subject"
)

// A pattern finds the subjects that it matches among many, whatever came, went, and took the place of what went.
func TestPatternsAmongMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	words := []string{"a", "b", "orders", "0001", "0002", "x", "*x", "y>", "éè"}
	tokens := func(words []string) string {
		list := make([]string, 1+rng.IntN(markedTokens+2))
		for i := range list {
			list[i] = words[rng.IntN(len(words))]
		}
		return strings.Join(list, ".")
	}
	var table table
	there := map[string]uint64{}
	seq := uint64(0)
	for range 20 {
		for range 1000 {
			text := tokens(words)
			if at, ok := there[text]; ok && rng.IntN(2) == 0 {
				p, _ := table.find(at)
				table.remove(p)
				delete(there, text)
			} else if !ok {
				seq++
				table.add(seq, 1, 1, 1, table.subjects.intern([]byte(text)), life{})
				there[text] = seq
			}
		}
		for range 100 {
			pattern := tokens(append([]string{"*", "*", "*", "*"}, words...))
			if rng.IntN(2) == 0 {
				pattern += ".>"
			}
			var want, got []string
			for text := range there {
				if subject.Matches(pattern, text) {
					want = append(want, text)
				}
			}
			for _, id := range table.matching(pattern) {
				got = append(got, string(table.subjects.text(id)))
			}
			slices.Sort(want)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("%s matches %q instead of %q", pattern, got, want)
			}
		}
	}
	if len(table.subjects.entries) < 4 {
		t.Errorf("%d subjects are not many", len(there))
	}
}
