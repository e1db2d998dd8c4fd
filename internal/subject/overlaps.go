package subject

import (
	"slices"
	"strings"
)

// Overlaps finds the values of all patterns that have a literal subject in common with another one. A pattern may have several
// values. It is not safe for concurrent use while it is being changed.
type Overlaps[V comparable] struct {
	next   map[string]*Overlaps[V] // by the token that follows
	values []V                     // of the pattern that ends here
}

// Add gives a pattern one more value.
func (o *Overlaps[V]) Add(pattern string, v V) {
	for token := range strings.SplitSeq(pattern, ".") {
		next := o.next[token]
		if next == nil {
			next = &Overlaps[V]{}
			if o.next == nil {
				o.next = make(map[string]*Overlaps[V], 1)
			}
			o.next[token] = next
		}
		o = next
	}
	o.values = append(o.values, v)
}

// Remove takes a value from a pattern.
func (o *Overlaps[V]) Remove(pattern string, v V) {
	token, tail, more := strings.Cut(pattern, ".")
	next := o.next[token]
	switch {
	case next == nil:
		return
	case more:
		next.Remove(tail, v)
	default:
		if at := slices.Index(next.values, v); at >= 0 {
			next.values = slices.Delete(next.values, at, at+1)
		}
	}
	if next.Empty() {
		delete(o.next, token)
	}
}

// Empty reports whether no pattern has a value.
func (o *Overlaps[V]) Empty() bool { return len(o.values) == 0 && len(o.next) == 0 }

// Find appends to dst the values of the patterns that overlap with one.
func (o *Overlaps[V]) Find(pattern string, dst []V) []V {
	if len(o.next) == 0 {
		return dst
	}
	token, tail, more := strings.Cut(pattern, ".")
	if token == rest && !more {
		return o.below(dst)
	}
	if all := o.next[rest]; all != nil {
		dst = append(dst, all.values...)
	}
	follow := func(next *Overlaps[V]) {
		switch {
		case next == nil:
		case more:
			dst = next.Find(tail, dst)
		default:
			dst = append(dst, next.values...)
		}
	}
	if token != one {
		follow(o.next[one])
		follow(o.next[token])
		return dst
	}
	for _, name := range o.names() {
		if name != rest {
			follow(o.next[name])
		}
	}
	return dst
}

// below appends everything behind here.
func (o *Overlaps[V]) below(dst []V) []V {
	for _, name := range o.names() {
		next := o.next[name]
		dst = next.below(append(dst, next.values...))
	}
	return dst
}

// names are the tokens that follow, always in the same order.
func (o *Overlaps[V]) names() []string {
	list := make([]string, 0, len(o.next))
	for name := range o.next {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
