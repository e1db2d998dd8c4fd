package stream

import (
	"cmp"
	"iter"
	"slices"

	"myelin/internal/subject"
)

// A pattern such as a.b* means one subject wherever messages are told apart by it. Where subjects are listed, and where the last message
// of each is looked for, it means those that begin with a.b: clients ask for keys in this way.

// isPrefix reports whether a pattern matches more than itself where subjects are listed.
func isPrefix(pattern string) bool {
	_, ok := subject.ParsePrefix(pattern)
	return ok
}

// listed returns the numbers of the subjects that a pattern, or prefix, matches, in no order that means anything.
func (t *table) listed(pattern string) (ids []uint32) {
	p, ok := subject.ParsePrefix(pattern)
	if !ok {
		return t.matching(pattern)
	}
	t.subjects.like(p.Cover(), func(id uint32, text []byte) {
		if p.Matches(text) {
			ids = append(ids, id)
		}
	})
	return ids
}

// SubjectsLike is Subjects, but that a filter such as a.b* yields those that begin so.
func (s *State) SubjectsLike(filter string) iter.Seq2[[]byte, uint64] {
	return s.yield(func() []uint32 { return s.table.listed(cmp.Or(filter, ">")) })
}

// covers are patterns that match all that filters, or prefixes, do.
func covers(filters []string) []string {
	if !slices.ContainsFunc(filters, isPrefix) {
		return filters
	}
	wider := slices.Clone(filters)
	for i, f := range wider {
		if p, ok := subject.ParsePrefix(f); ok {
			wider[i] = p.Cover()
		}
	}
	slices.Sort(wider)
	return slices.Compact(wider)
}

// mayBegin reports whether c may begin with a message: it is there, and its filter takes it, or its subject begins as a filter says.
func (s *State) mayBegin(c *consumer, seq uint64) bool {
	if c.filter.set.has(seq) {
		return true
	}
	t := &s.table
	at, ok := t.find(seq)
	if !ok || t.seq(at) != seq || s.outbox.isHidden(seq) {
		return false
	}
	text := t.subjects.text(t.at(at).subject - 1)
	return slices.ContainsFunc(c.config.Filters(), func(f string) bool {
		p, ok := subject.ParsePrefix(f)
		return ok && p.Matches(text)
	})
}
