//go:build !race

package auth

import (
	"strings"
	"testing"
)

// The race detector makes pools forget at random, so this is not for it.
func TestChecksDoNotAllocate(t *testing.T) {
	r := rights(t, Permissions{
		Publish:   Subjects{Allow: []string{"foo.>", "bar.*"}, Deny: []string{"foo.secret.>"}},
		Subscribe: Subjects{Deny: []string{"foo.*.secret"}},
	})
	g := NewGuard(r)
	defer g.Rest()
	_, filter := r.CanSubscribe("foo.>", "")
	hot, cold, long := []byte("foo.a.b"), []byte("foo.c"), []byte("foo."+strings.Repeat("x", 200))
	for what, check := range map[string]func() bool{
		"cached":      func() bool { return g.CanPublish(hot) && g.CanPublish(cold) },
		"a long name": func() bool { return g.CanPublish(long) },
		"a filter":    func() bool { return !filter.Drops(hot) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !check() {
				t.Fatal("refused")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
