package consumer

import (
	"math"
	"math/bits"

	"myelin/internal/stream"
)

// candidate is the message to deliver next.
type candidate struct {
	seq   uint64
	again uint32 // its entry, if it was delivered before
	ready bool   // it was passed by, and its turn has come
	bytes int    // with its ack subject, if somebody counts them
	time  int64  // when it was stored, likewise
}

// outcome is how an attempt to deliver a message ended.
type outcome uint8

const (
	sent    outcome = iota
	nothing         // there is no message, or nobody for it
	held            // something holds it back
)

// Run lets what is due happen and delivers up to limit messages. It reports whether there is more to do now.
func (d *Dispatcher) Run(now int64, limit int, out *Out) (more bool) {
	d.now = max(d.now, now)
	d.run++
	d.late, d.wake, d.pending = false, never, -1
	d.timers(out)
	if d.paused != 0 || d.config.Push() && !d.listening {
		d.finish(out)
		return d.late
	}
	for range limit {
		switch d.deliver(out) {
		case nothing:
			d.finish(out)
			return d.late
		case held:
			return d.late
		}
	}
	d.late = true
	return true
}

// Wants says whether a message that is new in the stream could be delivered at once, so that Run has to be called.
func (d *Dispatcher) Wants() bool {
	switch {
	case d.paused != 0 || d.atLimit():
		return false
	case d.config.Push():
		return d.listening && !d.push.flow.stalled()
	}
	return d.queue.total > 0
}

// atLimit says whether too many messages wait for their acknowledgement, or for that of another.
func (d *Dispatcher) atLimit() bool {
	return d.config.Ack != stream.AckNone && d.config.MaxAckPending > 0 && d.waiting.live+d.parked() >= d.config.MaxAckPending
}

func (d *Dispatcher) deliver(out *Out) outcome {
	if !d.config.Push() && d.queue.total == 0 {
		return nothing
	}
	if d.push != nil && d.config.FlowControl && d.push.flow.stalled() {
		return held
	}
	var c candidate
	if result := d.next(&c, out); result != sent {
		return result
	}
	if d.config.Push() {
		d.send(&c, d.push.to, "", out)
		d.sentBytes(c.bytes, out)
		if d.push.beat != never {
			d.push.beat = after(d.now, int64(d.config.Heartbeat))
		}
		return sent
	}
	r := d.pick(&c, out)
	if r == nil {
		return nothing
	}
	d.serve(r, &c, out)
	return sent
}

// next finds the message to deliver next: one that was delivered before, or else a new one.
func (d *Dispatcher) next(c *candidate, out *Out) outcome {
	for i := d.waiting.lists[again].head; i != 0; i = d.waiting.lists[again].head {
		*c = candidate{seq: d.waiting.slab[i].seq, again: i}
		if d.look(c) {
			return d.paced(c)
		}
		d.release(i)
	}
	if d.order != nil {
		if seq, ok := d.order.next(); ok {
			*c = candidate{seq: seq, ready: true}
			if d.counting() && !d.look(c) {
				return nothing
			}
			return d.paced(c)
		}
	}
	if d.atLimit() {
		return held
	}
	seq, ok := d.nextNew(out)
	if !ok {
		return nothing
	}
	*c = candidate{seq: seq}
	if d.replay != nil && seq > d.server.last {
		d.replay = nil
	}
	if d.counting() && !d.look(c) {
		return nothing
	}
	return d.paced(c)
}

// counting says whether sizes or times of new messages matter.
func (d *Dispatcher) counting() bool {
	return d.queue.sized > 0 || d.config.FlowControl || d.rate != nil || d.replay != nil
}

// look asks for size and time of a message; false if it is gone.
func (d *Dispatcher) look(c *candidate) bool {
	bytes, time, ok := d.source.Look(c.seq)
	if !ok {
		return false
	}
	count := uint32(1)
	if c.again != 0 {
		count = d.waiting.slab[c.again].count + 1
	}
	behind := d.behind()
	if c.again == 0 {
		behind--
	}
	c.time = time
	c.bytes = bytes + d.server.ackPrefix + 4 + digits(uint64(count)) + digits(c.seq) + digits(d.dseq+1) + digits(uint64(time)) + digits(uint64(behind))
	return true
}

// digits is how many a number has in decimal: of as many bits there are numbers with one of two counts.
func digits(n uint64) int {
	count := (bits.Len64(n|1)*1233)>>12 + 1
	if n < powers[count-1] && count > 1 {
		count--
	}
	return count
}

// powers of ten.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// behind is how many messages were not delivered yet. It is asked for once in a Run.
func (d *Dispatcher) behind() int64 {
	if d.pending < 0 {
		d.pending = int64(min(d.NumPending(), math.MaxInt64))
	}
	return d.pending
}

// paced holds a message back for as long as the rate or the replay says.
func (d *Dispatcher) paced(c *candidate) outcome {
	at := d.rate.ready(d.now, c.bytes)
	if c.again == 0 {
		at = max(at, d.replay.ready(d.now, c.time))
	}
	if at > d.now {
		d.wake = at
		return held
	}
	return sent
}

// pick finds the request that gets a message. On the way it ends those that cannot get it.
func (d *Dispatcher) pick(c *candidate, out *Out) *request {
	for {
		var r *request
		if d.config.Priority == stream.PriorityPinned {
			r = d.pinned(out)
		} else {
			r = d.queue.front(d.behind(), int64(d.waiting.live))
		}
		if r == nil {
			return nil
		}
		if r.looked != d.run {
			r.looked = d.run
			if d.server.listens != nil && !d.server.listens(r.To) {
				d.end(r)
				continue
			}
		}
		if r.MaxBytes > 0 && c.bytes > r.bytes {
			d.end(r)
			out.unserved(r, 409, textTooLarge)
			continue
		}
		if d.config.Priority == stream.PriorityPinned && d.pin == nil {
			d.pinTo(r, out)
		}
		return r
	}
}

// serve gives a message to a request, and ends that if it has all that it asked for.
func (d *Dispatcher) serve(r *request, c *candidate, out *Out) {
	d.send(c, r.To, d.pinID(), out)
	r.left--
	d.queue.wanted--
	full := r.left == 0
	if r.MaxBytes > 0 {
		r.bytes -= c.bytes
		if full = full || r.bytes == 0; r.left == 0 && r.bytes > 0 {
			out.unserved(r, 409, textBatchDone)
		}
	}
	if full {
		d.end(r)
		return
	}
	if r.NoWait && r.Expires > 0 && !r.served {
		d.queue.finishing = append(d.queue.finishing, r)
	}
	r.served = true
	if r.beat != 0 {
		r.beat = after(d.now, r.Heartbeat)
		d.queue.retime(r)
	}
	d.queue.rotate(r)
}

// send hands a message out, and notes it.
func (d *Dispatcher) send(c *candidate, to []byte, pin string, out *Out) {
	d.dseq++
	count := uint32(1)
	if c.again != 0 {
		count = d.redelivered(c.again)
	} else {
		d.behind()
		d.pending--
		if c.ready {
			d.order.delivered()
		} else {
			d.last, d.admitted = c.seq, 0
		}
		d.replay.note(d.now, c.time)
		if d.config.Ack != stream.AckNone {
			d.wait(d.await(c.seq, d.dseq, d.now, 1))
		}
	}
	out.Deliveries = append(out.Deliveries, Delivery{Seq: c.seq, DSeq: d.dseq, Count: count, Pending: uint64(d.behind()), To: to, Pin: pin})
	out.delivered(stream.Delivery{Seq: c.seq, DSeq: d.dseq, Count: count}, d.config.Ack == stream.AckNone)
}

func (d *Dispatcher) redelivered(i uint32) uint32 {
	e := &d.waiting.slab[i]
	if e.count < math.MaxUint32 {
		e.count++
	}
	e.dseq, e.time = d.dseq, d.now
	d.waiting.unlink(i)
	d.wait(i)
	return e.count
}
