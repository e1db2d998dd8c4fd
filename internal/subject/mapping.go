package subject

import (
	"errors"
	"fmt"
	"slices"

	"myelin/internal/must"
)

// WeightedDest is one destination of a mapping.
type WeightedDest struct {
	Subject string
	Weight  int    // percent of the messages, 0 to 100
	Cluster string // the cluster in which it applies; "" where no destination names the server's own
}

// Mapping spreads the subjects that its source pattern stands for over weighted destinations.
//
// The weights of a cluster's destinations are percentages and sum to at most 100. What they leave over
// keeps its subject, unless the source is itself among the destinations (of whatever cluster): then the
// weights say all, and the rest is lost. That is how loss is simulated. A Mapping is immutable.
type Mapping struct {
	source   source
	explicit bool                // the source is one of its destinations
	choices  map[string][]choice // by cluster
}

// choice is a destination that is taken by a draw below its limit, a running total of percentages.
type choice struct {
	transform *Transform
	limit     uint32
}

// NewMapping compiles a mapping.
func NewMapping(src string, dests []WeightedDest) (*Mapping, error) {
	if !ValidPattern(src) {
		return nil, ErrInvalidSubject
	}
	m := &Mapping{source: newSource(src), choices: make(map[string][]choice)}
	for i, d := range dests {
		sameSubject := func(other WeightedDest) bool { return other.Subject == d.Subject }
		if slices.ContainsFunc(dests[:i], sameSubject) {
			return nil, fmt.Errorf("duplicate entry for %q", d.Subject)
		}
		if err := m.add(d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Mapping) add(d WeightedDest) error {
	if d.Weight < 0 || d.Weight > 100 {
		return fmt.Errorf("weight %d of %q is not between 0 and 100", d.Weight, d.Subject)
	}
	t, err := NewTransform(m.source.pattern, d.Subject)
	if err != nil {
		return err
	}
	list := m.choices[d.Cluster]
	limit := uint32(d.Weight)
	if n := len(list); n > 0 {
		limit += list[n-1].limit
	}
	if limit > 100 {
		return errors.New("total weight needs to be <= 100")
	}
	m.choices[d.Cluster] = append(list, choice{t, limit})
	m.explicit = m.explicit || d.Subject == m.source.pattern
	return nil
}

// Source is the pattern of the subjects that the mapping applies to.
func (m *Mapping) Source() string { return m.source.pattern }

// Pick draws a destination for one message on a server of the given cluster ("" for none). No transform
// means that the message keeps its subject, or, where keep is false, that it is lost. rnd returns a
// number below n.
func (m *Mapping) Pick(cluster string, rnd func(n uint32) uint32) (t *Transform, keep bool) {
	if t := m.only(cluster); t != nil {
		return t, true
	}
	draw := rnd(100)
	for _, c := range m.list(cluster) {
		if draw < c.limit {
			return c.transform, true
		}
	}
	return nil, !m.explicit
}

// list is what there is to choose from in a cluster.
func (m *Mapping) list(cluster string) []choice {
	list, ok := m.choices[cluster]
	if !ok {
		list = m.choices[""]
	}
	return list
}

// only is the destination of all messages in a cluster; nil if there is a draw.
func (m *Mapping) only(cluster string) *Transform {
	if list := m.list(cluster); len(list) > 0 && list[0].limit == 100 {
		return list[0].transform
	}
	return nil
}

// Mappings are the mappings of one account on a server of one cluster; nil are none. They are immutable.
type Mappings struct {
	cluster  string
	literals map[string]ranked // by source
	patterns []ranked          // those whose source has wildcards, by rank
}

// ranked is a mapping with its place in the list.
type ranked struct {
	*Mapping
	rank int
}

// NewMappings gathers mappings. Where several match a subject the first of the list applies, alone: what
// is mapped is not mapped again. (The stock server forgets the order of its configuration file, so that
// there any of them may win.)
func NewMappings(cluster string, list []*Mapping) *Mappings {
	ms := &Mappings{cluster: cluster, literals: make(map[string]ranked)}
	for i, m := range list {
		if HasWildcard(m.source.pattern) {
			ms.patterns = append(ms.patterns, ranked{m, i})
		} else if _, ok := ms.literals[m.source.pattern]; !ok {
			ms.literals[m.source.pattern] = ranked{m, i}
		}
	}
	return ms
}

// Map returns what a message published on subject is to be published on: subject itself where nothing
// applies, otherwise the mapped subject, appended to dst. It reports false when a mapping says that the
// message is lost. rnd returns a number below n.
func (ms *Mappings) Map(dst, subject []byte, rnd func(n uint32) uint32) (mapped []byte, ok bool) {
	m := ms.find(subject)
	if m == nil {
		return subject, true
	}
	t, keep := m.Pick(ms.cluster, rnd)
	if t == nil {
		return subject, keep
	}
	mapped, ok = t.Apply(dst, subject, rnd)
	must.True(ok, "a mapping's transform applies where its source matches")
	return mapped, true
}

// Always is Map where the answer is the same for each message on that subject; it reports false where it is not.
func (ms *Mappings) Always(dst, subject []byte) (mapped []byte, ok bool) {
	m := ms.find(subject)
	if m == nil {
		return subject, true
	}
	t := m.only(ms.cluster)
	if t == nil || t.random() {
		return nil, false
	}
	return t.Apply(dst, subject, nil)
}

// find returns the first mapping whose source matches subject.
func (ms *Mappings) find(subject []byte) *Mapping {
	if ms == nil {
		return nil
	}
	var room [16][]byte // on the stack, as in Apply
	literal := ms.literals[string(subject)]
	for i := range ms.patterns {
		m := &ms.patterns[i]
		if literal.Mapping != nil && literal.rank < m.rank {
			break
		}
		if _, _, ok := m.source.match(subject, room[:0]); ok {
			return m.Mapping
		}
	}
	return literal.Mapping
}
