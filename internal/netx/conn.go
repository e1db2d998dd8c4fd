// Package netx is the network as the server sees it: connections that hold no memory while they are
// idle, buffers for what is on its way, an accept loop, and the registry of who is connected.
//
// It knows no protocol. A connection of any kind (TCP, later TLS or WebSocket) is a Conn; what a kind
// cannot do cheaply it does in the ordinary way.
package netx

import (
	"errors"
	"net"
	"syscall"
)

// ErrWouldBlock says that a write could not be completed without waiting.
var ErrWouldBlock = errors.New("write would block")

// Conn is a stream connection that reads into borrowed memory and can write without waiting.
//
// One goroutine may read and one may write at a time; Close may be called by any.
type Conn struct {
	net.Conn

	raw rawConn // nil fields when the connection has no descriptor of its own
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
	if c.raw.conn != nil {
		return c.raw.readInto(in)
	}
	in.Idle() // whether there is input cannot be told without waiting
	chunk := in.Grab()
	n, err := c.Conn.Read(chunk.B[len(chunk.B):cap(chunk.B)])
	chunk.B = chunk.B[:len(chunk.B)+n]
	return n, err
}

// CanTry reports whether TryWrite can ever succeed.
func (c *Conn) CanTry() bool { return c.raw.conn != nil }

// TryWrite writes what the operating system takes at once. It returns ErrWouldBlock when that is not all.
func (c *Conn) TryWrite(b []byte) (int, error) {
	if c.raw.conn == nil {
		return 0, ErrWouldBlock
	}
	return c.raw.tryWrite(b)
}

// CloseWrite ends the outgoing direction, where the connection can do that.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
