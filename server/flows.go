package server

import "myelin/internal/subject"

// flows are the ways that messages take between accounts, to find those that lead in a circle: by account, those that leave it. The
// ways of services are those of requests.
type flows map[string]*leaving

type leaving struct {
	literal map[string]joints // by the subject
	wild    joints            // whose subjects are patterns
}

type joints map[*joint]bool

// any reports whether one of them is asked for.
func (j joints) any(is func(*joint) bool) bool {
	for x := range j {
		if is(x) {
			return true
		}
	}
	return false
}

func (f flows) add(x *joint) {
	account, pattern := x.from()
	from := f[account]
	if from == nil {
		from = &leaving{literal: make(map[string]joints), wild: make(joints)}
		f[account] = from
	}
	switch {
	case subject.HasWildcard(pattern):
		from.wild[x] = true
	case from.literal[pattern] == nil:
		from.literal[pattern] = joints{x: true}
	default:
		from.literal[pattern][x] = true
	}
}

func (f flows) remove(x *joint) {
	account, pattern := x.from()
	from := f[account]
	delete(from.wild, x)
	delete(from.literal[pattern], x)
	if len(from.literal[pattern]) == 0 {
		delete(from.literal, pattern)
	}
	if len(from.literal)+len(from.wild) == 0 {
		delete(f, account)
	}
}

// circle reports whether a message that takes a way which is not among the flows could come back to where it began.
func (f flows) circle(x *joint) bool {
	start, begin := x.from()
	seen := make(map[string]bool) // places
	var visit func(account, pattern string) bool
	visit = func(account, pattern string) bool {
		if account == start && subject.Overlap(pattern, begin) {
			return true
		}
		place := account + " " + pattern
		if seen[place] {
			return false
		}
		seen[place] = true
		return f[account].any(x.of.Service, pattern, func(next *joint) bool { return visit(next.to()) })
	}
	return visit(x.to())
}

// any calls visit with those that a message on a pattern may take, until it returns true.
func (l *leaving) any(service bool, pattern string, visit func(*joint) bool) bool {
	if l == nil {
		return false
	}
	fits := func(x *joint) bool {
		_, from := x.from()
		return x.of.Service == service && subject.Overlap(from, pattern) && visit(x)
	}
	if l.wild.any(fits) {
		return true
	}
	if !subject.HasWildcard(pattern) {
		return l.literal[pattern].any(fits)
	}
	for _, list := range l.literal {
		if list.any(fits) {
			return true
		}
	}
	return false
}

// from is where messages begin that take the way of an import.
func (s *joint) from() (account, pattern string) {
	if s.of.Service {
		return s.importer, s.path.Local
	}
	return s.of.Account, s.path.Remote
}

// to is where they lead.
func (s *joint) to() (account, pattern string) {
	if s.of.Service {
		return s.of.Account, s.path.Remote
	}
	return s.importer, s.path.Local
}
