package broker

import (
	"testing"

	"myelin/internal/router"
)

// counter is a subscriber that keeps nothing.
type counter struct {
	router.Sub
	n int
}

func (c *counter) Deliver(*router.Message, *router.Batch) bool {
	c.n++
	return true
}

// What passes from one account to another is not allocated for, once its way is known.
func TestStreamImportAllocatesNothing(t *testing.T) {
	b := New(router.New(), nil)
	from, to := b.Add("A"), b.Add("B")
	to.ImportStream(from, StreamImport{Subject: "ev.*", Local: "here.*", Transform: transform("ev.*", "here.$1")})
	l := &counter{}
	l.Pattern, l.Sink = "here.>", l
	to.router.Subscribe(&l.Sub)
	s := from.Open(nil)
	m := &router.Message{Subject: []byte("ev.x"), Payload: []byte("body")}
	if n := testing.AllocsPerRun(100, func() { s.Publish(m) }); n > 0 {
		t.Errorf("%.1f allocations for a message", n)
	}
	if l.n != 101 {
		t.Errorf("%d messages", l.n)
	}
}
