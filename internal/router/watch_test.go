package router

import (
	"slices"
	"testing"
)

// A watch hears of subscriptions that match its subject, when they come and when they go, and of no others.
func TestWatch(t *testing.T) {
	r := New()
	heard := 0
	w := &Watch{Subject: "a.b", Changed: func() { heard++ }}
	r.Watch(w)
	for _, c := range []struct {
		pattern string
		want    int
	}{{"a.b", 2}, {"a.*", 2}, {">", 2}, {"a.c", 0}, {"b.*", 0}, {"a", 0}} {
		heard = 0
		s := &Sub{Pattern: c.pattern, Sink: nil}
		r.Subscribe(s)
		r.Unsubscribe(s)
		if heard != c.want {
			t.Errorf("%s: heard %d times", c.pattern, heard)
		}
	}
	heard = 0
	r.Unwatch(w)
	r.Unwatch(w)
	r.Subscribe(&Sub{Pattern: "a.b"})
	if heard != 0 || r.watches.count.Load() != 0 || len(r.watches.by) != 0 {
		t.Errorf("heard %d times after the end", heard)
	}
}

type keeps struct{ subjects []string }

func (k *keeps) Deliver(m *Message, _ *Batch) bool {
	k.subjects = append(k.subjects, string(m.Subject))
	return true
}

// Send goes by one subject and shows another.
func TestSend(t *testing.T) {
	r := New()
	k := &keeps{}
	r.Subscribe(&Sub{Pattern: "inbox", Sink: k})
	p := r.Publisher(nil)
	m := &Message{Subject: []byte("orders.1")}
	if n := p.Send([]byte("inbox"), m) + p.SendOnce([]byte("inbox"), m) + p.Send([]byte("orders.1"), m); n != 2 {
		t.Errorf("%d took it", n)
	}
	if !slices.Equal(k.subjects, []string{"orders.1", "orders.1"}) {
		t.Errorf("shown: %v", k.subjects)
	}
}
