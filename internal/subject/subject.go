// Package subject knows what a subject is: its tokens, its wildcards, and what matches what.
//
// A subject is a list of non-empty tokens separated by dots, without white space. In a pattern the token
// `*` stands for exactly one token and a final `>` for one or more. Subjects are bytes: nothing here
// asks whether they are valid UTF-8, and case matters.
//
// The package is pure. Index maps patterns to values (who is interested), Transform and Mappings rewrite
// subjects.
package subject

import (
	"strings"
)

const (
	separator = '.'
	one       = "*" // stands for one token
	rest      = ">" // stands for one or more final tokens
)

// ValidPattern reports whether s may be subscribed to: tokens are not empty and hold no white space,
// and `>` stands alone only as the last token.
func ValidPattern(s string) bool {
	for {
		token, tail, more := strings.Cut(s, ".")
		if token == "" || (token == rest && more) || strings.ContainsAny(token, " \t\n\r\f") {
			return false
		}
		if !more {
			return true
		}
		s = tail
	}
}

// ValidLiteral reports whether s may be published to: a valid pattern without wildcards.
func ValidLiteral(s string) bool { return ValidPattern(s) && !HasWildcard(s) }

// HasWildcard reports whether any token of s is a wildcard. A `*` or `>` inside of a longer token is an
// ordinary character.
func HasWildcard(s string) bool {
	if !strings.ContainsAny(s, "*>") {
		return false
	}
	for {
		token, tail, more := strings.Cut(s, ".")
		if token == one || token == rest {
			return true
		}
		if !more {
			return false
		}
		s = tail
	}
}

// Tokens is the number of tokens of s.
func Tokens(s string) int { return strings.Count(s, ".") + 1 }

// Matches reports whether the literal subject is among those that pattern stands for.
func Matches(pattern, literal string) bool {
	for {
		p, patternTail, patternMore := strings.Cut(pattern, ".")
		if p == rest && !patternMore {
			return literal != ""
		}
		l, literalTail, literalMore := strings.Cut(literal, ".")
		if p != one && p != l || l == "" || patternMore != literalMore {
			return false
		}
		if !patternMore {
			return true
		}
		pattern, literal = patternTail, literalTail
	}
}

// TokensIn is the number of tokens of a literal subject, 0 if one of them is empty.
func TokensIn(s []byte) int {
	n, start := 1, 0 // of the token
	for i, c := range s {
		if c == separator {
			if i == start {
				return 0
			}
			n, start = n+1, i+1
		}
	}
	if start == len(s) {
		return 0
	}
	return n
}

// FirstToken is the part of s before its first dot.
func FirstToken[T string | []byte](s T) T {
	for i := range len(s) {
		if s[i] == separator {
			return s[:i]
		}
	}
	return s
}
