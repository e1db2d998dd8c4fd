package subject

import (
	"math/rand/v2"
	"testing"
)

// Both relations follow from Matches: what random literals say, and with so small an alphabet all pairs of
// patterns have witnesses.
func TestOverlapAndWithinAgreeWithMatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var literals []string
	var grow func(prefix string, depth int)
	grow = func(prefix string, depth int) {
		for _, token := range []string{"a", "b", "c"} {
			literals = append(literals, prefix+token)
			if depth > 1 {
				grow(prefix+token+".", depth-1)
			}
		}
	}
	grow("", 5)
	for range 3000 {
		p, q := randomPattern(rng), randomPattern(rng)
		overlap, within := false, true
		for _, literal := range literals {
			overlap = overlap || Matches(p, literal) && Matches(q, literal)
			within = within && (!Matches(p, literal) || Matches(q, literal))
		}
		if got := Overlap(p, q); got != overlap {
			t.Errorf("Overlap(%q, %q) is %v", p, q, got)
		}
		if got := Within(p, q); got != within {
			t.Errorf("Within(%q, %q) is %v", p, q, got)
		}
	}
}

// randomPattern has at most four tokens of a or b, so that literals with c tell a wildcard from them.
func randomPattern(rng *rand.Rand) string {
	p := ""
	for n := 1 + rng.IntN(4); n > 0; n-- {
		token := []string{"a", "b", "*", "*", ">"}[rng.IntN(5)]
		p += token
		if token == ">" {
			break
		}
		if n > 1 {
			p += "."
		}
	}
	return p
}
