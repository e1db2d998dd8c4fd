package consumer

// Deadline is when Run is wanted at the latest if nothing else happens, or the largest number.
func (d *Dispatcher) Deadline() int64 {
	if d.late {
		return d.now
	}
	at := min(d.ackDue, d.wake, d.inactiveEnd())
	if d.push != nil {
		at = min(at, d.push.beat)
	}
	if len(d.waiting.heap) > 0 {
		at = min(at, d.waiting.slab[d.waiting.heap[0]].time)
	}
	if d.queue.timers.Len() > 0 {
		wake, _ := d.queue.timers.First()
		at = min(at, wake)
	}
	if d.paused != 0 {
		at = min(at, d.paused)
	}
	if d.pin != nil {
		at = min(at, d.pin.ends)
	}
	return at
}

// inactiveEnd is when the consumer goes if nobody wants anything.
func (d *Dispatcher) inactiveEnd() int64 {
	if d.config.Inactive <= 0 || d.config.Push() && d.listening {
		return never
	}
	return after(d.active, int64(d.config.Inactive))
}

// timers lets happen what is due.
func (d *Dispatcher) timers(out *Out) {
	if d.paused != 0 && d.paused <= d.now {
		d.paused = 0
		out.advise(Advisory{Kind: Resumed})
	}
	if d.pin != nil && d.pin.ends <= d.now {
		d.unpin("timeout", d.pin.group, out)
	}
	d.requestTimers(out)
	d.expire(out)
	if d.push != nil && d.push.beat <= d.now {
		d.heartbeat(out)
	}
	if d.inactiveEnd() <= d.now {
		d.inactive(out)
	}
}

// requestTimers ends requests whose time is over, and beats for the others. One that does not wait for more, got some
// and then none because of a limit learns that with its first beat, as from a stock server.
func (d *Dispatcher) requestTimers(out *Out) {
	q := d.queue
	for n := 0; q.timers.Len() > 0; n++ {
		wake, r := q.timers.First()
		if wake > d.now {
			return
		}
		if n == maxDueInRun {
			d.late = true
			return
		}
		if r.expires != 0 && r.expires <= d.now {
			d.end(r)
			out.unserved(r, 408, textTimeout)
			continue
		}
		if r.NoWait && r.left < r.Batch {
			d.end(r)
			out.status(r.To, 404, textNoMessages)
			continue
		}
		d.beatTo(r.To, out)
		r.beat = after(d.now, r.Heartbeat)
		q.retime(r)
	}
}

// inactive lets the consumer go, unless requests wait whose clients still listen.
func (d *Dispatcher) inactive(out *Out) {
	if d.queue.total > 0 {
		d.removeGone()
	}
	d.active = d.now // it is asked again if nothing comes of it
	out.Drop = d.queue.total == 0
}
