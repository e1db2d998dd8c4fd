package netx

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"myelin/internal/pki"
)

// secure returns the two configurations of a TLS connection.
func secure(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(pki.Request{Name: "server", Hosts: []string{"localhost"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
}

// securePair returns the two ends of a TLS connection.
func securePair(t *testing.T, conn *Conn, peer net.Conn, version uint16) (*Conn, *tls.Conn) {
	t.Helper()
	server, client := secure(t)
	client.MinVersion, client.MaxVersion = version, version
	far := tls.Client(peer, client)
	done := make(chan error, 1)
	go func() { done <- far.Handshake() }()
	if err := conn.StartTLS(server); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return conn, far
}

// Every version and kind of socket carries what is written, in pieces of any size, both ways at once.
func TestTLSCarriesBothWays(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			conn, peer := pair(t)
			exchange(t, conn, peer, version)
		})
		t.Run(tls.VersionName(version)+" on a pipe", func(t *testing.T) {
			near, far := net.Pipe()
			exchange(t, NewConn(near), far, version)
		})
	}
}

func exchange(t *testing.T, conn *Conn, peer net.Conn, version uint16) {
	conn, far := securePair(t, conn, peer, version)
	rng := rand.New(rand.NewPCG(1, uint64(version)))
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	errs := make(chan error, 3)
	go func() { errs <- writeAll(conn, data, rng) }()
	go func() {
		_, err := far.Write(data)
		errs <- err
	}()
	back := make([]byte, len(data))
	go func() {
		_, err := io.ReadFull(far, back)
		errs <- err
	}()
	in := new(reader)
	for len(in.got) < len(data) {
		if _, err := conn.ReadInto(in); err != nil {
			t.Fatal(err)
		}
		in.take()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(in.got, data) || !bytes.Equal(back, data) {
		t.Fatal("something else arrived than was sent")
	}
}

// writeAll writes as an outbound queue does: without waiting first, and waiting where that is not enough.
func writeAll(conn *Conn, data []byte, rng *rand.Rand) error {
	for len(data) > 0 {
		var queue []*Chunk
		for n := rng.IntN(40); n >= 0 && len(data) > 0; n-- {
			part := data[:min(len(data), 1+rng.IntN(1<<rng.IntN(19)))]
			data = data[len(part):]
			queue = append(queue, chunks(string(part))...)
		}
		for at := 0; len(queue) > 0; {
			n, err := conn.TryWrite(queue, at)
			if err == ErrWouldBlock {
				n, err = conn.WriteChunks(queue, at)
			}
			if err != nil {
				return err
			}
			for at += n; len(queue) > 0 && at >= len(queue[0].B); queue = queue[1:] {
				at -= len(queue[0].B)
			}
		}
	}
	return nil
}

// A connection with TLS that waits for input holds none of the memory that it reads with, also in the middle of a record.
func TestTLSWaitsWithoutMemory(t *testing.T) {
	conn, peer := pair(t)
	if !conn.CanTry() {
		t.Skip("this platform has no way to tell that there is no input")
	}
	slow := &splitter{Conn: peer}
	conn, far := securePair(t, conn, slow, tls.VersionTLS13)
	in := &reader{waiting: make(chan struct{})}
	in.atRest = func() {
		if conn.tls.Load().under.ahead != nil || in.chunk != nil {
			t.Error("memory is held while waiting")
		}
	}
	waiting := in.waiting
	slow.before = func() { <-waiting }
	go func() {
		if _, err := far.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
	}()
	n, err := conn.ReadInto(in)
	if err != nil || n != 5 || string(in.chunk.B) != "hello" || in.idle == 0 {
		t.Fatalf("%d %v, idle %d times", n, err, in.idle)
	}
	in.take()
	in.waiting = make(chan struct{})
	waiting = in.waiting
	go far.Close()
	if n, err := conn.ReadInto(in); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
}

// splitter sends the end of what it is told to write after before has returned.
type splitter struct {
	net.Conn
	before func()
}

func (s *splitter) Write(b []byte) (int, error) {
	if s.before == nil {
		return s.Conn.Write(b)
	}
	if _, err := s.Conn.Write(b[:7]); err != nil {
		return 0, err
	}
	s.before()
	n, err := s.Conn.Write(b[7:])
	return n + 7, err
}

// An interrupted read ends with a deadline error, and the next one goes on, also in the middle of a record.
func TestTLSReadCanBeInterrupted(t *testing.T) {
	conn, peer := pair(t)
	slow := &splitter{Conn: peer}
	conn, far := securePair(t, conn, slow, tls.VersionTLS13)
	interrupted := make(chan struct{})
	slow.before = func() { <-interrupted }
	go func() {
		if _, err := far.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
	}()
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
	close(interrupted)
	in := new(reader)
	if n, err := conn.ReadInto(in); n != 5 || err != nil || string(in.chunk.B) != "hello" {
		t.Fatal(n, err)
	}
}

// What fits into one record takes one, however many chunks it comes in; and a peer that reads nothing blocks nobody.
func TestTLSWriteGathers(t *testing.T) {
	conn, peer := pair(t)
	if !conn.CanTry() {
		t.Skip("this platform has no way to try")
	}
	conn, _ = securePair(t, conn, peer, tls.VersionTLS13)
	if _, err := conn.TryWrite(chunks("a", "bc", "def"), 0); err != nil {
		t.Fatal(err)
	}
	header := make([]byte, 5)
	if _, err := io.ReadFull(peer, header); err != nil {
		t.Fatal(err)
	}
	size := int(header[3])<<8 | int(header[4])
	if want := 6 + 1 + 16; size != want { // the content, its type, and the seal
		t.Fatalf("a record of %d bytes instead of %d", size, want)
	}
	block := slices.Repeat(chunks(string(make([]byte, 100_000))), 3)
	for {
		n, err := conn.TryWrite(block, 0)
		if err == ErrWouldBlock && n == 0 {
			break
		}
		if err != nil {
			t.Fatal(n, err)
		}
	}
	if err := conn.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.WriteChunks(block, 0); n != 0 || err == nil {
		t.Fatal(n, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// A write that missed its deadline goes on where it was: nothing is lost and nothing comes twice.
func TestTLSWriteGoesOnAfterADeadline(t *testing.T) {
	conn, peer := pair(t)
	conn, far := securePair(t, conn, peer, tls.VersionTLS13)
	var want []byte
	next := func() []*Chunk {
		block := bytes.Repeat([]byte{byte(len(want) / 7)}, 70_000)
		want = append(want, block...)
		return chunks(string(block))
	}
	queue, at := next(), 0
	advance := func(n int) {
		if at += n; at == len(queue[0].B) {
			queue, at = next(), 0
		}
	}
	for {
		if err := conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.WriteChunks(queue, at)
		if err != nil {
			if n != 0 {
				t.Fatal("something was written of what failed")
			}
			break
		}
		advance(n)
	}
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(far) // what is missing is seen in what came
		got <- all
	}()
	for range 30 {
		n, err := conn.WriteChunks(queue, at)
		if err != nil {
			t.Fatal(err)
		}
		advance(n)
	}
	written := len(want) - len(queue[0].B) + at
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all := <-got; !bytes.Equal(all, want[:written]) {
		t.Fatalf("%d bytes arrived of %d, or others", len(all), written)
	}
}

// A peer that is no TLS client is told so by an error, and what it had sent before counts.
func TestTLSHandshakeFails(t *testing.T) {
	conn, peer := pair(t)
	server, _ := secure(t)
	if _, err := peer.Write([]byte("CONNECT {}\r\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := conn.Peek(); b != 'C' || err != nil {
		t.Fatal(b, err)
	}
	var noRecord tls.RecordHeaderError
	if err := conn.StartTLS(server); !errors.As(err, &noRecord) {
		t.Fatal(err)
	}
}

// The end in the middle of a record is told from one at the end of it.
func TestTLSIsCut(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for text, want := range map[string]error{"": io.EOF, "\x17\x03": io.ErrUnexpectedEOF, "\x17\x03\x03\x00\x20abc": io.ErrUnexpectedEOF} {
			conn, peer := pair(t)
			conn, far := securePair(t, conn, peer, version)
			if _, err := far.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(peer, text); err != nil {
				t.Fatal(err)
			}
			peer.Close()
			in := new(reader)
			if n, err := conn.ReadInto(in); n != 2 || err != nil || string(in.chunk.B) != "hi" {
				t.Fatal(n, err)
			}
			for range 2 {
				if n, err := conn.ReadInto(in); n != 0 || err != want {
					t.Errorf("cut after %q: %d %v", text, n, err)
				}
			}
		}
	}
}

// Closing tells the peer, so that it can tell the end from a connection that was cut.
func TestTLSCloseSaysSo(t *testing.T) {
	conn, peer := pair(t)
	conn, _ = securePair(t, conn, peer, tls.VersionTLS12)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	const alert = 21
	rest, err := io.ReadAll(peer)
	if err != nil || len(rest) == 0 || rest[0] != alert {
		t.Fatalf("%x %v", rest, err)
	}
}

// A peer that makes TLS write and does not read is cut off, before that takes much memory.
func TestTLSGathersNotWithoutEnd(t *testing.T) {
	under := transport{established: true}
	record := make([]byte, 100)
	total := 0
	for {
		n, err := under.Write(record)
		if err != nil {
			break
		}
		if total += n; total > 4*mostGathered {
			t.Fatalf("%d bytes are gathered", total)
		}
	}
	if total < mostGathered {
		t.Fatalf("cut off after %d bytes", total)
	}
}
