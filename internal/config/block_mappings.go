package config

import (
	"slices"
	"strconv"
	"strings"
)

// mappingKeys are the subject mappings of the global account: source subjects with a destination each, or with
// blocks of weighted destinations.
var mappingKeys = []key[Config]{
	{"mappings", []string{"maps"}, func(d *decoder, c *Config, f *Field) { d.mappings(&c.Mappings, "", f) }},
}

// destBlock is one weighted destination.
var destBlock = newBlock([]key[weightedDest]{
	{"destination", []string{"dest"}, text(func(w *weightedDest) *string { return &w.Subject })},
	{"weight", nil, decodeWeight},
	{"cluster", nil, text(func(w *weightedDest) *string { return &w.Cluster })},
})

// weightedDest is a MappingDest that may still lack its weight.
type weightedDest struct {
	MappingDest
	weighed bool
}

// mappings decodes the mappings of an account, "" for the global one.
func (d *decoder) mappings(list *[]Mapping, account string, f *Field) {
	m, ok := typed[*Map](d, f, "a map")
	if !ok {
		return
	}
	for _, entry := range m.Fields {
		before := len(d.errs)
		mapping := Mapping{Source: entry.Name, Dests: d.mappingDests(entry)}
		if len(d.errs) > before {
			continue
		}
		key := mappingKey(account, mapping.Source)
		if _, again := d.places[key]; again {
			*list = slices.DeleteFunc(*list, func(m Mapping) bool { return m.Source == mapping.Source })
		}
		d.places[key] = entry.Pos
		*list = append(*list, mapping)
	}
}

// mappingKey is what problems of a mapping are reported about.
func mappingKey(account, source string) string {
	if account != "" {
		return "account " + account + " mappings." + source
	}
	return "mappings." + source
}

// mappingDests decodes the three ways to write destinations.
func (d *decoder) mappingDests(f *Field) []MappingDest {
	switch v := f.Value.Data.(type) {
	case string:
		return []MappingDest{{Subject: v, Weight: 100}}
	case *Map:
		return d.mappingDest(nil, f.Pos, v)
	case Array:
		var dests []MappingDest
		for _, element := range v {
			if m, ok := element.Data.(*Map); ok {
				dests = d.mappingDest(dests, element.Pos, m)
			} else {
				d.fail(element.Pos, "Expected an entry for the mapping destination")
			}
		}
		return dests
	}
	d.fail(f.Pos, "Expected an entry for the mapping destination")
	return nil
}

// mappingDest appends one destination.
func (d *decoder) mappingDest(dests []MappingDest, at Pos, m *Map) []MappingDest {
	var dest weightedDest
	before := len(d.errs)
	destBlock.decode(d, &dest, m)
	if len(d.errs) == before && !dest.weighed {
		d.fail(at, "Missing weight for mapping destination %q", dest.Subject)
	}
	return append(dests, dest.MappingDest)
}

// decodeWeight decodes percentages: an integer, or a string with or without a percent sign.
func decodeWeight(d *decoder, into *weightedDest, f *Field) {
	var weight int64
	switch v := f.Value.Data.(type) {
	case int64:
		weight = v
	case string:
		digits := strings.TrimSuffix(v, "%")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			d.fail(f.Pos, "Invalid weight %q for mapping destination", digits)
			return
		}
		weight = n
	default:
		d.fail(f.Pos, "Unknown entry type for weight: %s", f.Value.kind())
		return
	}
	if weight < 0 || weight > 100 {
		d.fail(f.Pos, "Invalid weight %d for mapping destination", weight)
		return
	}
	into.Weight, into.weighed = int(weight), true
}
