package nats

import (
	"testing"

	"myelin/internal/netx"
)

// feed makes the input believe that a read brought n bytes, of which the parser left rest.
func feed(in *input, n, rest int) (room int) {
	c := in.grab()
	room = c.Room()
	n = min(n, room)
	c.B = c.B[:len(c.B)+n]
	in.adapt(n)
	in.keepRest(c.B[len(c.B)-rest:], 0)
	return room
}

// The buffer grows under load, also when every read ends inside of an operation, and an idle connection
// keeps nothing, or as little as an incomplete operation needs.
func TestInputFollowsTheTraffic(t *testing.T) {
	var in input
	for range 10 {
		feed(&in, mostInput, 500)
	}
	if room := feed(&in, mostInput, 500); room < mostInput-1000 {
		t.Fatalf("under load there is room for %d bytes only", room)
	}
	in.release()
	if cap(in.chunk.B) > leastInput {
		t.Fatalf("half an operation keeps %d bytes", cap(in.chunk.B))
	}
	feed(&in, 100, 0)
	in.release()
	if in.chunk != nil {
		t.Fatal("an idle connection keeps a buffer")
	}
	for range 100 {
		feed(&in, 10, 0)
		in.release()
	}
	if in.size > leastInput {
		t.Fatalf("after many small reads the next buffer is to have %d bytes", in.size)
	}
}

// A message that is larger than any usual buffer gets one that fits.
func TestInputMakesRoomForALargeMessage(t *testing.T) {
	var in input
	c := in.grab()
	c.B = c.B[:100]
	in.keepRest(c.B, 3<<20)
	if c = in.grab(); cap(c.B) < 3<<20 || len(c.B) != 100 {
		t.Fatalf("%d of %d bytes", len(c.B), cap(c.B))
	}
	if cap(c.B) > netx.MaxChunk && cap(c.B) != 3<<20 {
		t.Fatalf("a buffer of %d bytes", cap(c.B))
	}
}
