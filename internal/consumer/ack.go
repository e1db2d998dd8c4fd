package consumer

import (
	"slices"

	"myelin/internal/stream"
)

const textDeleted = "Unacknowledged message was deleted"

// Acked says what the machine did for a client: it applied this item.
func (d *Dispatcher) Acked(now int64, item stream.AckItem, out *Out) {
	d.now = max(d.now, now)
	d.active = d.now
	if d.config.Ack == stream.AckAll || d.config.Ack == stream.AckFlowControl {
		if item.Kind == stream.AckDone || item.Kind == stream.AckTerm {
			d.before(item.Seq)
			d.skipTo(item)
		}
	}
	i := d.waiting.find(item.Seq)
	if i == 0 {
		return
	}
	e := &d.waiting.slab[i]
	about := Advisory{Seq: e.seq, DSeq: e.dseq, Count: e.count}
	if item.DSeq != 0 {
		about.DSeq = item.DSeq
	}
	switch item.Kind {
	case stream.AckDone:
		d.measure(e, about, out)
		d.release(i)
	case stream.AckTerm:
		about.Kind, about.Reason = Terminated, string(item.Reason)
		out.advise(about)
		d.release(i)
	case stream.AckNak:
		about.Kind = Naked
		out.advise(about)
		d.nak(i, item.Delay, out)
	case stream.AckProgress:
		d.waiting.unlink(i)
		e.time = d.now
		d.wait(i)
	case stream.AckAbandon:
		d.release(i)
	}
}

// Late reports whether a request would be given what an acknowledgement settles that is not applied yet: the wait for it is over.
func (d *Dispatcher) Late(now int64, seq uint64) bool {
	if d.config.Ack == stream.AckAll || d.config.Ack == stream.AckFlowControl {
		return d.waiting.again > 0 || d.ackDue <= now
	}
	i := d.waiting.find(seq)
	if i == 0 {
		return false
	}
	switch e := &d.waiting.slab[i]; e.place {
	case again:
		return true
	case inHeap:
		return e.time <= now
	default:
		return d.due(e) <= now
	}
}

// before removes what is acknowledged by a later message.
func (d *Dispatcher) before(seq uint64) {
	for i := d.waiting.lists[all].head; i != 0 && d.waiting.slab[i].seq < seq; i = d.waiting.lists[all].head {
		d.release(i)
	}
}

// skipTo goes on behind what was acknowledged, if that was delivered in a life of which the machine has forgotten a part: then it has
// what comes before as acknowledged, too.
func (d *Dispatcher) skipTo(item stream.AckItem) {
	if item.Seq > d.last {
		d.last, d.dseq, d.pending = item.Seq, max(d.dseq, item.DSeq), -1
	}
}

// measure tells about one acknowledgement in so many.
func (d *Dispatcher) measure(e *entry, about Advisory, out *Out) {
	if d.sampled += d.sample; d.sampled < 100 {
		return
	}
	d.sampled -= 100
	about.Kind, about.Delay = AckSample, d.now-e.time
	out.advise(about)
}

func (d *Dispatcher) nak(i uint32, delay int64, out *Out) {
	switch {
	case delay > 0:
		d.waiting.unlink(i)
		d.waiting.delay(i, after(d.now, delay))
	case d.waiting.slab[i].place != again:
		d.waiting.unlink(i)
		d.deliverAgain(i, out)
	}
}

// deliverAgain puts an entry, which is in no list, among those to deliver again, or gives it up.
func (d *Dispatcher) deliverAgain(i uint32, out *Out) {
	e := &d.waiting.slab[i]
	if d.config.MaxDeliver > 0 && int64(e.count) >= int64(d.config.MaxDeliver) {
		out.advise(Advisory{Kind: MaxDeliver, Seq: e.seq, DSeq: e.dseq, Count: e.count})
		out.Acks = append(out.Acks, stream.AckItem{Kind: stream.AckAbandon, Seq: e.seq})
		d.release(i)
		return
	}
	d.waiting.link(i, again)
}

// Vanished says that a message is gone without an acknowledgement; advise wants that to be told, which is so
// unless it was purged.
func (d *Dispatcher) Vanished(now int64, seq uint64, advise bool, out *Out) {
	d.now = max(d.now, now)
	i := d.waiting.find(seq)
	if i == 0 {
		if d.order != nil {
			d.order.done(seq)
		}
		return
	}
	if e := &d.waiting.slab[i]; advise {
		out.advise(Advisory{Kind: Terminated, Seq: e.seq, DSeq: e.dseq, Count: e.count, Reason: textDeleted})
	}
	d.release(i)
}

// Emptied says that no message waits for its acknowledgement any more: all are gone.
func (d *Dispatcher) Emptied(now int64) {
	d.now = max(d.now, now)
	for i := d.waiting.lists[all].head; i != 0; i = d.waiting.lists[all].head {
		d.waiting.remove(i)
	}
	if d.order != nil {
		d.order, d.admitted = newOrder(d.order.key), 0
	}
}

// maxDueInRun is how many timers of a kind one Run handles.
const maxDueInRun = 4096

// expire lets waits end that are over, the lowest sequence first.
func (d *Dispatcher) expire(out *Out) {
	t := d.waiting
	if len(t.heap) > 0 && t.slab[t.heap[0]].time <= d.now || d.ackDue <= d.now {
		t.due = t.due[:0]
		d.takeDue()
		sorted := func(a, b uint32) int {
			if t.slab[a].seq < t.slab[b].seq {
				return -1
			}
			return 1
		}
		if !slices.IsSortedFunc(t.due, sorted) {
			slices.SortFunc(t.due, sorted)
		}
		for _, i := range t.due {
			t.unlink(i)
			d.deliverAgain(i, out)
		}
	}
}

// takeDue collects entries whose waits are over, and finds when the next one is.
func (d *Dispatcher) takeDue() {
	t := d.waiting
	d.ackDue = never
	for place := firstWait; place < len(t.lists); place++ {
		for i := t.lists[place].head; i != 0; i = t.slab[i].next {
			if due := d.due(&t.slab[i]); due > d.now {
				d.ackDue = min(d.ackDue, due)
				break
			}
			if len(t.due) == maxDueInRun {
				d.ackDue, d.late = d.now, true
				break
			}
			t.due = append(t.due, i)
		}
	}
	for len(t.heap) > 0 && t.slab[t.heap[0]].time <= d.now {
		if len(t.due) == maxDueInRun {
			d.late = true
			break
		}
		i := t.heap[0]
		t.unlink(i)
		t.due = append(t.due, i)
	}
}
