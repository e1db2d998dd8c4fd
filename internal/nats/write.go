package nats

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/nats/wire"
	"myelin/internal/netx"
	"myelin/internal/router"
)

const (
	// inPlaceBytes is how much the goroutine that finds the socket idle writes itself; for more, or when
	// the socket does not take it at once, another goroutine is worth its start.
	inPlaceBytes = 16 << 10
	// copyBytes is how much is copied to the end of the queue rather than queued as memory of its own.
	copyBytes = 4 << 10
	// paceBytes is how far a publisher may run ahead of the writer before it pauses.
	paceBytes = 1 << 20
)

// outbound is the queue of bytes for the peer. Who finds it without a writer becomes the writer, and
// stays it until the queue is empty.
type outbound struct {
	// ended counts subscriptions that ended; it changes under mu and is read by Deliver. See Frames.Mark.
	ended atomic.Uint64

	mu      sync.Mutex // guards what follows, and the counts of the connection's subscriptions
	queue   []*netx.Chunk
	spare   []*netx.Chunk // an emptied slice, to be used again
	pending int64         // bytes that are queued or being written
	writing bool          // there is a writer
	state   outState
	relief  chan struct{} // closed when pending has fallen to half the pace; nil: nobody waits
	idle    chan struct{} // closed when the writer stops; nil: nobody waits
	msgs    int64         // delivered
	bytes   int64         // of these, headers and payloads

	// of the writer
	current []*netx.Chunk // being written
	at      int           // bytes of the first of them that are written
	written int64         // bytes written since pending was brought up to date
}

type outState uint8

const (
	outOpen  outState = iota
	outDrain          // takes no more, writes what it has
	outShut           // what it had is dropped
)

// Push takes over what a publisher gathered for this connection.
func (c *Conn) Push(f *router.Frames) router.Answer {
	o := &c.out
	o.mu.Lock()
	if o.state != outOpen {
		o.mu.Unlock()
		return router.Refused
	}
	if o.pending+int64(f.Bytes) > c.l.opt.Limits.MaxPending {
		o.mu.Unlock()
		c.tooSlow(SlowConsumerPending)
		return router.Refused
	}
	finished := o.account(f, &c.l.totals)
	first := o.take(f)
	size := o.pending
	o.mu.Unlock()
	for _, s := range finished {
		c.endSub(s)
	}
	if first {
		c.startWriting(size)
	}
	if size > c.pace() {
		return router.Pressed
	}
	return router.Taken
}

// pace is the number of pending bytes above which publishers wait a moment for the writer. A longer queue
// makes nothing faster: its memory has left the processor's caches when the writer gets to it.
func (c *Conn) pace() int64 { return min(paceBytes, c.l.opt.Limits.MaxPending/4) }

// full is the number of pending bytes above which publishers are held back for the sake of the peer.
func (c *Conn) full() int64 { return c.l.opt.Limits.MaxPending / 4 * 3 }

// account counts the messages of f for their subscriptions, after it has removed the frames of those
// that ended since f was begun or have had all they asked for. It returns those that had their last.
func (o *outbound) account(f *router.Frames, t *totals) (finished []*subscription) {
	if f.Mark != o.ended.Load()+1 || overdue(f) {
		filter(f)
	}
	var msgs, bytes int64
	for i := range f.Runs {
		run := &f.Runs[i]
		if run.Sub == nil {
			continue
		}
		s := run.Sub.Sink.(*subscription)
		s.delivered += int64(run.Msgs)
		msgs += int64(run.Msgs)
		bytes += int64(run.Content)
		if s.max > 0 && s.delivered >= s.max {
			finished = append(finished, s)
		}
	}
	if msgs > 0 {
		o.msgs += msgs
		o.bytes += bytes
		t.outMsgs.Add(msgs)
		t.outBytes.Add(bytes)
	}
	return finished
}

// overdue reports whether f holds more messages for a subscription than its maximum allows: those that
// were matched before the maximum was set.
func overdue(f *router.Frames) bool {
	for i := range f.Runs {
		if f.Runs[i].Sub == nil {
			continue
		}
		if s := f.Runs[i].Sub.Sink.(*subscription); s.max > 0 && s.delivered+int64(f.Runs[i].Msgs) > s.max {
			return true
		}
	}
	return false
}

// filter drops the frames that may not be sent any more.
func filter(f *router.Frames) {
	seen := make(map[*subscription]int64)
	f.Filter(wire.MeasureFrame, func(sub *router.Sub) bool {
		if sub == nil {
			return true
		}
		s := sub.Sink.(*subscription)
		if s.max == dropped || s.max > 0 && s.delivered+seen[s] >= s.max {
			return false
		}
		seen[s]++
		return true
	})
}

// take moves the chunks of f to the queue. It reports whether the caller becomes the writer.
func (o *outbound) take(f *router.Frames) bool {
	if f.Bytes == 0 {
		return false
	}
	o.pending += int64(f.Bytes)
	if !o.copyToTail(f) {
		if o.queue == nil {
			o.queue, o.spare = o.spare, nil
		}
		o.queue = append(o.queue, f.Chunks...)
		f.Chunks = f.Chunks[:0]
	}
	first := !o.writing
	o.writing = true
	return first
}

// copyToTail copies little to where it fits behind what is queued.
func (o *outbound) copyToTail(f *router.Frames) bool {
	n := len(o.queue)
	if n == 0 || f.Bytes > copyBytes || o.queue[n-1].Room() < f.Bytes {
		return false
	}
	tail := o.queue[n-1]
	for _, c := range f.Chunks {
		tail.B = append(tail.B, c.B...)
		c.Free()
	}
	f.Chunks = f.Chunks[:0]
	return true
}

// append queues bytes that belong to no batch, such as an INFO that tells news.
func (o *outbound) append(c *Conn, frame []byte) {
	chunk := netx.NewChunk(len(frame))
	chunk.B = append(chunk.B, frame...)
	o.mu.Lock()
	if o.state != outOpen {
		o.mu.Unlock()
		chunk.Free()
		return
	}
	o.queue = append(o.queue, chunk)
	o.pending += int64(len(frame))
	first, size := !o.writing, o.pending
	o.writing = true
	o.mu.Unlock()
	if first {
		c.startWriting(size)
	}
}

// load gives the writer something to write, and brings pending up to date. It reports false when there
// is nothing: then the caller is not the writer any more.
func (o *outbound) load(pace int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending -= o.written
	o.written = 0
	if o.relief != nil && o.pending <= pace/2 {
		close(o.relief)
		o.relief = nil
	}
	if o.state == outShut {
		o.discard()
	}
	if len(o.current) > 0 {
		return true
	}
	if len(o.queue) == 0 {
		o.writing = false
		if o.idle != nil {
			close(o.idle)
			o.idle = nil
		}
		return false
	}
	o.current, o.queue, o.spare = o.queue, o.spare[:0], o.current[:0]
	return true
}

// discard drops all that is queued or being written; mu is held, by the writer.
func (o *outbound) discard() {
	for _, c := range o.current {
		c.Free()
	}
	for _, c := range o.queue {
		c.Free()
	}
	o.current, o.queue, o.spare, o.at, o.pending = nil, nil, nil, 0, 0
}

// shut makes the queue drop what it has and refuse more.
func (o *outbound) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = outShut
	if !o.writing {
		o.discard()
	}
	if o.relief != nil {
		close(o.relief)
		o.relief = nil
	}
}

// advance notes that n bytes of current were written.
func (o *outbound) advance(n int) {
	o.written += int64(n)
	n += o.at
	done := 0
	for done < len(o.current) && n >= len(o.current[done].B) {
		n -= len(o.current[done].B)
		o.current[done].Free()
		done++
	}
	rest := copy(o.current, o.current[done:])
	clear(o.current[rest:])
	o.current, o.at = o.current[:rest], n
}

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
		}
	}
}

// tryWrite writes as much of current as the socket takes at once.
func (c *Conn) tryWrite() error {
	o := &c.out
	for len(o.current) > 0 {
		n, err := c.net.TryWrite(o.current[0].B[o.at:])
		o.advance(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// waitWrite writes a part of current, waiting for the peer at most for the write deadline.
func (c *Conn) waitWrite() error {
	const mostBytes, mostChunks = 1 << 20, 64
	o := &c.out
	buffers := make(net.Buffers, 0, min(len(o.current), mostChunks))
	size := 0
	for i, chunk := range o.current {
		if len(buffers) == mostChunks || size >= mostBytes {
			break
		}
		b := chunk.B
		if i == 0 {
			b = b[o.at:]
		}
		buffers = append(buffers, b)
		size += len(b)
	}
	if err := c.net.SetWriteDeadline(c.clock().Now().Add(c.l.opt.Limits.WriteDeadline)); err != nil {
		return err
	}
	n, err := buffers.WriteTo(c.net.Conn)
	o.advance(int(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
		if !c.l.opt.Limits.RetryWrites {
			c.tooSlow(SlowConsumerWrite)
		}
	}
	if err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{})
}

// drain waits until what is queued is written, no longer than the write deadline, and takes no more.
func (c *Conn) drain() {
	o := &c.out
	o.mu.Lock()
	if o.state == outOpen {
		o.state = outDrain
	}
	var idle chan struct{}
	if o.writing {
		idle = make(chan struct{})
		o.idle = idle
	}
	o.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-c.clock().After(c.l.opt.Limits.WriteDeadline):
		o.shut()
	}
}

// tooSlow closes a connection that does not read what it asked for.
func (c *Conn) tooSlow(why Reason) {
	if c.flags.has(closed) {
		return
	}
	c.l.totals.slow.Add(1)
	c.l.opt.Log.Noticef("%s - Slow Consumer Detected: %s", c, slowDetail(c, why))
	c.close(why)
}

func slowDetail(c *Conn, why Reason) string {
	limits := &c.l.opt.Limits
	if why == SlowConsumerWrite {
		return fmt.Sprintf("WriteDeadline of %v exceeded", limits.WriteDeadline)
	}
	return fmt.Sprintf("MaxPending of %d Exceeded", limits.MaxPending)
}

// Relief returns a channel that is closed when little waits to be written, or nobody needs to care; and
// whether the queue is nearly full.
func (c *Conn) Relief() (<-chan struct{}, bool) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	full := o.state == outOpen && o.pending > c.full()
	if o.relief != nil {
		return o.relief, full
	}
	relief := make(chan struct{})
	if o.state == outShut || o.pending <= c.pace()/2 {
		close(relief)
	} else {
		o.relief = relief
	}
	return relief, full
}

// stall holds a publisher back that runs ahead of its receivers: for a moment, so that their writers keep
// up; for longer, when one of them may soon be cut off.
func (c *Conn) stall(pressed []router.Dest) {
	const moment, longer = time.Millisecond, 10 * time.Millisecond
	if c.l.opt.Limits.NoStall {
		return
	}
	patience := moment
	waits := make([]<-chan struct{}, 0, len(pressed))
	for _, dest := range pressed {
		if dest == router.Dest(c) {
			continue
		}
		relief, full := dest.Relief()
		waits = append(waits, relief)
		if full && patience != longer {
			patience = longer
			c.stalls.Add(1)
			c.l.totals.stalls.Add(1)
		}
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

// Unpack decodes the message frames of f; see router.Dest.
func (c *Conn) Unpack(f *router.Frames, visit func(*router.Sub, *router.Message)) {
	run, left := 0, 0
	for _, chunk := range f.Chunks {
		for in := chunk.B; len(in) > 0; {
			for left == 0 {
				left = f.Runs[run].Bytes
				run++
			}
			n, _ := wire.MeasureFrame(in)
			var m router.Message
			if sub := f.Runs[run-1].Sub; sub != nil {
				m.Subject, m.Reply, m.Header, m.Payload = wire.ParseFrame(in[:n])
				visit(sub, &m)
			}
			in, left = in[n:], left-n
		}
	}
}
