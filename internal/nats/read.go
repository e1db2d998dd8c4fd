package nats

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"myelin/internal/nats/wire"
	"myelin/internal/netx"
)

// input is the memory that a connection reads into. It follows the traffic: nothing while the connection
// is idle, more while reads fill it.
type input struct {
	chunk *netx.Chunk // holds what was read and not yet worked on; nil: nothing
	size  int         // wanted capacity, in bytes
	need  int         // capacity without which the operation at the start cannot be completed
	small int         // reads in a row that a smaller chunk would have done for
}

const (
	leastInput = 2 << 10
	mostInput  = 128 << 10
)

// Grab returns a chunk with room for input; see netx.Conn.
func (in *input) Grab() *netx.Chunk {
	if in.chunk == nil {
		in.chunk = netx.NewChunk(max(in.size, in.need, leastInput))
	} else if cap(in.chunk.B) < in.need || in.chunk.Room() == 0 {
		in.move(max(in.need, in.size, 2*cap(in.chunk.B)))
	}
	return in.chunk
}

// Drop is called before a wait: an incomplete operation is all that is kept, in as little as it needs.
func (in *input) Drop() {
	switch n := len(in.chunk.B); {
	case n == 0:
		in.free()
	case cap(in.chunk.B) > leastInput && n < cap(in.chunk.B)/16:
		in.move(n + 1)
	}
}

func (in *input) move(capacity int) {
	to := netx.NewChunk(capacity)
	to.B = append(to.B, in.chunk.B...)
	in.chunk.Free()
	in.chunk = to
}

func (in *input) free() {
	if in.chunk != nil {
		in.chunk.Free()
		in.chunk = nil
	}
}

// keepRest keeps what the reader made no operation of.
func (in *input) keepRest(rest []byte, need int) {
	n := copy(in.chunk.B[:len(rest)], rest)
	in.chunk.B = in.chunk.B[:n]
	in.need = need
}

// adapt chooses the size of the next chunk, given how much a read brought.
func (in *input) adapt(n int) {
	const patience = 8
	switch {
	case in.chunk.Room() == 0:
		in.size = min(max(4*in.size, leastInput), mostInput)
		in.small = 0
	case n < in.size/8:
		if in.small++; in.small > patience {
			in.size /= 4
			in.small = 0
		}
	default:
		in.small = 0
	}
}

// readLoop works on input until the connection ends, and sees to it that there is a reason.
func (c *Conn) readLoop() {
	for {
		n, err := c.net.ReadInto(&c.in)
		if n > 0 {
			c.activity.Store(c.clock().Now().UnixNano())
			c.in.adapt(n)
			if f := c.consume(); f != nil {
				c.fail(f)
				return
			}
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if f := c.tick(); f != nil {
				c.fail(f)
				return
			}
			continue
		}
		c.decide(readEnd(err))
		return
	}
}

func readEnd(err error) Reason {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return ClientClosed
	}
	return ReadError
}

// consume works on all operations that the input holds, then flushes.
func (c *Conn) consume() *fatal {
	c.reader.Feed(c.in.chunk.B)
	f := c.operations()
	c.in.keepRest(c.reader.Rest(), c.reader.Need())
	c.addCounts()
	c.stall(c.session.Flush())
	return f
}

func (c *Conn) operations() *fatal {
	for {
		err := c.reader.Next(&c.op)
		if err == wire.ErrShort {
			return nil
		}
		if err != nil {
			return violation(err.(*wire.Error))
		}
		if c.l.opt.Log.TraceEnabled() {
			c.traceIn(&c.op)
		}
		if c.op.Verb == wire.Pub {
			c.publish(&c.op)
		} else if f := c.other(&c.op); f != nil {
			return f
		}
	}
}

// addCounts adds what this read buffer brought to the totals.
func (c *Conn) addCounts() {
	if c.counts.msgs == 0 {
		return
	}
	c.inMsgs.Add(c.counts.msgs)
	c.inBytes.Add(c.counts.bytes)
	c.l.totals.inMsgs.Add(c.counts.msgs)
	c.l.totals.inBytes.Add(c.counts.bytes)
	c.counts = counts{}
}

// tick is called after an interrupted read.
func (c *Conn) tick() *fatal {
	if err := c.net.SetReadDeadline(time.Time{}); err != nil {
		return nil // the next read says what is wrong
	}
	return c.keep.tick(c)
}
