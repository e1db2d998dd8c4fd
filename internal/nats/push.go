package nats

import (
	"myelin/internal/nats/wire"
	"myelin/internal/router"
)

// Push takes over what a publisher gathered for this connection.
func (c *Conn) Push(f *router.Frames) router.Answer {
	o := &c.out
	o.mu.Lock()
	if o.state != outOpen {
		o.mu.Unlock()
		return router.Refused
	}
	if o.pending+int64(f.Bytes) > c.l.limits().MaxPending {
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
		if o.traffic != nil {
			o.traffic.OutMsgs.Add(msgs)
			o.traffic.OutBytes.Add(bytes)
		}
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
