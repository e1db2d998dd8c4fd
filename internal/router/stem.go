package router

import (
	"bytes"

	"myelin/internal/subject"
)

// stems is how many a publisher remembers.
const stems = 2

// stem is a match for all subjects that begin alike and have the same number of tokens, except for subscriptions to one of them
// without wildcards. Replies and acknowledgements are such: no two have the same subject, and they all go to the same place.
type stem struct {
	prefix []byte // up to a dot, the first token at least
	tokens int    // behind it; 0: there is no stem
	stamp  stamp  // of the patterns with wildcards
	match  match
	refs   int
}

// takes reports whether the stem holds for a literal subject.
func (s *stem) takes(r *Router, literal []byte) bool {
	return s.tokens > 0 && bytes.HasPrefix(literal, s.prefix) && s.stamp.sum == s.stamp.wild(r) &&
		subject.TokensIn(literal[len(s.prefix):]) == s.tokens
}

// findOnce is find for a subject that is not likely to come again: it is not remembered, but for its stem.
func (c *cache) findOnce(r *Router, literal []byte) *match {
	c.matches++
	for i := range c.stems {
		if s := &c.stems[i]; s.takes(r, literal) && !r.subscribed(literal) {
			c.hits++
			return &s.match
		}
	}
	c.fill(r, &c.spare, literal, 0, true)
	return &c.spare.match
}

// subscribed reports whether there is a subscription to just this subject.
func (r *Router) subscribed(literal []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.Literal(literal) != nil
}

// keepStem remembers the answer for a subject that was just looked up, if it is one for others, too: heads match it, and only its first
// bytes were looked at. The router is locked.
func (c *cache) keepStem(r *Router, literal []byte, length int, heads []*Sub) {
	length = max(length, len(subject.FirstToken(literal))+1)
	if length >= len(literal) || length > maxCachedSubject || r.maxCache == 0 || r.index.Literal(literal) != nil || filters(heads) {
		return
	}
	s := &c.stems[c.nextStem]
	c.nextStem = (c.nextStem + 1) % stems
	c.refs -= s.refs
	s.prefix, s.tokens = append(s.prefix[:0], literal[:length]...), subject.TokensIn(literal[length:])
	s.stamp = r.stampOf(literal, 0)
	s.stamp.sum = s.stamp.wild(r)
	s.match.reset()
	s.refs = s.match.collect(heads, literal)
	c.refs += s.refs
}

// filters reports whether one of the subscriptions is kept from some of what it matches.
func filters(heads []*Sub) bool {
	for _, head := range heads {
		for s := head; s != nil; s = s.next {
			if filter, ok := s.Sink.(Filter); ok && filter.Filters() {
				return true
			}
		}
	}
	return false
}
