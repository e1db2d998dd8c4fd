package consumer

import (
	"math"
	"slices"
	"strconv"
	"time"

	"myelin/internal/stream"
)

// Statuses that say that there is nothing, or no more.
const (
	textNoMessages      = "No Messages"
	textRequestsPending = "Requests Pending"
	textTimeout         = "Request Timeout"
	textTooLarge        = "Message Size Exceeds MaxBytes"
	textBatchDone       = "Batch Completed"
	textWaiting         = "Exceeded MaxWaiting"
	textPinMismatch     = "Nats-Pin-Id mismatch"
	textWrongPin        = "Nats-Wrong-Pin-Id"
)

// Pull takes a request. It waits, or is refused with a status at once; it is served by Run.
func (d *Dispatcher) Pull(now int64, r Request, out *Out) {
	d.now = max(d.now, now)
	r.Batch = min(max(r.Batch, 1), math.MaxInt32)
	r.MaxBytes = max(r.MaxBytes, 0)
	if code, text := d.fault(&r); code != 0 {
		out.status(r.To, code, text)
		return
	}
	d.active = d.now
	if d.config.Priority == stream.PriorityPinned && d.pin != nil && r.ID == d.pin.id {
		d.pin.ends = d.pinEnd()
	}
	if text := d.noWait(&r); text != "" {
		code := 404
		if text == textRequestsPending {
			code = 408
		}
		out.status(r.To, code, text)
		return
	}
	if d.config.MaxWaiting > 0 && d.queue.total >= d.config.MaxWaiting && !d.makeRoom() {
		if r.Heartbeat <= 0 { // clients that beat notice, and older ones of them take it for an error
			out.status(r.To, 409, textWaiting)
		}
		return
	}
	d.enqueue(r)
}

// fault is why a request is refused, in the order in which a stock server looks.
func (d *Dispatcher) fault(r *Request) (code int, text string) {
	c := d.config
	switch {
	case c.Push():
		return 409, "Consumer is push based"
	case r.Heartbeat > 0 && (r.Heartbeat > r.Expires/2 || r.Expires <= 0):
		return 400, "Bad Request - heartbeat value too large"
	case c.MaxBatch > 0 && r.Batch > c.MaxBatch:
		return 409, "Exceeded MaxRequestBatch of " + strconv.Itoa(c.MaxBatch)
	case c.MaxExpires > 0 && r.Expires > int64(c.MaxExpires):
		return 409, "Exceeded MaxRequestExpires of " + time.Duration(c.MaxExpires).String()
	case c.MaxBytes > 0 && r.MaxBytes > c.MaxBytes:
		return 409, "Exceeded MaxRequestMaxBytes of " + strconv.Itoa(c.MaxBytes)
	}
	return d.groupFault(r)
}

func (d *Dispatcher) groupFault(r *Request) (code int, text string) {
	policy := d.config.Priority
	switch {
	case policy != stream.PriorityOverflow && (r.MinPending != 0 || r.MinAckPending != 0):
		text = "Not a Overflow Priority consumer"
	case policy != stream.PriorityPinned && r.ID != "":
		text = "Not a Pinned Client Priority consumer"
	case r.Priority < 0 || r.Priority > 9:
		text = "Priority must be between 0 and 9"
	case policy == stream.PriorityNone:
		return 0, ""
	case r.Group == "":
		text = "Priority Group missing"
	case !slices.Contains(d.config.PriorityGroups, r.Group):
		text = "Invalid Priority Group"
	case policy == stream.PriorityPinned && d.pin != nil && r.ID != "" && r.ID != d.pin.id:
		return 423, textPinMismatch
	default:
		return 0, ""
	}
	return 400, "Bad Request - " + text
}

// noWait says what a request that does not wait is told at once, if anything.
func (d *Dispatcher) noWait(r *Request) (text string) {
	if !r.NoWait {
		return ""
	}
	available := d.available()
	switch {
	case available == 0 && r.Expires <= 0:
		return textNoMessages
	case available > 0 && d.queue.total > 0 && d.queue.wanted > available:
		return textRequestsPending
	}
	return ""
}

// available is how many messages could be delivered, if nothing held them back.
func (d *Dispatcher) available() int64 {
	ready := 0
	if d.order != nil {
		ready = len(d.order.ready)
	}
	return int64(d.source.CountFrom(d.last+1)) + int64(d.waiting.again+ready)
}

func (d *Dispatcher) enqueue(req Request) {
	r := &request{Request: req, left: req.Batch, bytes: req.MaxBytes}
	if req.Expires != 0 {
		r.expires = max(after(d.now, req.Expires), 1)
	}
	if req.Heartbeat > 0 {
		r.beat = after(d.now, req.Heartbeat)
	}
	if d.queue == &noRequests {
		d.queue = new(queue)
	}
	d.queue.add(r, d.config.Priority)
	if req.NoWait && req.Expires <= 0 {
		d.queue.finishing = append(d.queue.finishing, r)
	}
}

// lookNanos has to go by for each request before all are looked at again. A look takes about a tenth of it.
const lookNanos = 1000

// makeRoom removes requests of clients that are gone, unless it did so just now.
func (d *Dispatcher) makeRoom() bool {
	if d.server.listens == nil || d.now-d.looked < int64(d.queue.total)*lookNanos {
		return false
	}
	return d.removeGone() > 0
}

// removeGone removes requests to which nobody listens, and says how many.
func (d *Dispatcher) removeGone() (removed int) {
	if d.server.listens == nil {
		return 0
	}
	d.looked = d.now
	for i := 0; i < len(d.queue.classes); {
		c := d.queue.classes[i]
		for r := c.head; r != nil; {
			next := r.next
			if !d.server.listens(r.To) {
				d.end(r)
				removed++
			}
			r = next
		}
		if i < len(d.queue.classes) && d.queue.classes[i] == c {
			i++
		}
	}
	return removed
}

// end removes a request. Nobody tells it.
func (d *Dispatcher) end(r *request) {
	d.queue.remove(r)
	d.active = d.now
}

// finish ends the requests that do not wait: there is nothing for them.
func (d *Dispatcher) finish(out *Out) {
	q := d.queue
	if len(q.finishing) == 0 {
		return
	}
	for i, r := range q.finishing {
		if !r.done {
			d.end(r)
			out.status(r.To, 404, textNoMessages)
		}
		q.finishing[i] = nil
	}
	q.finishing = q.finishing[:0]
}

// Close tells all requests that there is no such consumer any more, and why: "Consumer Deleted".
func (d *Dispatcher) Close(text string, out *Out) {
	d.endAll(func(r *request) { out.status(r.To, 409, text) })
}

// TurnAway tells all requests that they are served elsewhere or later, and what they do not get: "Server Shutdown",
// "Leadership Change".
func (d *Dispatcher) TurnAway(text string, out *Out) {
	d.endAll(func(r *request) { out.unserved(r, 409, text) })
}

// endAll takes leave of all requests.
func (d *Dispatcher) endAll(tell func(*request)) {
	for d.queue.total > 0 {
		r := d.queue.front(never, never)
		d.queue.remove(r)
		tell(r)
	}
	if q := d.queue; len(q.finishing) > 0 {
		clear(q.finishing)
		q.finishing = q.finishing[:0]
	}
}
