package config

import (
	"iter"

	"myelin/internal/subject"
)

// Flow is the way that messages take by an import: of a stream from the exporting account to the importing one, of a
// service, whose messages are requests, from the importing one to the exporting one.
type Flow struct {
	service        bool
	from, to       place
	owner, subject string // the importing account, and what it imports
	at             int    // of Flows: where it stands among those from the same place
}

// place is a pattern in an account.
type place struct{ account, pattern string }

// FlowOf is the way of an import, whose path is p.
func FlowOf(importer string, i *Import, p *Path) *Flow {
	there, here := place{i.Account, p.Remote}, place{importer, p.Local}
	f := &Flow{service: i.Service, from: there, to: here, owner: importer, subject: i.Subject}
	if i.Service {
		f.from, f.to = here, there
	}
	return f
}

// Flows are the ways that messages take between accounts, to find those that lead in a circle. Those from one place are kept
// together. It is for one goroutine at a time.
type Flows struct{ kinds [2]departures } // of streams, of services: no message goes from one to the other

type departures struct {
	places   map[place]*departure
	accounts map[string]*subject.Overlaps[*departure] // the same by account
}

// departure has the flows from a place.
type departure struct{ flows []*Flow }

func (f *Flows) of(service bool) *departures {
	if service {
		return &f.kinds[1]
	}
	return &f.kinds[0]
}

// Add has a flow among the others, in which it is not yet.
func (f *Flows) Add(x *Flow) {
	d := f.of(x.service)
	from := d.places[x.from]
	if from == nil {
		if d.places == nil {
			*d = departures{make(map[place]*departure), make(map[string]*subject.Overlaps[*departure])}
		}
		from = &departure{}
		d.places[x.from] = from
		account := d.accounts[x.from.account]
		if account == nil {
			account = &subject.Overlaps[*departure]{}
			d.accounts[x.from.account] = account
		}
		account.Add(x.from.pattern, from)
	}
	x.at = len(from.flows)
	from.flows = append(from.flows, x)
}

// Remove takes out a flow that was added.
func (f *Flows) Remove(x *Flow) {
	d := f.of(x.service)
	from := d.places[x.from]
	last := len(from.flows) - 1
	from.flows[x.at] = from.flows[last]
	from.flows[x.at].at = x.at
	from.flows[last] = nil
	if from.flows = from.flows[:last]; last > 0 {
		return
	}
	delete(d.places, x.from)
	account := d.accounts[x.from.account]
	if account.Remove(x.from.pattern, from); account.Empty() {
		delete(d.accounts, x.from.account)
	}
}

// onwards yields the flows that a message may take that is at a place.
func (d *departures) onwards(at place) iter.Seq[*Flow] {
	return func(yield func(*Flow) bool) {
		account := d.accounts[at.account]
		if account == nil {
			return
		}
		for _, from := range account.Find(at.pattern, nil) {
			for _, x := range from.flows {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// Circle reports whether a message that takes a way which is not among the flows could come back to where it began.
func (f *Flows) Circle(x *Flow) bool {
	d, seen := f.of(x.service), make(map[place]bool)
	var visit func(at place) bool
	visit = func(at place) bool {
		if at.account == x.from.account && subject.Overlap(at.pattern, x.from.pattern) {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		for next := range d.onwards(at) {
			if visit(next.to) {
				return true
			}
		}
		return false
	}
	return visit(x.to)
}

// circles returns one of each circle that flows make. It takes them together: asking Circle about each in turn would look at all
// that leave a hub for each one that leads to it.
func circles(list []*Flow) (found []*Flow) {
	var all Flows
	for _, x := range list {
		all.Add(x)
	}
	const current, done = 1, 2
	visited := [2]map[place]int{{}, {}} // where flows lead
	var visit func(x *Flow)
	visit = func(x *Flow) {
		state := visited[0]
		if x.service {
			state = visited[1]
		}
		switch state[x.to] {
		case current:
			found = append(found, x)
			return
		case done:
			return
		}
		state[x.to] = current
		for next := range all.of(x.service).onwards(x.to) {
			visit(next)
		}
		state[x.to] = done
	}
	for _, service := range []bool{false, true} { // first what is wrong with streams
		for _, x := range list {
			if x.service == service {
				visit(x)
			}
		}
	}
	return found
}
