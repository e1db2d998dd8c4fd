package stream

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"myelin/internal/subject"
)

// filter is what all consumers with the same filter subjects share: the messages that these match.
type filter struct {
	id        uint64   // names it in groups; never used again
	place     int      // in the list
	subjects  []string // none: all
	set       ranks    // the sequences of the messages
	consumers []*consumer
	late      []*consumer // of these, maybe, who start behind the next message; swept when somebody asks
	busy      busyHeap    // of these, who wait for acks of messages of this filter
	touched   bool        // it is listed in Effects
	closed    bool        // no later message belongs to it; it has one consumer, which is not listed
	wider     bool        // closed, and may have messages that the filter of its consumer does not take
}

// filters finds the filters of a message by the number of its subject. Which filters match a subject is
// found out when its first message comes, and after filters that match it come or go.
type filters struct {
	all      *filter   // the one without subjects, if there is one
	list     []*filter // the others; nil: free
	lastID   uint64
	used     int                // of list
	byKey    map[string]*filter // open ones
	index    subject.Index[*patternFilters]
	groups   [][]*filter       // distinct sets of filters, by number; the first is empty
	numbers  map[string]uint32 // of groups
	subjects []uint32          // by number of subject: number of its group plus one; 0: not known
	deferred bool              // a restoration fills all at once
	matched  []*patternFilters // scratch
	name     []byte            // scratch
}

// patternFilters are the filters that have a pattern.
type patternFilters struct{ list []*filter }

// minGroups is how many groups there may be before those without subjects are looked for.
const minGroups = 1024

// filterKey is the same for lists of filters that share a filter; empty for those of all messages.
func filterKey(subjects []string) string {
	if slices.Contains(subjects, ">") {
		return ""
	}
	sorted := slices.Clone(subjects)
	slices.Sort(sorted)
	return strings.Join(sorted, separatesFilters)
}

// none reports whether no consumer is interested in anything.
func (x *filters) none() bool { return x.all == nil && x.used == 0 }

// open returns the filter of some subjects, a new one if need be, which is filled from the table.
func (x *filters) open(subjects []string, t *table) *filter {
	key := filterKey(subjects)
	if key == "" {
		if x.all == nil {
			x.all = &filter{}
			if !x.deferred {
				t.eachRecord(func(seq uint64, _ *record) { x.all.set.add(seq) })
			}
		}
		return x.all
	}
	if f := x.byKey[key]; f != nil {
		return f
	}
	f := &filter{subjects: subjects}
	if x.byKey == nil {
		x.byKey = map[string]*filter{}
	}
	x.byKey[key] = f
	x.enter(f, t)
	if !x.deferred {
		t.fill(&f.set, t.matchingAny(subjects))
	}
	return f
}

// fill fills all filters that were opened since it was deferred, which are all there are, in one walk.
func (x *filters) fill(t *table) {
	x.deferred = false
	t.eachRecord(func(seq uint64, r *record) {
		id := r.subject - 1
		if x.all != nil {
			x.all.set.add(seq)
		}
		if x.used > 0 {
			for _, f := range x.of(id, t.subjects.text(id), false) {
				f.set.add(seq)
			}
		}
	})
}

// closedTo returns a filter of its own with given members, which only loses some. Subjects may be prefixes.
func (x *filters) closedTo(subjects []string, members ranks, t *table) *filter {
	f := &filter{subjects: covers(subjects), wider: slices.ContainsFunc(subjects, isPrefix), closed: true, set: members}
	x.enter(f, t)
	return f
}

// enter lists a filter and makes it found.
func (x *filters) enter(f *filter, t *table) {
	at := slices.Index(x.list, nil)
	if at < 0 || x.used == len(x.list) {
		at = len(x.list)
		x.list = append(x.list, nil)
	}
	x.lastID++
	x.list[at], f.place, f.id = f, at, x.lastID
	x.used++
	for _, pattern := range f.subjects {
		p := x.index.Get(pattern)
		if p == nil {
			p = new(patternFilters)
			x.index.Set(pattern, p)
		}
		p.list = append(p.list, f)
	}
	x.forget(f, t)
}

// drop takes a filter out.
func (x *filters) drop(f *filter, t *table) {
	if f == x.all {
		x.all = nil
		return
	}
	for _, pattern := range f.subjects {
		p := x.index.Get(pattern)
		p.list = slices.DeleteFunc(p.list, func(other *filter) bool { return other == f })
		if len(p.list) == 0 {
			x.index.Delete(pattern)
		}
	}
	x.list[f.place] = nil
	f.set.clear() // groups that no subject has may still know it
	x.used--
	if !f.closed {
		delete(x.byKey, filterKey(f.subjects))
	}
	x.forget(f, t)
	if x.used == 0 {
		*x = filters{all: x.all, lastID: x.lastID}
	}
}

// forget makes the groups of the subjects that a filter matches unknown: of all, where it would take longer
// to tell which those are.
func (x *filters) forget(f *filter, t *table) {
	switch {
	case len(x.groups) > minGroups+2*x.used:
		clear(x.subjects)
		x.groups, x.numbers = nil, nil
		return
	case slices.ContainsFunc(f.subjects, subject.HasWildcard):
		clear(x.subjects)
		return
	}
	for _, id := range t.matchingAny(f.subjects) {
		if int(id) < len(x.subjects) {
			x.subjects[id] = 0
		}
	}
}

// of returns the filters with subjects that match the subject of a number, whose text it is.
func (x *filters) of(id uint32, text []byte, fresh bool) []*filter {
	if x.used == 0 {
		return nil
	}
	if int(id) >= len(x.subjects) {
		x.subjects = append(x.subjects, make([]uint32, max(int(id)+1-len(x.subjects), len(x.subjects)/4))...)
	}
	if fresh || x.subjects[id] == 0 {
		x.subjects[id] = x.group(text) + 1
	}
	return x.groups[x.subjects[id]-1]
}

// group returns the number of the group of filters that match a subject.
func (x *filters) group(text []byte) uint32 {
	x.matched = x.index.Match(text, x.matched[:0])
	if x.numbers == nil {
		x.groups, x.numbers = [][]*filter{nil}, map[string]uint32{"": 0}
	}
	if len(x.matched) == 0 {
		return 0
	}
	var few [8]*filter
	list := few[:0]
	for _, p := range x.matched {
		list = append(list, p.list...)
	}
	slices.SortFunc(list, func(a, b *filter) int { return cmp.Compare(a.id, b.id) })
	list = slices.Compact(list)
	x.name = x.name[:0]
	for _, f := range list {
		x.name = binary.LittleEndian.AppendUint64(x.name, f.id)
	}
	number, ok := x.numbers[string(x.name)]
	if !ok {
		number = uint32(len(x.groups))
		x.numbers[string(x.name)] = number
		x.groups = append(x.groups, slices.Clone(list))
	}
	return number
}

// each visits the filters of a message, by the number of its subject.
func (x *filters) each(id uint32, text []byte, fresh bool, visit func(*filter)) {
	if x.all != nil {
		visit(x.all)
	}
	for _, f := range x.of(id, text, fresh) {
		visit(f)
	}
}

// eachRecord visits the live records in the order of their sequences.
func (t *table) eachRecord(visit func(seq uint64, r *record)) {
	for _, b := range t.blocks {
		for i := range b.records {
			if r := &b.records[i]; r.subject != 0 {
				visit(b.first+uint64(b.offset(i)), r)
			}
		}
	}
}

// matchingAny returns the numbers of the subjects that one of some patterns matches.
func (t *table) matchingAny(patterns []string) []uint32 { return t.any(patterns, t.matching) }

// any returns the numbers, each once, that find does for some patterns.
func (t *table) any(patterns []string, find func(string) []uint32) (ids []uint32) {
	for _, pattern := range patterns {
		ids = append(ids, find(pattern)...)
	}
	if len(patterns) > 1 {
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return ids
}

// fill adds the records of some subjects, each of which is named once, to an empty set.
func (t *table) fill(set *ranks, ids []uint32) {
	total := uint64(0)
	for _, id := range ids {
		total += t.subjects.at(id).messages
	}
	if total <= t.messages/manyRecords+blockRecords {
		set.addAll(t.sequences(ids))
		return
	}
	if len(ids) == t.subjects.count {
		t.eachRecord(func(seq uint64, _ *record) { set.add(seq) })
		return
	}
	matches := make([]bool, t.subjects.used)
	for _, id := range ids {
		matches[id] = true
	}
	t.eachRecord(func(seq uint64, r *record) {
		if matches[r.subject-1] {
			set.add(seq)
		}
	})
}

// clear takes all messages out of all filters.
func (x *filters) clear() {
	if x.all != nil {
		x.all.set.clear()
	}
	for _, f := range x.list {
		if f != nil {
			f.set.clear()
		}
	}
	clear(x.subjects)
}
