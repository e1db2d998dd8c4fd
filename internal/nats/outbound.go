package nats

import (
	"sync"
	"sync/atomic"

	"myelin/internal/broker"
	"myelin/internal/netx"
	"myelin/internal/router"
)

const (
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
	relief  chan struct{}   // closed when pending has fallen below the pace; nil: nobody waits
	idle    chan struct{}   // closed when the writer stops; nil: nobody waits
	msgs    int64           // delivered
	bytes   int64           // of these, headers and payloads
	traffic *broker.Traffic // of the account; nil before there is one

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

// tell queues bytes that belong to no batch, such as an INFO that tells news.
func (c *Conn) tell(frame []byte) {
	o := &c.out
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
	if o.relief != nil && o.pending <= pace/4*3 {
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

// pace is the number of pending bytes above which publishers wait a moment for the writer. A longer queue
// makes nothing faster: its memory has left the processor's caches when the writer gets to it.
func (c *Conn) pace() int64 { return min(paceBytes, c.l.limits().MaxPending/4) }

// full is the number of pending bytes above which publishers are held back for the sake of the peer.
func (c *Conn) full() int64 { return c.l.limits().MaxPending / 4 * 3 }

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
	if o.state == outShut || o.pending <= c.pace()/4*3 {
		close(relief)
	} else {
		o.relief = relief
	}
	return relief, full
}
