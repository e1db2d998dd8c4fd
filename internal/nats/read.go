package nats

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"myelin/internal/nats/wire"
	"myelin/internal/netx"
	"myelin/internal/router"
)

// input is the memory that a connection reads into. It follows the traffic: nothing while the connection
// is idle, more while reads fill it.
type input struct {
	chunk *netx.Chunk // holds what was read and not yet worked on; nil: nothing
	size  int         // wanted capacity, in bytes
	need  int         // capacity without which the operation at the start cannot be completed
	small int         // reads in a row that a smaller chunk would have done for
	fresh int         // bytes read since the last flush
}

const (
	leastInput = 2 << 10
	mostInput  = 128 << 10
	// flushInput is how much is read before a flush while there is always more: it bounds how long a
	// message waits, and a larger one would gain nothing.
	flushInput = 128 << 10
)

// Grab returns memory for input; see netx.Input.
func (c *Conn) Grab() *netx.Chunk { return c.in.grab() }

// Idle is called before the connection waits for input: it is time to send what was gathered.
func (c *Conn) Idle() {
	c.flush()
	c.in.release()
}

// grab returns a chunk with room.
func (in *input) grab() *netx.Chunk {
	want := max(in.size, in.need, leastInput)
	if in.chunk == nil {
		in.chunk = netx.NewChunk(want)
	} else if cap(in.chunk.B) < want || in.chunk.Room() == 0 {
		in.move(max(want, len(in.chunk.B)+1))
	}
	return in.chunk
}

// release keeps no more than an incomplete operation, in as little as it needs.
func (in *input) release() {
	if in.chunk == nil {
		return
	}
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
		n, err := c.net.ReadInto(c)
		if n > 0 {
			c.activity.Store(c.clock().Now().UnixNano())
			c.in.adapt(n)
			if c.optional != nil && !c.detect() {
				return
			}
			if f := c.consume(n); f != nil {
				c.fail(f)
				return
			}
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if c.flags.has(closed) {
				return
			}
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

// consume works on all operations that the input holds. What they gather is flushed when the input runs
// dry, see Idle, or here when that does not happen soon.
func (c *Conn) consume(n int) *fatal {
	c.reader.Feed(c.in.chunk.B)
	w := works.Get().(*work)
	f := c.operations(w)
	works.Put(w)
	c.in.keepRest(c.reader.Rest(), c.reader.Need())
	if c.in.fresh += n; c.in.fresh >= flushInput {
		c.flush()
	}
	return f
}

// flush sends what was gathered since the last time, and waits a little if a receiver asks for it.
func (c *Conn) flush() {
	n := c.in.fresh
	c.in.fresh = 0
	c.addCounts()
	if pressed := c.session.Flush(); len(pressed) > 0 {
		c.stall(pressed, n)
	}
}

// stall holds a publisher back that runs ahead of its receivers, itself among them, after n bytes of
// input: for a moment, so that their writers keep up; for longer, when one of them may soon be cut off.
func (c *Conn) stall(pressed []router.Dest, n int) {
	const (
		moment = time.Millisecond
		longer = 10 * time.Millisecond // for each piece of the input
		piece  = 64 << 10
	)
	if c.l.limits().NoStall {
		return
	}
	waits := make([]<-chan struct{}, len(pressed))
	danger := false
	for i, dest := range pressed {
		relief, full := dest.Relief()
		waits[i] = relief
		danger = danger || full
	}
	patience := moment
	if danger {
		patience = longer * time.Duration(1+n/piece)
		c.stalls.Add(1)
		c.l.totals.stalls.Add(1)
	}
	enough := c.clock().After(patience)
	for _, relief := range waits {
		select {
		case <-relief:
		case <-enough:
			return
		}
	}
}

// work is what is in hand while input is worked on. It is too large to be kept by each idle connection.
type work struct {
	op  wire.Op
	msg router.Message
}

var works = sync.Pool{New: func() any { return new(work) }}

func (c *Conn) operations(w *work) *fatal {
	op := &w.op
	if c.login.locked {
		if f := c.knock(); f != nil {
			return f
		}
	}
	for {
		err := c.reader.Next(op)
		if err == wire.ErrShort {
			return nil
		}
		if err != nil {
			return c.violation(err.(*wire.Error))
		}
		if c.l.opt.Log.TraceEnabled() {
			c.traceIn(op)
		}
		if op.Verb == wire.Pub {
			c.publish(op, &w.msg)
		} else if f := c.other(op); f != nil {
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
	traffic := c.session.Account().Traffic()
	traffic.InMsgs.Add(c.counts.msgs)
	traffic.InBytes.Add(c.counts.bytes)
	c.counts = counts{}
}

// tick is called after an interrupted read.
func (c *Conn) tick() *fatal {
	if err := c.net.SetReadDeadline(time.Time{}); err != nil {
		return nil // the next read says what is wrong
	}
	if f := c.recheck(); f != nil {
		return f
	}
	return c.keep.tick(c)
}
