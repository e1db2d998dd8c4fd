package broker

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/router"
	"myelin/internal/subject"
)

func mappings(t *testing.T, rows ...string) *subject.Mappings {
	t.Helper()
	var list []*subject.Mapping
	for _, row := range rows {
		var src, dest string
		var weight int
		if _, err := fmt.Sscan(row, &src, &dest, &weight); err != nil {
			t.Fatal(err)
		}
		m, err := subject.NewMapping(src, []subject.WeightedDest{{Subject: dest, Weight: weight}})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return subject.NewMappings("", list)
}

// A session remembers what subjects are mapped to, but not for longer than that holds: subscriptions come and go, and
// mappings change, under publishers that go on.
func TestMappingsAreRememberedWhileTheyHold(t *testing.T) {
	s := New(router.New(), mappings(t, "orders.* new.$1 100")).Open(nil)
	a := s.Account()
	publish := func(want string, taken int) {
		t.Helper()
		for range 3 {
			m := &router.Message{Subject: []byte("orders.7")}
			if n := s.Publish(m); n != taken || string(m.Subject) != want {
				t.Errorf("taken %d times as %q instead of %d as %q", n, m.Subject, taken, want)
			}
		}
	}
	publish("new.7", 0)
	literal := listen(s, "new.7")
	publish("new.7", 1)
	wild := listen(s, "new.*")
	publish("new.7", 2)
	s.Unsubscribe(&literal.Sub)
	publish("new.7", 1)
	unmapped := listen(s, "orders.7")
	publish("new.7", 1)
	a.SetMappings(mappings(t, "orders.7 new.seven 100"))
	publish("new.seven", 1)
	a.SetMappings(nil)
	publish("orders.7", 1)
	a.SetMappings(mappings(t, "others.* new.$1 100"))
	publish("orders.7", 1)
	s.Rest()
	publish("orders.7", 1)
	if len(wild.got) != 12 || len(unmapped.got) != 9 {
		t.Errorf("got %d and %d", len(wild.got), len(unmapped.got))
	}
}

// What is not mapped alike each time is drawn each time.
func TestMappingsThatDrawAreAsked(t *testing.T) {
	for _, row := range []string{"in.* out.$1 50", "in.* out.{{random(2)}} 100"} {
		s := New(router.New(), mappings(t, row)).Open(nil)
		seen := make(map[string]int)
		for range 200 {
			m := &router.Message{Subject: []byte("in.1")}
			s.Publish(m)
			seen[string(m.Subject)]++
		}
		if len(seen) != 2 {
			t.Errorf("%s: %v", row, seen)
		}
	}
}

// The subjects of answers are mapped too, and leave nothing behind.
func TestRepliesAreMapped(t *testing.T) {
	s := New(router.New(), mappings(t, "_R_.> answers.> 100")).Open(nil)
	all := listen(s, ">")
	s.Publish(&router.Message{Subject: []byte("_R_.one")})
	s.Reply(&router.Message{Subject: []byte("_R_.two")})
	if got := strings.Join(all.got, " "); got != "answers.one answers.two" {
		t.Error(got)
	}
}
