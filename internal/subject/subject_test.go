package subject

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for _, row := range []struct {
		subject          string
		pattern, literal bool
	}{
		{"foo", true, true}, {"foo.bar", true, true}, {"$SYS.x", true, true},
		{"foo.*", true, false}, {"*", true, false}, {">", true, false}, {"foo.>", true, false}, {"*.>", true, false},
		{"foo*", true, true}, {"foo.b*r.x>", true, true}, {"foo.**", true, true},
		{"", false, false}, {".", false, false}, {"foo.", false, false}, {".foo", false, false}, {"foo..bar", false, false},
		{">.foo", false, false}, {"foo.>.bar", false, false}, {"foo bar", false, false}, {"foo\tbar", false, false},
	} {
		if got := ValidPattern(row.subject); got != row.pattern {
			t.Errorf("ValidPattern(%q) = %v", row.subject, got)
		}
		if got := ValidLiteral(row.subject); got != row.literal {
			t.Errorf("ValidLiteral(%q) = %v", row.subject, got)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		pattern, literal string
		want             bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a.b", "a", false}, {"a", "a.b", false},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a", false}, {"a.*", "a.b", true}, {"*.b", "a.b", true},
		{">", "a", true}, {">", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "a.b", true}, {"a.>", "a.b.c", true},
		{"a.*.>", "a.b", false},
	} {
		if got := Matches(row.pattern, row.literal); got != row.want {
			t.Errorf("Matches(%q, %q) = %v", row.pattern, row.literal, got)
		}
	}
}

// randomSubject draws up to four tokens from the alphabet.
func randomSubject(rnd *rand.Rand, alphabet ...string) string {
	tokens := make([]string, 1+rnd.Intn(4))
	for i := range tokens {
		tokens[i] = alphabet[rnd.Intn(len(alphabet))]
	}
	return strings.Join(tokens, ".")
}

// The index must agree with Matches over all its patterns, whatever was inserted and removed before.
func TestIndexAgreesWithMatches(t *testing.T) {
	for seed := range int64(20) {
		rnd := rand.New(rand.NewSource(seed))
		var index Index[string]
		have := map[string]bool{}
		for step := range 500 {
			pattern := randomSubject(rnd, "a", "b", "*", "c", ">")
			if !ValidPattern(pattern) {
				continue
			}
			if rnd.Intn(3) == 0 {
				index.Delete(pattern)
				delete(have, pattern)
			} else {
				index.Set(pattern, pattern)
				have[pattern] = true
			}
			if index.Len() != len(have) || (index.Get(pattern) == pattern) != have[pattern] {
				t.Fatalf("seed %d step %d: %d patterns, want %d", seed, step, index.Len(), len(have))
			}
			literal := randomSubject(rnd, "a", "b", "c", "d")
			got := index.Match([]byte(literal), nil)
			var want []string
			for p := range have {
				if Matches(p, literal) {
					want = append(want, p)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: %q matched %v, want %v", seed, step, literal, got, want)
			}
		}
		count := 0
		index.Each(func(p string) bool { count++; return have[p] })
		for p := range have {
			index.Delete(p)
		}
		if count != len(have) || index.Len() != 0 || !index.wildcards.empty() {
			t.Fatalf("seed %d: visited %d of %d; %d remain", seed, count, len(have), index.Len())
		}
	}
}

// What is found for a stem is found for all subjects that begin with it and are as long in tokens.
func TestStemsOfMatches(t *testing.T) {
	stems := 0
	for seed := range int64(200) {
		rnd := rand.New(rand.NewSource(seed))
		var index Index[string]
		for range rnd.Intn(12) {
			if pattern := randomSubject(rnd, "a", "b", "*", "c", ">"); ValidPattern(pattern) {
				index.Set(pattern, pattern)
			}
		}
		for range 50 {
			one, other := []byte(randomSubject(rnd, "a", "b", "c", "d")), []byte(randomSubject(rnd, "a", "b", "c", "d"))
			found, stem := index.MatchStem(one, nil)
			if stem >= len(one) || index.Literal(one) != "" || index.Literal(other) != "" {
				continue
			}
			if !bytes.HasPrefix(other, one[:stem]) || TokensIn(one) != TokensIn(other) {
				continue
			}
			stems++
			if got := index.Match(other, nil); !slices.Equal(got, found) {
				t.Fatalf("seed %d: %q matched %v, %q with the stem %q %v", seed, one, found, other, one[:stem], got)
			}
		}
	}
	if stems < 500 {
		t.Fatalf("%d stems were compared", stems)
	}
}

func TestIndexIgnoresEmptyTokens(t *testing.T) {
	var index Index[string]
	index.Set(">", ">")
	index.Set("a.*", "a.*")
	for _, s := range []string{"", ".", "a.", ".a", "a..b"} {
		if got := index.Match([]byte(s), nil); len(got) != 0 {
			t.Errorf("%q matched %v", s, got)
		}
	}
}

func BenchmarkIndexMatch(b *testing.B) {
	var index Index[string]
	for i := range 100_000 {
		s := fmt.Sprintf("load.%d.topic.%d", i%1000, i)
		index.Set(s, s)
	}
	for i := range 10_000 {
		s := fmt.Sprintf("load.%d.*.%d", i%1000, i)
		index.Set(s, s)
	}
	var dst []string
	for b.Loop() {
		dst = index.Match([]byte("load.77.topic.77077"), dst[:0])
	}
}
