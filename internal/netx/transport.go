package netx

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// transport is the connection below crypto/tls. Until the handshake is over it is the socket. After that a Read never waits,
// but fails with errDry; and a Write only gathers, which one of the send methods writes to the socket.
//
// A Read is told by the reading goroutine, and what crypto/tls writes by itself (alerts, new keys) is written while it reads, so
// that the outgoing side is locked.
type transport struct {
	net.Conn
	raw         *rawConn
	established bool
	peeked      []byte // what the handshake begins with, if it was read before

	// of the reading goroutine
	ahead *Chunk // what was read ahead; nil: nothing
	at    int    // how much of it has been passed on
	size  int    // wanted capacity of ahead, in bytes
	small int    // reads in a row that a smaller one would have done for
	ended bool   // the peer sends no more
	more  bool   // the last read filled what it was given, so that there is probably more

	sending sync.Mutex // held by who writes to the socket, also while waiting

	mu       sync.Mutex   // guards what follows; taken after sending
	gathered *Chunk       // nil: nothing
	strays   atomic.Int64 // len(gathered.B), for a look without the lock
}

const (
	leastAhead = 2 << 10
	mostAhead  = 64 << 10
	// directBytes is how much room crypto/tls has to offer for being read into without a detour.
	directBytes = 4 << 10
	// mostGathered bounds what waits for the socket while the peer makes crypto/tls write.
	mostGathered = 1 << 20
)

// dryError says that there is no input at the moment. To crypto/tls it is a temporary error, after which it goes on where it was.
type dryError struct{}

func (dryError) Error() string   { return "no input at the moment" }
func (dryError) Timeout() bool   { return false }
func (dryError) Temporary() bool { return true }

var (
	errDry      net.Error = dryError{}
	errGathered           = errors.New("the peer does not read what TLS has to tell it")
)

// Read passes on what was read ahead. What comes in a rush is read from the socket directly.
func (t *transport) Read(b []byte) (int, error) {
	if len(t.peeked) > 0 {
		n := copy(b, t.peeked)
		t.peeked = t.peeked[n:]
		return n, nil
	}
	if t.ahead != nil {
		n := copy(b, t.ahead.B[t.at:])
		if t.at += n; t.at == len(t.ahead.B) {
			t.release()
		}
		return n, nil
	}
	if !t.established || t.raw.conn == nil {
		return t.Conn.Read(b)
	}
	if t.ended {
		return 0, io.EOF
	}
	if !t.more || len(b) < directBytes {
		return 0, errDry
	}
	n, err := t.raw.tryRead(b)
	t.more = n == len(b)
	if err == ErrWouldBlock {
		err = errDry
	}
	return n, err
}

// grab gives memory to read ahead into.
func (t *transport) grab() *Chunk {
	if t.ahead == nil {
		t.ahead = NewChunk(max(t.size, leastAhead))
	}
	return t.ahead
}

func (t *transport) release() {
	if t.ahead != nil {
		t.ahead.Free()
		t.ahead, t.at = nil, 0
	}
}

// adapt chooses how much to read ahead the next time, given what the last time brought.
func (t *transport) adapt() {
	const patience = 8
	t.more = t.ahead.Room() == 0
	switch {
	case t.more:
		t.size, t.small = min(4*cap(t.ahead.B), mostAhead), 0
	case len(t.ahead.B) < t.size/8:
		if t.small++; t.small > patience {
			t.size, t.small = t.size/4, 0
		}
	default:
		t.small = 0
	}
}

// Write gathers records for the socket.
func (t *transport) Write(b []byte) (int, error) {
	if !t.established {
		return t.Conn.Write(b)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.gathered == nil:
		// The first of several records gets room for all.
		size := len(b)
		if size > recordBytes {
			size = 8 * recordBytes
		}
		t.gathered = NewChunk(size)
	case t.gathered.Room() >= len(b):
	case len(t.gathered.B) > mostGathered:
		return 0, errGathered
	default:
		larger := NewChunk(len(t.gathered.B) + len(b))
		larger.fill(t.gathered.B)
		t.gathered.Free()
		t.gathered = larger
	}
	t.gathered.fill(b)
	t.strays.Store(int64(len(t.gathered.B)))
	return len(b), nil
}

// trySend writes what was gathered; ErrWouldBlock when the socket does not take all of it at once.
func (t *transport) trySend() error {
	t.sending.Lock()
	err := t.sendWith(t.raw.tryWrite)
	t.sending.Unlock()
	if err == nil {
		t.sendStrays() // that came just before the lock was free
	}
	return err
}

// send writes what was gathered and waits for the socket.
func (t *transport) send() error {
	t.sending.Lock()
	err := t.sendWith(t.Conn.Write)
	t.sending.Unlock()
	if err == nil {
		t.sendStrays()
	}
	return err
}

// sendStrays writes what nobody is about to write, if the socket takes it at once.
func (t *transport) sendStrays() {
	if t.strays.Load() == 0 || t.raw.conn == nil || !t.sending.TryLock() {
		return // who is sending sends all there is
	}
	defer t.sending.Unlock()
	// If the connection is broken, its next read or write says so.
	_ = t.sendWith(t.raw.tryWrite)
}

// sendWith writes until nothing is gathered; sending is held.
func (t *transport) sendWith(write func([]byte) (int, error)) error {
	for {
		t.mu.Lock()
		chunk := t.gathered
		t.gathered = nil
		t.strays.Store(0)
		t.mu.Unlock()
		if chunk == nil {
			return nil
		}
		n, err := write(chunk.B)
		if err != nil {
			t.putBack(chunk, n)
			return err
		}
		chunk.Free()
	}
}

// putBack puts what was not written before what has been gathered since.
func (t *transport) putBack(chunk *Chunk, written int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := chunk.B[written:]
	whole := chunk
	if t.gathered == nil {
		whole.B = whole.B[:copy(whole.B, rest)]
	} else {
		whole = NewChunk(len(rest) + len(t.gathered.B))
		whole.fill(rest)
		whole.fill(t.gathered.B)
		chunk.Free()
		t.gathered.Free()
	}
	t.gathered = whole
	t.strays.Store(int64(len(whole.B)))
}

// The deadlines are those of the socket, which whoever waits for it sets.

func (t *transport) SetDeadline(time.Time) error      { return nil }
func (t *transport) SetReadDeadline(time.Time) error  { return nil }
func (t *transport) SetWriteDeadline(time.Time) error { return nil }
