package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
)

var errClosed = errors.New("connection closed")

// A Conn is one raw client connection. One goroutine reads it, with Read;
// any goroutine may write to it: a Write is one unit that others do not cut.
type Conn struct {
	Info Info

	nc    net.Conn
	in    scanner       // owned by the reading goroutine
	pongs chan struct{} // one token per PONG that arrived
	close sync.Once
	done  chan struct{} // closed when Read has returned
	err   error         // what Read returned; valid once done is closed
}

// maxPongs bounds how many PONGs may arrive before somebody takes them.
const maxPongs = 64

func newConn(nc net.Conn, readBuffer int) *Conn {
	return &Conn{
		nc:    nc,
		in:    scanner{src: nc, buf: make([]byte, readBuffer)},
		pongs: make(chan struct{}, maxPongs),
		done:  make(chan struct{}),
	}
}

func (c *Conn) startTLS(config *tls.Config, addr string) {
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	c.nc = tls.Client(c.nc, config)
	c.in.src = c.nc
}

// await reads until a control line of the wanted kind arrives and returns its
// argument. It is for the handshake, before Read is running.
func (c *Conn) await(kind eventKind) ([]byte, error) {
	for {
		var ev event
		for c.in.next(&ev) {
			switch ev.kind {
			case kind:
				return ev.text, nil
			case errEvent:
				return nil, serverError(ev.text)
			}
		}
		if err := c.in.fill(); err != nil {
			return nil, err
		}
	}
}

// Write sends whole frames.
func (c *Conn) Write(frames []byte) error {
	_, err := c.nc.Write(frames)
	return err
}

// A receiver takes what arrives on a connection, in the reading goroutine.
type receiver interface {
	message(ev *event) error // ev and what it refers to are valid during the call
	endRead() error          // all messages of one read from the socket were handed over
}

// discard is the receiver of a connection that only publishes.
type discard struct{}

func (discard) message(*event) error { return nil }
func (discard) endRead() error       { return nil }

// Drain reads, and answers PINGs, until the connection ends.
func (c *Conn) Drain() error { return c.read(discard{}) }

// read hands every message to r and answers the server's PINGs until the
// connection ends. The error is nil after Close.
func (c *Conn) read(r receiver) error {
	c.err = c.readAll(r)
	close(c.done)
	return c.err
}

func (c *Conn) readAll(r receiver) error {
	for {
		if err := c.handOver(r); err != nil {
			return err
		}
		if err := c.in.fill(); err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("read from server: %w", err)
		}
	}
}

func (c *Conn) handOver(r receiver) error {
	var ev event
	for c.in.next(&ev) {
		var err error
		if ev.kind == msgEvent {
			err = r.message(&ev)
		} else {
			err = c.control(&ev)
		}
		if err != nil {
			return err
		}
	}
	return r.endRead()
}

// control handles everything that is not a message.
func (c *Conn) control(ev *event) error {
	switch ev.kind {
	case pingEvent:
		return c.Write([]byte("PONG\r\n"))
	case pongEvent:
		select {
		case c.pongs <- struct{}{}:
		default:
			return errors.New("more PONGs than PINGs")
		}
	case errEvent:
		return serverError(ev.text)
	}
	return nil
}

// Flush returns when the server has processed everything written before. The
// connection must be being read, and one Flush runs at a time.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.Write([]byte("PING\r\n")); err != nil {
		return c.cause(err)
	}
	select {
	case <-c.pongs:
		return nil
	case <-c.done:
		return c.cause(errClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cause prefers what the server told the reader over err, which is often only
// the broken pipe that followed.
func (c *Conn) cause(err error) error {
	select {
	case <-c.done:
		if c.err != nil {
			return c.err
		}
	default:
	}
	return err
}

// Close closes the connection and waits for nobody.
func (c *Conn) Close() {
	c.close.Do(func() { c.nc.Close() })
}

func serverError(text []byte) error {
	return fmt.Errorf("server says -ERR %s", text)
}
