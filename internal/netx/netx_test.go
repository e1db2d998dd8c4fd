package netx

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/clock"
)

// pair returns the two ends of a TCP connection over the loopback interface.
func pair(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	a, err := Listen("127.0.0.1", -1, clock.Real{})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go a.Serve(func(c net.Conn) { accepted <- c }, func(err error) { t.Error(err) })
	peer, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := NewConn(<-accepted)
	t.Cleanup(func() {
		conn.Close()
		peer.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn, peer
}

// reader is an Input that counts.
type reader struct {
	chunk       *Chunk
	grabs, idle int
	waiting     chan struct{}
	got         []byte
	atRest      func() // called before each wait
}

// take moves what was read from the chunk to got.
func (r *reader) take() {
	r.got = append(r.got, r.chunk.B...)
	r.chunk.B = r.chunk.B[:0]
}

func (r *reader) Grab() *Chunk {
	r.grabs++
	if r.chunk == nil {
		r.chunk = NewChunk(512)
	}
	return r.chunk
}

func (r *reader) Idle() {
	r.idle++
	if r.chunk != nil {
		r.chunk.Free()
		r.chunk = nil
	}
	if r.atRest != nil {
		r.atRest()
	}
	if r.waiting != nil {
		close(r.waiting)
		r.waiting = nil
	}
}

// A connection that waits for input has given up its memory, and takes it again when input is there.
func TestReadIntoWaitsWithoutMemory(t *testing.T) {
	conn, peer := pair(t)
	in := &reader{waiting: make(chan struct{})}
	waiting := in.waiting
	go func() {
		<-waiting
		if _, err := peer.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
	}()
	n, err := conn.ReadInto(in)
	if err != nil || n != 5 || string(in.chunk.B) != "hello" || in.idle == 0 {
		t.Fatalf("%d %v, idle %d times", n, err, in.idle)
	}
	peer.Close()
	if n, err := conn.ReadInto(in); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
}

// A connection of a kind that cannot be polled is read in the ordinary way.
func TestReadIntoOfAnyConnection(t *testing.T) {
	near, far := net.Pipe()
	conn := NewConn(near)
	go func() { _, _ = far.Write([]byte("hi")) }()
	in := new(reader)
	if n, err := conn.ReadInto(in); err != nil || n != 2 || string(in.chunk.B) != "hi" {
		t.Fatal(n, err)
	}
	if n, err := conn.TryWrite(chunks("x"), 0); n != 0 || err != ErrWouldBlock || conn.CanTry() {
		t.Fatal(n, err)
	}
}

// An interrupted read ends with a deadline error, and the next one works.
func TestReadIntoCanBeInterrupted(t *testing.T) {
	conn, peer := pair(t)
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.ReadInto(new(reader)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.ReadInto(new(reader)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// chunks are those of an outbound queue.
func chunks(texts ...string) []*Chunk {
	list := make([]*Chunk, len(texts))
	for i, text := range texts {
		list[i] = NewChunk(len(text))
		list[i].fill([]byte(text))
	}
	return list
}

// WriteChunks writes all that it is given, from the place that it is told on.
func TestWriteChunks(t *testing.T) {
	conn, peer := pair(t)
	n, err := conn.WriteChunks(chunks("ab", "cd", "", "ef"), 1)
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "bcdef" {
		t.Fatalf("%q %v", got, err)
	}
}

// What was looked at is still read.
func TestPeek(t *testing.T) {
	conn, peer := pair(t)
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if b, err := conn.Peek(); b != 'h' || err != nil {
			t.Fatal(b, err)
		}
	}
	in := new(reader)
	for len(in.got) < 5 {
		if _, err := conn.ReadInto(in); err != nil {
			t.Fatal(err)
		}
		in.take()
	}
	if string(in.got) != "hello" {
		t.Fatalf("%q", in.got)
	}
}

// TryWrite writes what the socket takes, never waits, and says how much that was.
func TestTryWriteNeverWaits(t *testing.T) {
	conn, peer := pair(t)
	if !conn.CanTry() {
		t.Skip("this platform has no way to try")
	}
	block := chunks(strings.Repeat("x", 1<<20+1))
	total := 0
	for {
		n, err := conn.TryWrite(block, 1)
		total += n
		if err == ErrWouldBlock {
			break
		}
		if err != nil || n != 1<<20 {
			t.Fatal(n, err)
		}
	}
	if got, err := io.CopyN(io.Discard, peer, int64(total)); err != nil || got != int64(total) {
		t.Fatal(got, err)
	}
	conn.Close()
	if _, err := conn.TryWrite(block, 0); err == nil || err == ErrWouldBlock {
		t.Fatal(err)
	}
}

func TestChunks(t *testing.T) {
	for _, n := range []int{0, 1, 512, 513, 100_000, MaxChunk, MaxChunk + 1} {
		c := NewChunk(n)
		if len(c.B) != 0 || c.Room() < n || n > 512 && n <= MaxChunk && c.Room() > 2*n {
			t.Errorf("a chunk for %d bytes has %d, room for %d", n, len(c.B), c.Room())
		}
		c.B = append(c.B, "used"...)
		c.Free()
	}
	if c := NewChunk(512); len(c.B) != 0 {
		t.Error("a used chunk is not empty")
	}
}

// The registry never gives a number twice, keeps to its limit, and remembers the last that closed.
func TestRegistry(t *testing.T) {
	r := NewRegistry[string, uint64](3)
	for range 5 {
		id := r.Next()
		if !r.Add(id, "conn", 5) {
			t.Fatal("refused below the limit")
		}
	}
	if r.Add(r.Next(), "one too many", 5) || r.Len() != 5 || r.Total() != 6 || len(r.Open()) != 5 {
		t.Fatal("the limit does not hold")
	}
	for id := uint64(1); id <= 6; id++ {
		r.Remove(id, id)
	}
	if got := r.Closed(); !slices.Equal(got, []uint64{4, 5, 6}) || r.Len() != 0 {
		t.Fatal(got)
	}
	if _, ok := r.Get(1); ok {
		t.Fatal("a removed connection is found")
	}
	none := NewRegistry[string, uint64](0)
	none.Remove(1, 1)
	if len(none.Closed()) != 0 || none.Add(1, "x", -1) {
		t.Fatal("a registry that is to remember and admit nothing")
	}
}
