package config

import (
	"strings"
	"time"

	"myelin/internal/auth"
)

// operatorKeys say which operators are trusted, and where their accounts are.
var operatorKeys = []key[Config]{
	{"operator", []string{"operators", "root", "roots", "root_operator", "root_operators"}, texts("error parsing operators: unsupported type %s",
		func(c *Config) *[]string { return &c.Operators.Trusted })},
	{"trusted_keys", []string{"trusted"}, texts("error parsing trusted: unsupported type %s",
		func(c *Config) *[]string { return &c.Operators.Keys })},
	{"resolver", []string{"account_resolver", "accounts_resolver"}, decodeResolver},
	{"resolver_preload", nil, decodePreload},
	{"resolver_pinned_accounts", nil, texts("error parsing resolver_pinned_accounts: unsupported type %s",
		func(c *Config) *[]string { return &c.Operators.Pinned })},
	{"default_sentinel", nil, func(d *decoder, c *Config, f *Field) {
		if s, ok := typed[string](d, f, "a string"); ok {
			c.Operators.Sentinel = auth.Secret(s)
		}
	}},
	{"resolver_tls", nil, func(d *decoder, c *Config, f *Field) { c.Operators.Resolver.TLS = d.clientTLSOf(f) }},
}

// texts decodes one string, or an array of them.
func texts[T any](unsupported string, field func(*T) *[]string) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		values := Array{f.Value}
		if array, ok := f.Value.Data.(Array); ok {
			values = array
		}
		var list []string
		for _, v := range values {
			s, ok := v.Data.(string)
			switch {
			case !ok:
				d.fail(v.Pos, unsupported, v.kind())
			case s == "":
				d.fail(v.Pos, "an empty %s trusts nobody", f.Name)
			default:
				list = append(list, s)
			}
		}
		*field(into) = list
	}
}

const badResolver = `error parsing account resolver, should be MEM or  URL("url") or a map containing dir and type state=[FULL|CACHE])`

// decodeResolver decodes a word, a URL, or a block about a directory.
func decodeResolver(d *decoder, c *Config, f *Field) {
	r := &c.Operators.Resolver
	switch v := f.Value.Data.(type) {
	case string:
		if !r.named(v) {
			d.fail(f.Pos, badResolver)
		}
	case *Map:
		before := len(d.errs)
		decodeNested(d, resolverBlock, r, v, unknownField)
		switch {
		case len(d.errs) > before:
		case r.Type == ResolverNone:
			d.fail(f.Pos, badResolver)
		case r.Type != ResolverMemory && r.Dir == "":
			d.fail(f.Pos, "dir has no value and needs to point to a directory")
		case r.Type == ResolverFull && r.TTL != 0:
			d.fail(f.Pos, "FULL does not accept ttl")
		case r.Type == ResolverCache && r.Interval != 0:
			d.fail(f.Pos, "CACHE does not accept interval")
		case r.Type == ResolverCache && (r.AllowDelete || r.HardDelete):
			d.fail(f.Pos, "CACHE does not accept allow_delete")
		}
	default:
		d.fail(f.Pos, badResolver)
	}
}

// named reads a resolver of one word.
func (r *Resolver) named(word string) bool {
	switch strings.ToUpper(strings.TrimSpace(word)) {
	case "MEM", "MEMORY":
		r.Type = ResolverMemory
		return true
	}
	inner, ok := strings.CutPrefix(strings.TrimSpace(word), "URL(")
	if !ok {
		inner, ok = strings.CutPrefix(strings.TrimSpace(word), "url(")
	}
	inner, closed := strings.CutSuffix(inner, ")")
	r.Type, r.URL = ResolverURL, strings.Trim(strings.TrimSpace(inner), `"'`)
	return ok && closed && (strings.HasPrefix(r.URL, "http://") || strings.HasPrefix(r.URL, "https://"))
}

var resolverBlock = newBlock([]key[Resolver]{
	{"type", nil, func(d *decoder, r *Resolver, f *Field) {
		s, _ := f.Value.Data.(string)
		types := map[string]ResolverType{
			"MEM": ResolverMemory, "MEMORY": ResolverMemory, "FULL": ResolverFull, "CACHE": ResolverCache,
		}
		if r.Type = types[strings.ToUpper(s)]; r.Type == ResolverNone {
			d.fail(f.Pos, badResolver)
		}
	}},
	{"dir", nil, text(func(r *Resolver) *string { return &r.Dir })},
	{"allow_delete", nil, boolean(func(r *Resolver) *bool { return &r.AllowDelete })},
	{"hard_delete", nil, boolean(func(r *Resolver) *bool { return &r.HardDelete })},
	{"limit", nil, integer(func(r *Resolver) *int { return &r.Limit })},
	{"interval", nil, duration(func(r *Resolver) *time.Duration { return &r.Interval })},
	{"timeout", nil, duration(func(r *Resolver) *time.Duration { return &r.Timeout })},
	{"ttl", nil, duration(func(r *Resolver) *time.Duration { return &r.TTL })},
})

func decodePreload(d *decoder, c *Config, f *Field) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "preload should be a map of account_public_key:account_jwt")
		return
	}
	c.Operators.Preload = make(map[string]string, len(m.Fields))
	for _, entry := range m.Fields {
		token, ok := entry.Value.Data.(string)
		if !ok {
			d.fail(entry.Pos, "preload map value should be a string JWT")
			continue
		}
		c.Operators.Preload[entry.Name] = strings.TrimSpace(token)
	}
}
