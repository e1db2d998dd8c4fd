package subject

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is found is what overlaps, whatever was added and removed before.
func TestOverlapsBySeed(t *testing.T) {
	tokens := []string{"a", "b", "c", "*"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		pattern := func() (p string) {
			for range 1 + rnd.IntN(3) {
				p += tokens[rnd.IntN(len(tokens))] + "."
			}
			if rnd.IntN(3) == 0 {
				return p + ">"
			}
			if rnd.IntN(8) == 0 {
				return ">"
			}
			return p[:len(p)-1]
		}
		var o Overlaps[int]
		kept := map[int]string{}
		for n := range 40 {
			if rnd.IntN(3) == 0 {
				for v, p := range kept {
					o.Remove(p, v)
					delete(kept, v)
					break
				}
			}
			o.Remove(pattern(), -1)
			kept[n] = pattern()
			o.Add(kept[n], n)
			asked, want := pattern(), []int(nil)
			for v, p := range kept {
				if Overlap(p, asked) {
					want = append(want, v)
				}
			}
			got := o.Find(asked, nil)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s overlaps with %v instead of %v of %v", seed, asked, got, want, kept)
			}
		}
		for v, p := range kept {
			o.Remove(p, v)
		}
		if len(o.next) != 0 {
			t.Fatalf("seed %d: something stays", seed)
		}
	}
}
