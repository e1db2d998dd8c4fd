package consumer

import "myelin/internal/stream"

// push is what there is to a consumer with a deliver subject.
type push struct {
	to   []byte // the subject
	beat int64  // when a heartbeat is due
	flow flow
}

// setPush follows the configuration.
func (d *Dispatcher) setPush() {
	c := d.config
	if !c.Push() {
		d.push = nil
		return
	}
	if d.push == nil {
		d.push = new(push)
		d.push.flow.reset()
	}
	d.push.to = []byte(c.DeliverSubject)
	d.setBeat()
}

// setBeat has the next heartbeat come after a whole interval, if somebody listens.
func (d *Dispatcher) setBeat() {
	d.push.beat = never
	if d.listening && d.config.Heartbeat > 0 {
		d.push.beat = after(d.now, int64(d.config.Heartbeat))
	}
}

// resetFlow says that nothing is on its way to whoever comes next.
func (d *Dispatcher) resetFlow() {
	if d.push != nil {
		d.push.flow.reset()
	}
}

// Interest says whether somebody listens to the deliver subject (in the deliver group, if there is one).
func (d *Dispatcher) Interest(now int64, listening bool) {
	d.now = max(d.now, now)
	if listening == d.listening {
		return
	}
	d.listening = listening
	d.active = d.now
	if d.push != nil {
		d.resetFlow()
		d.setBeat()
	}
}

// FlowReply says that a client answered the flow-control request with this token. It reports whether that was
// the one that is asked for.
func (d *Dispatcher) FlowReply(now int64, token string) bool {
	d.now = max(d.now, now)
	return d.push != nil && d.push.flow.reply(token)
}

// heartbeat says on a silent deliver subject what was delivered last.
func (d *Dispatcher) heartbeat(out *Out) {
	d.setBeat()
	s := d.beatTo(d.push.to, out)
	s.Token = d.push.flow.token
	if d.config.Ack == stream.AckFlowControl && d.waiting.live > 0 {
		d.ask(out)
	}
}

func (d *Dispatcher) beatTo(to []byte, out *Out) *Status {
	s := out.status(to, 100, "Idle Heartbeat")
	s.Kind, s.First, s.Second = Beat, d.dseq, d.last
	return s
}

// sentBytes counts what went to the deliver subject, and asks for a reply when half of the window is used.
func (d *Dispatcher) sentBytes(bytes int, out *Out) {
	d.rate.take(bytes)
	if !d.config.FlowControl {
		return
	}
	d.push.flow.sent += int64(bytes)
	if d.push.flow.wants() || d.full() {
		d.ask(out)
	}
}

// full says whether replies are acknowledgements, and nothing more may be sent without one.
func (d *Dispatcher) full() bool {
	return d.config.Ack == stream.AckFlowControl && d.atLimit()
}

// ask asks for a reply, unless one is asked for.
func (d *Dispatcher) ask(out *Out) {
	flow := &d.push.flow
	if flow.token != "" {
		return
	}
	flow.ask(d.server.newID())
	s := out.status(d.push.to, 100, "FlowControl Request")
	s.Kind, s.Token = Flow, flow.token
}
