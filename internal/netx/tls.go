package netx

import (
	"crypto/tls"
	"errors"
	"io"
)

// tlsLayer carries a connection's bytes in TLS records. Package crypto/tls makes and opens them in memory; the transport
// below it moves them in large pieces, and waits for the socket only where the layer says so. So a connection with TLS can
// tell when its input runs dry, holds nothing while it waits, and can write without waiting, as one without.
type tlsLayer struct {
	conn  *tls.Conn
	under transport

	// of the reading goroutine
	dry bool  // neither crypto/tls nor the transport has what makes a record
	in  Input // who is waiting for input

	// of the writing goroutine
	owed int // bytes of the chunks that are in records already, which the socket has not taken all
}

const (
	// recordBytes is how much a record holds at most.
	recordBytes = 16 << 10
	// sealBytes is how much is put into records before they are written, all with one call. Their frames and the end of
	// the last one fit into a chunk of 128 KiB with it.
	sealBytes = 7 * recordBytes
)

// StartTLS does the server's part of a TLS handshake; from then on the connection carries what is read and written in
// TLS. Nobody else reads or writes until it returns. It waits for the peer, at most until the deadlines. After an
// error the connection is good for nothing but to be closed.
func (c *Conn) StartTLS(config *tls.Config) error {
	l := &tlsLayer{under: transport{Conn: c.Conn, raw: &c.raw, peeked: c.ahead}}
	c.ahead = nil
	l.conn = tls.Server(&l.under, config)
	if err := l.conn.Handshake(); err != nil {
		return err
	}
	l.under.established = true
	c.tls.Store(l)
	return nil
}

// TLS describes the protection of the connection; ok is false if it has none.
func (c *Conn) TLS() (state tls.ConnectionState, ok bool) {
	secure := c.tls.Load()
	if secure == nil {
		return state, false
	}
	return secure.conn.ConnectionState(), true
}

// readInto is Conn.ReadInto.
func (l *tlsLayer) readInto(in Input) (int, error) {
	if l.under.raw.conn == nil {
		in.Idle()
		n, err := l.conn.Read(in.Grab().free())
		in.Grab().extend(n)
		return n, err
	}
	for {
		if l.dry {
			if err := l.wait(in); err != nil {
				return 0, err
			}
		}
		n, err := l.open(in.Grab())
		l.under.sendStrays()
		if n > 0 || !l.dry {
			return n, err
		}
	}
}

// open appends the contents of all records that are there, as far as there is room. Errors last, so that one that comes
// behind some content is returned the next time.
func (l *tlsLayer) open(chunk *Chunk) (total int, err error) {
	for chunk.Room() > 0 {
		n, err := l.conn.Read(chunk.free())
		chunk.extend(n)
		total += n
		if err != nil {
			l.dry = errors.Is(err, errDry)
			if total > 0 {
				err = nil
			}
			return total, err
		}
	}
	return total, nil
}

// wait returns when the transport has read something ahead, or the end.
func (l *tlsLayer) wait(in Input) error {
	l.in = in
	_, err := l.under.raw.readInto(l)
	l.in = nil
	if err == nil {
		l.under.adapt()
	} else {
		l.under.release()
	}
	if err == io.EOF {
		l.under.ended, err = true, nil // crypto/tls knows whether it comes in the middle of something
	}
	l.dry = err != nil
	return err
}

// Grab gives memory for records; the layer is the Input of the descriptor.
func (l *tlsLayer) Grab() *Chunk { return l.under.grab() }

// Idle gives the memory back before a wait.
func (l *tlsLayer) Idle() {
	l.under.release()
	l.in.Idle()
}

// tryWrite is Conn.TryWrite. What is in records cannot be taken back: when the socket does not take them all, none of it
// counts as written yet, and the next call goes on with them.
func (l *tlsLayer) tryWrite(chunks []*Chunk, at int) (int, error) {
	return l.send(chunks, at, l.under.trySend)
}

// write is Conn.WriteChunks.
func (l *tlsLayer) write(chunks []*Chunk, at int) (int, error) {
	return l.send(chunks, at, l.under.send)
}

func (l *tlsLayer) send(chunks []*Chunk, at int, flush func() error) (int, error) {
	if l.owed == 0 {
		n, err := l.seal(chunks, at)
		if err != nil {
			return 0, err
		}
		l.owed = n
	}
	if err := flush(); err != nil {
		return 0, err
	}
	n := l.owed
	l.owed = 0
	return n, nil
}

// seal puts chunks into as few records as possible and returns how many bytes these hold.
func (l *tlsLayer) seal(chunks []*Chunk, at int) (total int, err error) {
	var rest *Chunk // the begin of a record
	for i, chunk := range chunks {
		if total == sealBytes {
			break
		}
		b := chunk.B[at:]
		at = 0
		b = b[:min(len(b), sealBytes-total)]
		total += len(b)
		if rest != nil {
			b = b[rest.fill(b):]
			if rest.Room() > 0 {
				continue
			}
			if err = l.record(rest.B); err != nil {
				break
			}
			rest.B = rest.B[:0]
		}
		last := i == len(chunks)-1 || total == sealBytes
		whole := len(b) / recordBytes * recordBytes
		if last && (rest == nil || len(rest.B) == 0) {
			whole = len(b)
		}
		if err = l.record(b[:whole]); err != nil || last {
			break
		}
		if rest == nil {
			rest = NewChunk(recordBytes)
		}
		rest.fill(b[whole:])
	}
	if rest == nil {
		return total, err
	}
	if err == nil {
		err = l.record(rest.B)
	}
	rest.Free()
	return total, err
}

func (l *tlsLayer) record(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := l.conn.Write(b)
	return err
}

// farewell tells the peer that nothing follows, if that can be done without waiting.
func (l *tlsLayer) farewell() {
	// It fails if it was said before, or if the connection is broken: then there is nobody to tell.
	_ = l.conn.CloseWrite()
	l.under.sendStrays()
}
