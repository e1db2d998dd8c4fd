package server

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/config"
)

// Mappings are shown as a stock server (2.15.0-dev) shows them, which was asked for these.
func TestMappingsShown(t *testing.T) {
	for _, row := range []struct{ source, dests, want string }{
		{"m.one", "m.uno 100", "m.uno 100"},
		{"m.two", "t.a 20, t.b 30", "t.a 20, t.b 50, m.two 100"},
		{"m.three", "u.a 60, u.b 40", "u.b 40, u.a 100"},
		{"z.*", "q.b.$1 10, q.a.$1 10, q.c.$1 50", "q.b.$1 10, q.a.$1 20, z.$1 50, q.c.$1 100"},
		{"self", "self 30, other 30", "self 30, other 60"},
		{"c.1", "t.a 20, t.b 30 east, t.c 10 east, t.d 10 west, t.e 10",
			"t.e 10, t.a 30, c.1 100, t.c 10 east, t.b 40 east, c.1 100 east, t.d 10 west, c.1 100 west"},
		{"c.2", "t.b 30 east, t.c 70 west", "c.2 100, t.b 30 east, c.2 100 east, c.2 30 west, t.c 100 west"},
		{"c.3", "t.b 100 east", "c.3 100, t.b 100 east"},
		{"c.5", "t.a 0, t.b 25, t.c 25", "t.a 0, t.b 25, t.c 50, c.5 100"},
		{"c.7.*", "c.7.$1 10", "c.7.$1 10, c.7.$1 100"},
		{"c.8.*.*", "c.8.$2.$1 10", "c.8.$2.$1 10, c.8.$1.$2 100"},
		{"d.>", "e.> 10", "e.> 10, d.> 100"},
		{"d.*.>", "e.$1.> 10 x", "d.$1.> 100, e.$1.> 10 x, d.$1.> 100 x"},
	} {
		m := config.Mapping{Source: row.source}
		for text := range strings.SplitSeq(row.dests, ", ") {
			var d config.MappingDest
			if n, err := fmt.Sscan(text, &d.Subject, &d.Weight, &d.Cluster); n < 2 {
				t.Fatal(err)
			}
			m.Dests = append(m.Dests, d)
		}
		var got []string
		for _, d := range mappedTo([]config.Mapping{m})[row.source] {
			got = append(got, strings.TrimSpace(fmt.Sprint(d.Subject, " ", d.Weight, " ", d.Cluster)))
		}
		if text := strings.Join(got, ", "); text != row.want {
			t.Errorf("%s to %s is shown as %s, want %s", row.source, row.dests, text, row.want)
		}
	}
	if mappedTo(nil) != nil {
		t.Error("none are shown as some")
	}
}
