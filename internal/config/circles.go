package config

import "myelin/internal/subject"

// flow is the way that messages take by an import: of a stream from the exporting account to the importing one, of a
// service, whose messages are requests, from the importing one to the exporting one.
type flow struct {
	service          bool
	from, to         place
	owner, subject   string // the importing account, and what it imports
	visited, current bool
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

// circles returns one flow of each circle, on which a message could come back to where it was.
func circles(flows []flow) (found []*flow) {
	leaving := map[string][]*flow{}
	for i := range flows {
		f := &flows[i]
		leaving[f.from.account] = append(leaving[f.from.account], f)
	}
	var visit func(*flow)
	visit = func(f *flow) {
		f.visited, f.current = true, true
		for _, next := range leaving[f.to.account] {
			switch {
			case next.service != f.service || !subject.Overlap(f.to.pattern, next.from.pattern):
			case next.current:
				found = append(found, next)
			case !next.visited:
				visit(next)
			}
		}
		f.current = false
	}
	for i := range flows {
		if !flows[i].visited {
			visit(&flows[i])
		}
	}
	return found
}
