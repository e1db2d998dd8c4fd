package consumer

// pin is who is pinned.
type pin struct {
	id    string
	group string // that the client named
	since int64
	ends  int64
}

// pinID is who is pinned; empty: nobody.
func (d *Dispatcher) pinID() string {
	if d.pin == nil {
		return ""
	}
	return d.pin.id
}

// Unpin lets another client take over, as an administrator asks, who names a group: who is pinned may have named another. It
// reports whether somebody was pinned.
func (d *Dispatcher) Unpin(now int64, group string, out *Out) bool {
	d.now = max(d.now, now)
	if d.pin == nil {
		return false
	}
	d.unpin("admin", group, out)
	return true
}

func (d *Dispatcher) unpin(reason, group string, out *Out) {
	out.advise(Advisory{Kind: Unpinned, Group: group, Reason: reason})
	d.pin = nil
}

// pinEnd is until when a client that asks now stays pinned. What it is sent does not count.
func (d *Dispatcher) pinEnd() int64 {
	if d.config.PinnedTTL <= 0 {
		return never
	}
	return after(d.now, int64(d.config.PinnedTTL))
}

// pinned is the request to serve next when one client is pinned: one of its own. If nobody is, the client that waits
// longest becomes it. Requests with the name of somebody who is not pinned end where they stand in
// the way.
func (d *Dispatcher) pinned(out *Out) *request {
	for {
		r, other := d.queue.of(holders), d.queue.of(standby)
		switch {
		case d.pin == nil && other != nil && (r == nil || other.ticket < r.ticket):
			return other
		case r == nil:
			return nil
		case r.ID == d.pinID():
			return r
		}
		d.end(r)
		out.unserved(r, 423, textWrongPin)
	}
}

// pinTo pins the client of a request that is about to be served.
func (d *Dispatcher) pinTo(r *request, out *Out) {
	d.pin = &pin{d.server.newID(), r.Group, d.now, d.pinEnd()}
	out.advise(Advisory{Kind: Pinned, Group: r.Group, Pin: d.pin.id})
	d.queue.pull(r)
	r.ID = d.pin.id
	d.queue.push(r, d.config.Priority)
}
