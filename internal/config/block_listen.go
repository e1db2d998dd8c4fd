package config

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// listenKeys are the server's identity and its client listener.
var listenKeys = []key[Config]{
	{"server_name", nil, text(func(c *Config) *string { return &c.ServerName })},
	{"server_tags", nil, decodeTags},
	{"server_metadata", nil, decodeMetadata},
	{"listen", nil, address("port", func(c *Config) (*string, *int) { return &c.Host, &c.Port })},
	{"host", []string{"net"}, text(func(c *Config) *string { return &c.Host })},
	{"port", nil, integer(func(c *Config) *int { return &c.Port })},
	{"client_advertise", nil, text(func(c *Config) *string { return &c.ClientAdvertise })},
}

// address decodes what to listen on: a port, or host:port. Without a host, that stays as it is. Problems with the port
// are reported about portKey.
func address[T any](portKey string, fields func(*T) (host *string, port *int)) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		host, port := fields(into)
		d.places[portKey] = f.Pos
		switch v := f.Value.Data.(type) {
		case int64:
			integer(func(*T) *int { return port })(d, into, f)
		case string:
			d.parseAddress(host, port, f, v)
		default:
			d.fail(f.Pos, "expected port or host:port, got %s", f.Value.kind())
		}
	}
}

func (d *decoder) parseAddress(host *string, port *int, f *Field, s string) {
	h, p, err := net.SplitHostPort(s)
	if err != nil {
		d.fail(f.Pos, "could not parse address string %q", s)
		return
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		d.fail(f.Pos, "could not parse port %q", p)
		return
	}
	if h != "" {
		*host = h
	}
	*port = n
}

// decodeTags decodes one tag or an array of them.
func decodeTags(d *decoder, c *Config, f *Field) {
	var tags []string
	switch v := f.Value.Data.(type) {
	case string:
		tags = []string{v}
	case Array:
		tags = d.strings(v)
	default:
		d.fail(f.Pos, "error parsing tags: unsupported type, expected a string or an array, got %s", f.Value.kind())
	}
	c.ServerTags = nil
	for _, tag := range tags {
		tag = strings.ToLower(strings.TrimSpace(tag))
		if tag != "" && !slices.Contains(c.ServerTags, tag) {
			c.ServerTags = append(c.ServerTags, tag)
		}
	}
}

// strings decodes an array that holds strings only.
func (d *decoder) strings(values Array) []string {
	var list []string
	for _, v := range values {
		if s, ok := v.Data.(string); ok {
			list = append(list, s)
		} else {
			d.fail(v.Pos, "expected a string, got %s", v.kind())
		}
	}
	return list
}

// decodeMetadata decodes a map whose names are the operator's own.
func decodeMetadata(d *decoder, c *Config, f *Field) {
	m, ok := typed[*Map](d, f, "a map")
	if !ok {
		return
	}
	c.ServerMetadata = make(map[string]string)
	for _, entry := range m.Fields {
		if s, ok := typed[string](d, entry, "a string"); ok {
			c.ServerMetadata[entry.Name] = s
		}
	}
}
