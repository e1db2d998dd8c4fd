package subject

import (
	"bytes"
	"strings"
)

// Prefix is a pattern whose last token is more than a wildcard and ends in one. `orders.new*` stands for the subjects that begin
// with orders.new and have more in the same token, `orders.new>` for those that begin with it, whatever follows. Such a token is an
// ordinary one to Matches and to whoever publishes or subscribes: only those who list what subjects there are read it in this way.
type Prefix struct {
	head   string // the tokens before the last one, which may be wildcards; "": none
	tokens int    // how many those are
	start  string // what the last token has before its wildcard
	rest   bool   // more tokens may follow
}

// ParsePrefix reads a pattern; false: its last token does not end in a wildcard, or is one.
func ParsePrefix(pattern string) (p Prefix, ok bool) {
	end := len(pattern) - 1
	if end < 1 || pattern[end-1] == separator || pattern[end:] != one && pattern[end:] != rest {
		return p, false
	}
	p.start, p.rest = pattern[:end], pattern[end:] == rest
	if dot := strings.LastIndexByte(p.start, separator); dot >= 0 {
		p.head, p.start = p.start[:dot], p.start[dot+1:]
		p.tokens = Tokens(p.head)
	}
	return p, true
}

// Matches reports whether the literal subject is among those that p stands for.
func (p *Prefix) Matches(literal []byte) bool {
	last := 0 // where the token behind the head begins
	for range p.tokens {
		dot := bytes.IndexByte(literal[last:], separator)
		if dot < 0 {
			return false
		}
		last += dot + 1
	}
	more, ok := bytes.CutPrefix(literal[last:], []byte(p.start))
	if !ok || !p.rest && (len(more) == 0 || bytes.IndexByte(more, separator) >= 0) {
		return false
	}
	return p.tokens == 0 || Matches(p.head, string(literal[:last-1]))
}

// Cover is an ordinary pattern that matches all subjects that p stands for, and others.
func (p *Prefix) Cover() string {
	wildcard := one
	if p.rest {
		wildcard = rest
	}
	if p.tokens == 0 {
		return wildcard
	}
	return p.head + string(rune(separator)) + wildcard
}
