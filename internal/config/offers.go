package config

import (
	"cmp"
	"slices"
	"strings"

	"myelin/internal/subject"
)

// Offers finds the exports that imports are by. It is made once for all imports of a configuration, so that as many of them as
// there are exports, or accounts that may have one, do not cost the product of the two.
type Offers struct {
	config *Config
	of     map[string]*offers // by account; made when it is asked for
}

// offers are those of one account.
type offers struct {
	streams, services subject.Index[*offer]
}

// offer is an export, and who may have it.
type offer struct {
	*Export
	at       int             // in the order of the file
	accounts map[string]bool // nil: all, or those that the token says
}

// Offers returns what accounts export. The configuration does not change meanwhile.
func (c *Config) Offers() *Offers { return &Offers{c, make(map[string]*offers)} }

// For is the export that an import of the account is by, or nil. One of that very pattern decides, else the first that allows it.
func (o *Offers) For(importer string, i *Import) *Export {
	of := o.of[i.Account]
	if of == nil {
		of = newOffers(o.config.Account(i.Account).Exports)
		o.of[i.Account] = of
	}
	pattern := starred(i.Subject)
	index := of.index(i.Service)
	if same := index.Get(pattern); same != nil {
		if same.allows(importer, pattern) {
			return same.Export
		}
		return nil
	}
	// With its wildcards taken for tokens like others, a pattern matches all that it is within, and some more.
	found := index.Match([]byte(pattern), nil)
	slices.SortFunc(found, func(a, b *offer) int { return cmp.Compare(a.at, b.at) })
	for _, e := range found {
		if e.allows(importer, pattern) {
			return e.Export
		}
	}
	return nil
}

func newOffers(exports []Export) *offers {
	of := &offers{}
	for at := range exports {
		e := &exports[at]
		index := of.index(e.Service)
		if !subject.ValidPattern(e.Subject) || index.Get(e.Subject) != nil {
			continue
		}
		x := &offer{Export: e, at: at}
		if e.Accounts != nil {
			x.accounts = make(map[string]bool, len(e.Accounts))
			for _, name := range e.Accounts {
				x.accounts[name] = true
			}
		}
		index.Set(e.Subject, x)
	}
	return of
}

func (o *offers) index(service bool) *subject.Index[*offer] {
	if service {
		return &o.services
	}
	return &o.streams
}

// allows reports whether the export lets an account import a pattern.
func (o *offer) allows(importer, pattern string) bool {
	if !subject.Within(pattern, o.Subject) {
		return false
	}
	if o.accounts != nil {
		return o.accounts[importer]
	}
	if o.TokenPosition == 0 {
		return true
	}
	tokens := strings.Split(pattern, ".")
	return o.TokenPosition <= len(tokens) && tokens[o.TokenPosition-1] == importer
}
