package engine

import "sync"

// Farewell tells clients that wait for messages that the server shuts down, so that they ask elsewhere instead of
// waiting until their connection breaks. From then on consumers deliver nothing; acknowledgements are still taken. It
// is called while clients are connected, and returns when what was on its way is with those who read.
func (e *Engine) Farewell() {
	var told sync.WaitGroup
	var parting []*Stream
	for _, s := range e.all() {
		if s.events.group == nil || s.roster.empty() {
			continue
		}
		told.Add(1)
		if s.events.do(func() { s.dispatch.part(); told.Done() }) {
			parting = append(parting, s)
		} else {
			told.Done()
		}
	}
	told.Wait()
	for _, s := range parting {
		s.dispatch.deliverer.drain()
	}
}

// shutdown is what clients are told that wait for messages when the server stops.
const shutdown = "Server Shutdown"

// part tells all who wait why they wait in vain, and delivers nothing any more.
func (x *dispatch) part() {
	x.parting = true
	for _, c := range x.consumers {
		c.dispatcher.TurnAway(shutdown, x.out(c))
		x.ship(c)
	}
}

// drain returns when what was handed over is sent, but for who is stalled. Nothing may be added meanwhile that does
// not end.
func (d *deliverer) drain() {
	d.mu.Lock()
	for d.working {
		if d.idle == nil {
			d.idle = make(chan struct{})
		}
		idle := d.idle
		d.mu.Unlock()
		<-idle
		d.mu.Lock()
	}
	waits := len(d.queue)+len(d.relaxed) > 0 && !d.closed
	d.working = waits
	d.mu.Unlock()
	if waits {
		d.work()
	}
}
