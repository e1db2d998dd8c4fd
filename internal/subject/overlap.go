package subject

import "strings"

// Overlap reports whether some literal subject matches both patterns.
func Overlap(a, b string) bool {
	for {
		s, tailA, moreA := strings.Cut(a, ".")
		t, tailB, moreB := strings.Cut(b, ".")
		if s == rest && !moreA || t == rest && !moreB {
			return s != "" && t != ""
		}
		if s != one && t != one && s != t || moreA != moreB {
			return false
		}
		if !moreA {
			return true
		}
		a, b = tailA, tailB
	}
}

// Within reports whether every literal subject that pattern stands for matches outer too.
func Within(pattern, outer string) bool {
	for {
		s, tailS, moreS := strings.Cut(pattern, ".")
		t, tailT, moreT := strings.Cut(outer, ".")
		if t == rest && !moreT {
			return s != ""
		}
		if s == rest && !moreS || t != one && s != t || moreS != moreT {
			return false
		}
		if !moreS {
			return true
		}
		pattern, outer = tailS, tailT
	}
}
