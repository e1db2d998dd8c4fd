package subject

import (
	"bytes"
	"slices"
)

// Index maps patterns to values and finds the values of all patterns that match a literal subject.
//
// Patterns without wildcards stand in a hash map, so that the common case is one look-up; the others in
// a tree with one level per token. The zero value of V means "absent". An Index is not safe for
// concurrent use while it is being changed; concurrent calls of Match are fine.
type Index[V comparable] struct {
	literals  map[string]V
	wildcards level[V]
	patterns  int // number of patterns in wildcards
}

// level holds what may follow a common prefix of tokens. Most levels have few tokens, and a map for each
// would make a long pattern cost a hundred times its length.
type level[V comparable] struct {
	few    []*branch[V]          // while there are at most maxFew
	tokens map[string]*branch[V] // when there are more
	star   *branch[V]
	rest   V // value of the pattern that ends here with `>`
}

const maxFew = 4

// branch is one token of a pattern: the value of the pattern that ends with it, and what may follow.
type branch[V comparable] struct {
	token string
	value V
	next  level[V]
}

func (l *level[V]) empty() bool {
	var none V
	return len(l.few) == 0 && len(l.tokens) == 0 && l.star == nil && l.rest == none
}

// Len is the number of patterns with a value.
func (x *Index[V]) Len() int { return len(x.literals) + x.patterns }

// Get returns the value of exactly this pattern.
func (x *Index[V]) Get(pattern string) V {
	if !HasWildcard(pattern) {
		return x.literals[pattern]
	}
	if at := x.wildcards.find(pattern, false); at != nil {
		return *at
	}
	var none V
	return none
}

// Set gives the pattern a value. The pattern must be valid; the index keeps the string.
func (x *Index[V]) Set(pattern string, v V) {
	var none V
	if v == none {
		x.Delete(pattern)
		return
	}
	if !HasWildcard(pattern) {
		if x.literals == nil {
			x.literals = make(map[string]V)
		}
		x.literals[pattern] = v
		return
	}
	at := x.wildcards.find(pattern, true)
	if *at == none {
		x.patterns++
	}
	*at = v
}

// Delete removes the pattern.
func (x *Index[V]) Delete(pattern string) {
	if !HasWildcard(pattern) {
		delete(x.literals, pattern)
		return
	}
	if x.wildcards.remove(pattern) {
		x.patterns--
	}
}

// find returns the place of the pattern's value, made on the way when create is set, else nil when absent.
func (l *level[V]) find(pattern string, create bool) *V {
	for {
		token := FirstToken(pattern)
		last := len(token) == len(pattern)
		if last && token == rest {
			return &l.rest
		}
		b := l.branch(token)
		if b == nil {
			if !create {
				return nil
			}
			b = l.grow(token)
		}
		if last {
			return &b.value
		}
		l, pattern = &b.next, pattern[len(token)+1:]
	}
}

func (l *level[V]) branch(token string) *branch[V] {
	if token == one {
		return l.star
	}
	return literal(l, token)
}

// literal finds the branch of a token that is no wildcard.
func literal[V comparable, T string | []byte](l *level[V], token T) *branch[V] {
	for _, b := range l.few {
		if b.token == string(token) {
			return b
		}
	}
	return l.tokens[string(token)]
}

func (l *level[V]) grow(token string) *branch[V] {
	b := &branch[V]{token: token}
	switch {
	case token == one:
		l.star = b
	case l.tokens != nil:
		l.tokens[token] = b
	case len(l.few) < maxFew:
		l.few = append(l.few, b)
	default:
		l.tokens = map[string]*branch[V]{token: b}
		for _, other := range l.few {
			l.tokens[other.token] = other
		}
		l.few = nil
	}
	return b
}

// shrink takes out a branch that leads nowhere.
func (l *level[V]) shrink(b *branch[V]) {
	if b == l.star {
		l.star = nil
		return
	}
	delete(l.tokens, b.token)
	if i := slices.Index(l.few, b); i >= 0 {
		l.few = slices.Delete(l.few, i, i+1)
	}
}

// remove clears the pattern's value and prunes branches that lead nowhere; false when there was none.
func (l *level[V]) remove(pattern string) bool {
	var none V
	token := FirstToken(pattern)
	last := len(token) == len(pattern)
	if last && token == rest {
		had := l.rest != none
		l.rest = none
		return had
	}
	b := l.branch(token)
	if b == nil {
		return false
	}
	var had bool
	if last {
		had, b.value = b.value != none, none
	} else {
		had = b.next.remove(pattern[len(token)+1:])
	}
	if b.value == none && b.next.empty() {
		l.shrink(b)
	}
	return had
}

// Match appends to dst the values of all patterns that match the literal subject. A subject with an
// empty token matches nothing.
func (x *Index[V]) Match(subject []byte, dst []V) []V {
	dst, _ = x.MatchStem(subject, dst)
	return dst
}

// MatchStem is Match that also says how much of the subject it looked at: patterns with wildcards that match it match
// every subject that begins with its first stem bytes, which end with a dot, and has as many tokens. There is no such
// stem if it is as long as the subject.
func (x *Index[V]) MatchStem(subject []byte, dst []V) (found []V, stem int) {
	if TokensIn(subject) == 0 {
		return dst, len(subject)
	}
	if v, ok := x.literals[string(subject)]; ok {
		dst = append(dst, v)
	}
	w := walk[V]{found: dst, length: len(subject)}
	if x.patterns > 0 {
		x.wildcards.match(subject, &w)
	}
	return w.found, w.stem
}

// Literal is the value of the pattern that is the literal subject itself.
func (x *Index[V]) Literal(subject []byte) V { return x.literals[string(subject)] }

// walk is a look for what matches a subject.
type walk[V comparable] struct {
	found  []V
	length int // of the subject
	stem   int // bytes of it that were compared with tokens of patterns
}

func (l *level[V]) match(subject []byte, w *walk[V]) {
	var none V
	for {
		if l.rest != none {
			w.found = append(w.found, l.rest)
		}
		token, tail, more := bytes.Cut(subject, []byte{separator})
		if l.star != nil {
			l.star.match(tail, more, w)
		}
		if len(l.few)+len(l.tokens) == 0 {
			return
		}
		w.stem = max(w.stem, w.length-len(tail))
		b := literal(l, token)
		if b == nil {
			return
		}
		if !more {
			b.match(nil, false, w)
			return
		}
		l, subject = &b.next, tail
	}
}

func (b *branch[V]) match(tail []byte, more bool, w *walk[V]) {
	var none V
	if more {
		b.next.match(tail, w)
	} else if b.value != none {
		w.found = append(w.found, b.value)
	}
}

// Each calls visit with every pattern's value, in no order, until it returns false.
func (x *Index[V]) Each(visit func(V) bool) {
	for _, v := range x.literals {
		if !visit(v) {
			return
		}
	}
	x.wildcards.each(visit)
}

func (l *level[V]) each(visit func(V) bool) bool {
	var none V
	if l.rest != none && !visit(l.rest) {
		return false
	}
	if l.star != nil && !l.star.each(visit) {
		return false
	}
	for _, b := range l.few {
		if !b.each(visit) {
			return false
		}
	}
	for _, b := range l.tokens {
		if !b.each(visit) {
			return false
		}
	}
	return true
}

func (b *branch[V]) each(visit func(V) bool) bool {
	var none V
	if b.value != none && !visit(b.value) {
		return false
	}
	return b.next.each(visit)
}
