package consumer

import "myelin/internal/stream"

// Interest says whether somebody listens to the deliver subject (in the deliver group, if there is one).
func (d *Dispatcher) Interest(now int64, listening bool) {
	d.now = max(d.now, now)
	if listening == d.listening {
		return
	}
	d.listening = listening
	d.active = d.now
	d.flow.reset() // whoever comes next got nothing yet
	d.beat = never
	if listening && d.config.Heartbeat > 0 {
		d.beat = after(d.now, int64(d.config.Heartbeat))
	}
}

// FlowReply says that a client answered the flow-control request with this token. It reports whether that was
// the one that is asked for.
func (d *Dispatcher) FlowReply(now int64, token string) bool {
	d.now = max(d.now, now)
	return d.flow.reply(token)
}

// heartbeat says on a silent deliver subject what was delivered last.
func (d *Dispatcher) heartbeat(out *Out) {
	d.beat = after(d.now, int64(d.config.Heartbeat))
	s := d.beatTo(d.to, out)
	s.Token = d.flow.token
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
	d.flow.sent += int64(bytes)
	if d.flow.wants() || d.full() {
		d.ask(out)
	}
}

// full says whether replies are acknowledgements, and nothing more may be sent without one.
func (d *Dispatcher) full() bool {
	return d.config.Ack == stream.AckFlowControl && d.atLimit()
}

// ask asks for a reply, unless one is asked for.
func (d *Dispatcher) ask(out *Out) {
	if d.flow.token != "" {
		return
	}
	d.flow.ask(d.start.NewID())
	s := out.status(d.to, 100, "FlowControl Request")
	s.Kind, s.Token = Flow, d.flow.token
}
