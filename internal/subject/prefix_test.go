package subject

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// What a token that ends in a wildcard stands for: more of the same token, or anything that begins so.
func TestPrefix(t *testing.T) {
	for _, c := range []struct{ pattern, matches, others string }{
		{"k.a*", "k.ab k.a* k.a>x k.abc", "k.a k.b k.a.b k.ab.c k ab k.c.ab"},
		{"k.a>", "k.a k.ab k.a.b k.ab.c k.a>", "k.b k.b.a k ka"},
		{"a*", "ab a*", "a b a.b ab.c"},
		{"a>", "a ab a.b", "b b.a"},
		{"k.*.a*", "k.x.ab k.y.a*", "k.ab k.x.a k.x.y.ab j.x.ab k.x.b"},
		{"*.x.a>", "k.x.a k.x.ab.c", "k.y.a x.a"},
		{"k.**", "k.*b", "k.a k.*"},
		{"k.a*b*", "k.a*bc", "k.a*b k.axbc"},
	} {
		p, ok := ParsePrefix(c.pattern)
		if !ok {
			t.Fatalf("%q is none", c.pattern)
		}
		for _, s := range strings.Fields(c.matches) {
			if !p.Matches([]byte(s)) || !Matches(p.Cover(), s) {
				t.Errorf("%q does not match %q, or its cover %q does not", c.pattern, s, p.Cover())
			}
		}
		for _, s := range strings.Fields(c.others) {
			if p.Matches([]byte(s)) {
				t.Errorf("%q matches %q", c.pattern, s)
			}
		}
	}
	for _, pattern := range []string{"", "*", ">", "a", "a.*", "a.>", "*a", ">a", "a*.b", "a.b*c", "*.>"} {
		if _, ok := ParsePrefix(pattern); ok {
			t.Errorf("%q is one", pattern)
		}
	}
}

// Whatever a prefix matches its cover matches, too.
func TestPrefixIsCovered(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	word := func(letters string) string {
		tokens := make([]string, 1+rng.IntN(3))
		for i := range tokens {
			for range 1 + rng.IntN(3) {
				tokens[i] += string(letters[rng.IntN(len(letters))])
			}
		}
		return strings.Join(tokens, ".")
	}
	matched := 0
	for range 20000 {
		p, ok := ParsePrefix(word("a*") + string("*>"[rng.IntN(2)]))
		literal := word("aab*")
		if !ok || !p.Matches([]byte(literal)) {
			continue
		}
		if matched++; !Matches(p.Cover(), literal) {
			t.Fatalf("%+v matches %q, %q does not", p, literal, p.Cover())
		}
	}
	if matched == 0 {
		t.Fatal("nothing matched")
	}
}
