package broker

import (
	"testing"

	"myelin/internal/auth"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// listener is a subscriber inside of the server.
type listener struct {
	router.Sub
	got []string
}

func (l *listener) Deliver(m *router.Message, _ *router.Batch) bool {
	l.got = append(l.got, string(m.Subject))
	return true
}

func listen(s *Session, pattern string) *listener {
	l := &listener{}
	l.Pattern, l.Sink = pattern, l
	s.Subscribe(&l.Sub)
	return l
}

// Subjects are mapped before they are routed; what a mapping loses reaches nobody and names no subject.
func TestSessionMapsSubjects(t *testing.T) {
	var list []*subject.Mapping
	for src, dest := range map[string]subject.WeightedDest{
		"orders.*": {Subject: "new.$1", Weight: 100},
		"lost":     {Subject: "lost", Weight: 0},
	} {
		m, err := subject.NewMapping(src, []subject.WeightedDest{dest})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	b := New(router.New(), subject.NewMappings("", list))
	s := b.Open(nil)
	all := listen(s, ">")
	for _, row := range []struct {
		published, mapped string
		taken             int
	}{{"orders.7", "new.7", 1}, {"orders.8", "new.8", 1}, {"other", "other", 1}, {"lost", "", 0}} {
		m := &router.Message{Subject: []byte(row.published)}
		if n := s.Publish(m); n != row.taken || string(m.Subject) != row.mapped {
			t.Errorf("%s: taken %d times as %q", row.published, n, m.Subject)
		}
	}
	s.Flush()
	if len(all.got) != 3 || s.Account().Name() != auth.GlobalAccount {
		t.Errorf("got %v in %s", all.got, s.Account().Name())
	}
}

// A session that rests has given its memory back, and publishes again when it is asked to.
func TestSessionRests(t *testing.T) {
	b := New(router.New(), nil)
	s := b.Open(nil)
	l := listen(s, "x")
	publish := func() int { return s.Publish(&router.Message{Subject: []byte("x")}) }
	publish()
	s.Rest()
	s.Rest()
	if n := b.Accounts()[0].Router().Stats().Cached; n != 0 || s.publisher != nil {
		t.Fatalf("%d cached matches while resting", n)
	}
	if publish() != 1 || len(l.got) != 2 {
		t.Fatal(l.got)
	}
	s.Unsubscribe(&l.Sub)
	if publish() != 0 {
		t.Fatal("delivered after the subscription ended")
	}
}
