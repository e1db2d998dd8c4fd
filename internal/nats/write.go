package nats

import (
	"errors"
	"fmt"
	"os"
	"time"

	"myelin/internal/netx"
)

// inPlaceBytes is how much the goroutine that finds the socket idle writes itself; for more, or when the
// socket does not take it at once, another goroutine is worth its start.
const inPlaceBytes = 16 << 10

// startWriting makes the caller the writer for what the socket takes at once, when that is little, and
// leaves the rest to a goroutine.
func (c *Conn) startWriting(size int64) {
	o := &c.out
	if size <= inPlaceBytes && c.net.CanTry() {
		if !o.load(c.pace()) {
			return
		}
		if c.tryWrite() == nil && !o.load(c.pace()) {
			return
		}
	}
	go c.writeLoop()
}

// writeLoop writes until the queue is empty.
func (c *Conn) writeLoop() {
	for c.out.load(c.pace()) {
		err := c.tryWrite()
		if err == netx.ErrWouldBlock {
			err = c.waitWrite()
		}
		if err != nil {
			c.close(WriteError)
			// The connection may be closing for another reason, and drain; nothing more can be written.
			c.out.shut()
		}
	}
}

// tryWrite writes as much of current as the socket takes at once.
func (c *Conn) tryWrite() error {
	o := &c.out
	for len(o.current) > 0 {
		n, err := c.net.TryWrite(o.current, o.at)
		o.advance(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// waitWrite writes a part of current, waiting for the peer at most for the write deadline.
func (c *Conn) waitWrite() error {
	o := &c.out
	if err := c.net.SetWriteDeadline(c.clock().Now().Add(c.l.limits().WriteDeadline)); err != nil {
		return err
	}
	n, err := c.net.WriteChunks(o.current, o.at)
	o.advance(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if !c.l.limits().RetryWrites {
			c.tooSlow(SlowConsumerWrite)
			return err
		}
		err = nil
	}
	if err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{})
}

// drain waits until what is queued is written, not for long, and takes no more.
func (c *Conn) drain() {
	const patience = 2 * time.Second
	o := &c.out
	o.mu.Lock()
	if o.state == outOpen {
		o.state = outDrain
	}
	o.mu.Unlock()
	if !c.settled(min(patience, c.l.limits().WriteDeadline)) {
		o.shut()
	}
}

// settled waits until all that is queued is written, and reports false when that takes too long.
func (c *Conn) settled(patience time.Duration) bool {
	o := &c.out
	o.mu.Lock()
	if !o.writing {
		o.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	o.idle = idle
	o.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-c.clock().After(patience):
		return false
	}
}

// tooSlow closes a connection that does not read what it asked for.
func (c *Conn) tooSlow(why Reason) {
	if c.flags.has(closed) {
		return
	}
	c.l.totals.slow.Add(1)
	c.out.mu.Lock()
	traffic := c.out.traffic
	c.out.mu.Unlock()
	if traffic != nil {
		traffic.SlowConsumers.Add(1)
	}
	c.l.opt.PeerLog.Noticef("%s - Slow Consumer Detected: %s", c, slowDetail(c, why))
	c.close(why)
}

func slowDetail(c *Conn, why Reason) string {
	limits := c.l.limits()
	if why == SlowConsumerWrite {
		return fmt.Sprintf("WriteDeadline of %v exceeded", limits.WriteDeadline)
	}
	return fmt.Sprintf("MaxPending of %d Exceeded", limits.MaxPending)
}
