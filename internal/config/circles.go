package config

import (
	"cmp"
	"slices"
	"strings"
)

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
		c := circuit{leaving: make(map[string]*patterns), arriving: make(map[place]*arrival)}
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
	leaving  map[string]*patterns // by account
	arriving map[place]*arrival
	found    []*flow
}

// arrival is a place that flows lead to.
type arrival struct{ visited, current bool }

func (c *circuit) add(f *flow) {
	from := c.leaving[f.from.account]
	if from == nil {
		from = &patterns{}
		c.leaving[f.from.account] = from
	}
	from.add(f.from.pattern, f)
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
		for _, next := range onwards.overlapping(f.to.pattern, nil) {
			for _, f := range next.flows {
				c.visit(f)
			}
		}
	}
	at.current = false
}

// patterns are those that flows leave an account by: a tree with a level for each token.
type patterns struct {
	next  map[string]*patterns
	flows []*flow // of the pattern that ends here
}

func (p *patterns) add(pattern string, f *flow) {
	for token := range strings.SplitSeq(pattern, ".") {
		next := p.next[token]
		if next == nil {
			next = &patterns{}
			if p.next == nil {
				p.next = make(map[string]*patterns)
			}
			p.next[token] = next
		}
		p = next
	}
	p.flows = append(p.flows, f)
}

// overlapping appends those that have a literal subject in common with a pattern.
func (p *patterns) overlapping(pattern string, dst []*patterns) []*patterns {
	token, tail, more := strings.Cut(pattern, ".")
	if token == ">" {
		return p.all(dst)
	}
	if rest := p.next[">"]; rest != nil {
		dst = append(dst, rest)
	}
	follow := func(p *patterns) {
		switch {
		case p == nil:
		case more:
			dst = p.overlapping(tail, dst)
		case len(p.flows) > 0:
			dst = append(dst, p)
		}
	}
	if token != "*" {
		follow(p.next["*"])
		follow(p.next[token])
		return dst
	}
	for _, name := range p.names() {
		if name != ">" {
			follow(p.next[name])
		}
	}
	return dst
}

// all appends everything below.
func (p *patterns) all(dst []*patterns) []*patterns {
	for _, name := range p.names() {
		next := p.next[name]
		if len(next.flows) > 0 {
			dst = append(dst, next)
		}
		dst = next.all(dst)
	}
	return dst
}

// names are the tokens that follow, in an order of their own.
func (p *patterns) names() []string {
	list := make([]string, 0, len(p.next))
	for name := range p.next {
		list = append(list, name)
	}
	slices.SortFunc(list, cmp.Compare)
	return list
}
