package config

import "myelin/internal/subject"

// flow is the way that messages take by an import: of a stream from the exporting account to the importing one, of a
// service, whose messages are requests, from the importing one to the exporting one.
type flow struct {
	service        bool
	from, to       place
	owner, subject string // the importing account, and what it imports
}

// place is a pattern in an account.
type place struct{ account, pattern string }

func flowOf(importer string, i *Import, p *Path) flow {
	there, here := place{i.Account, p.Remote}, place{importer, p.Local}
	f := flow{service: i.Service, from: there, to: here, owner: importer, subject: i.Subject}
	if i.Service {
		f.from, f.to = here, there
	}
	return f
}

// circles returns one flow of each circle, on which a message could come back to where it was. Flows from one place are taken
// together, and so are those to one place: a hub, with as many flows in as out, has not the square of them to look at.
func circles(flows []flow) (found []*flow) {
	for _, service := range []bool{false, true} {
		c := circuit{leaving: make(map[string]*subject.Overlaps[*flow]), arriving: make(map[place]*arrival)}
		for i := range flows {
			if f := &flows[i]; f.service == service {
				c.add(f)
			}
		}
		for i := range flows {
			if f := &flows[i]; f.service == service {
				c.visit(f)
			}
		}
		found = append(found, c.found...)
	}
	return found
}

// circuit is what flows of one kind make.
type circuit struct {
	leaving  map[string]*subject.Overlaps[*flow] // by account
	arriving map[place]*arrival
	found    []*flow
}

// arrival is a place that flows lead to.
type arrival struct{ visited, current bool }

func (c *circuit) add(f *flow) {
	from := c.leaving[f.from.account]
	if from == nil {
		from = &subject.Overlaps[*flow]{}
		c.leaving[f.from.account] = from
	}
	from.Add(f.from.pattern, f)
	c.arriving[f.to] = &arrival{}
}

// visit follows what goes on from where a flow leads.
func (c *circuit) visit(f *flow) {
	at := c.arriving[f.to]
	switch {
	case at.current:
		c.found = append(c.found, f)
		return
	case at.visited:
		return
	}
	at.visited, at.current = true, true
	if onwards := c.leaving[f.to.account]; onwards != nil {
		for _, next := range onwards.Find(f.to.pattern, nil) {
			c.visit(next)
		}
	}
	at.current = false
}
