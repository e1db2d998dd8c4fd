// Package netx is the network as the server sees it: connections that hold no memory while they are
// idle, buffers for what is on its way, an accept loop, and the registry of who is connected.
//
// It knows no protocol. A connection of any kind (TCP, TLS, later WebSocket) is a Conn; what a kind
// cannot do cheaply it does in the ordinary way.
package netx

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// ErrWouldBlock says that a write could not be completed without waiting.
var ErrWouldBlock = errors.New("write would block")

// Conn is a stream connection that reads into borrowed memory and can write without waiting.
//
// One goroutine may read and one may write at a time; Close may be called by any.
type Conn struct {
	net.Conn

	raw   rawConn                  // nil fields when the connection has no descriptor of its own
	tls   atomic.Pointer[tlsLayer] // nil: bytes are carried as they are
	ahead []byte                   // was read to see what it is, by Peek; of the reading goroutine
}

// NewConn wraps an established connection.
func NewConn(c net.Conn) *Conn {
	conn := &Conn{Conn: c}
	if sc, ok := c.(syscall.Conn); ok && rawSupported {
		if raw, err := sc.SyscallConn(); err == nil {
			conn.raw.init(raw)
		}
	}
	return conn
}

// Input is who reads from a connection.
type Input interface {
	// Grab returns a chunk with room for at least one byte. It is called once there may be input.
	Grab() *Chunk
	// Idle is called when there is no input, before a wait that may be long. It may give up the chunk.
	Idle()
}

// ReadInto waits for input and appends some of it to the chunk that in gives for it. So a connection
// that waits need not hold memory, as far as its kind allows.
func (c *Conn) ReadInto(in Input) (int, error) {
	secure := c.tls.Load()
	switch {
	case secure != nil:
		return secure.readInto(in)
	case len(c.ahead) > 0:
		n := in.Grab().fill(c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	case c.raw.conn != nil:
		return c.raw.readInto(in)
	}
	in.Idle() // whether there is input cannot be told without waiting
	chunk := in.Grab()
	n, err := c.Conn.Read(chunk.free())
	chunk.extend(n)
	return n, err
}

// Peek waits for input, of which the next read brings all, and returns the first byte.
func (c *Conn) Peek() (byte, error) {
	if len(c.ahead) == 0 {
		c.ahead = make([]byte, 1)
		if n, err := c.Conn.Read(c.ahead); n == 0 {
			c.ahead = nil
			return 0, err
		}
	}
	return c.ahead[0], nil
}

// Unread gives input back: the next read brings it, or the handshake begins with it. All that was read before has been given
// back or used up.
func (c *Conn) Unread(b []byte) { c.ahead = bytes.Clone(b) }

// CanTry reports whether TryWrite can ever succeed.
func (c *Conn) CanTry() bool { return c.raw.conn != nil }

// TryWrite writes of the chunks, beginning with byte at of the first, what the operating system takes at once, or a part
// of that, and returns the number of bytes. ErrWouldBlock says that it takes no more; then the next write, of either kind,
// has to begin where this one ended.
func (c *Conn) TryWrite(chunks []*Chunk, at int) (int, error) {
	if c.raw.conn == nil {
		return 0, ErrWouldBlock
	}
	if secure := c.tls.Load(); secure != nil {
		return secure.tryWrite(chunks, at)
	}
	return c.raw.tryWrite(chunks[0].B[at:])
}

// WriteChunks writes of the chunks, beginning with byte at of the first, all or a part, and returns the number of bytes. It
// waits for the peer, at most until the write deadline.
func (c *Conn) WriteChunks(chunks []*Chunk, at int) (int, error) {
	if secure := c.tls.Load(); secure != nil {
		return secure.write(chunks, at)
	}
	const mostBytes, mostChunks = 1 << 20, 64
	buffers := make(net.Buffers, 0, min(len(chunks), mostChunks))
	size := 0
	for _, chunk := range chunks {
		if len(buffers) == mostChunks || size >= mostBytes {
			break
		}
		b := chunk.B[at:]
		at = 0
		buffers = append(buffers, b)
		size += len(b)
	}
	n, err := buffers.WriteTo(c.Conn)
	return int(n), err
}

// Close closes the connection. It does not wait; what is being written may get lost.
func (c *Conn) Close() error {
	if secure := c.tls.Load(); secure != nil {
		secure.farewell()
	}
	return c.Conn.Close()
}

// CloseWrite ends the outgoing direction, where the connection can do that.
func (c *Conn) CloseWrite() error {
	if secure := c.tls.Load(); secure != nil {
		secure.farewell()
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
