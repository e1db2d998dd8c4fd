package router

import (
	"slices"
	"testing"
)

// What is confided reaches those who may have it, one of each queue group, and nobody else.
func TestConfide(t *testing.T) {
	r := New()
	d := &inbox{}
	trusted := map[Sink]bool{}
	for _, s := range []struct {
		pattern, queue string
		trusted        bool
	}{
		{"a.b", "", true}, {"a.>", "", false}, {"a.*", "", true}, {"b", "", true}, {"a.b", "q", false}, {"a.*", "q", true}, {">", "p", false},
	} {
		trusted[subscribe(r, d, s.pattern, s.queue)] = s.trusted
	}
	p := r.Publisher(nil)
	defer p.Close()
	var asked []string
	taken := p.Confide(message("a.b"), func(s *Sub) bool {
		asked = append(asked, s.Pattern+" "+s.Queue)
		return trusted[s.Sink]
	})
	p.Flush()
	slices.Sort(asked)
	if want := []string{"> p", "a.* ", "a.* q", "a.> ", "a.b ", "a.b q"}; taken != 3 || len(d.lines) != 3 || !slices.Equal(asked, want) {
		t.Errorf("%d took %q, of %q", taken, d.lines, asked)
	}
}
