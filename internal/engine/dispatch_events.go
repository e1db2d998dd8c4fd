package engine

import "myelin/internal/stream"

// note takes in what an entry did to consumers.
func (x *dispatch) note(fx *stream.Effects) {
	if !x.on {
		return
	}
	if len(fx.Consumers) > 0 {
		now, reasons := x.now(), reasons{list: fx.Gone}
		for i := range fx.Consumers {
			x.happened(&fx.Consumers[i], now, &reasons)
		}
	}
	if len(x.hungry) > 0 && len(fx.Stored) > 0 {
		fx.Touched(func(filter uint64) {
			for _, c := range x.hungry[filter] {
				x.stir(c)
			}
		})
	}
}

func (x *dispatch) happened(e *stream.ConsumerEvent, now int64, reasons *reasons) {
	if e.Kind == stream.ConsumerAdded {
		if x.stream.state.Source(e.Consumer) == nil {
			return // the same entry drops it again
		}
		x.shipment(x.open(e.Consumer)).created = true
		return
	}
	c := x.consumers[e.Consumer]
	if c == nil {
		return
	}
	switch e.Kind {
	case stream.ConsumerChanged:
		x.configure(c, now)
	case stream.ConsumerDropped:
		x.drop(c)
		return
	case stream.ConsumerRestarted:
		x.restart(c, now)
	case stream.ConsumerAcked:
		c.dispatcher.Acked(now, e.Ack, x.out(c))
	case stream.ConsumerVanished:
		c.dispatcher.Vanished(now, e.Ack.Seq, reasons.of(e.Ack.Seq) != stream.Purged, x.out(c))
	case stream.ConsumerEmptied:
		c.dispatcher.Emptied(now)
	}
	x.stir(c)
}

// reasons finds why messages went, best in the order of their removal.
type reasons struct {
	list []stream.Gone
	at   int
}

func (r *reasons) of(seq uint64) stream.Reason {
	for range r.list {
		if g := &r.list[r.at]; g.First <= seq && seq <= g.Last {
			return g.Reason
		}
		r.at = (r.at + 1) % len(r.list)
	}
	return 0
}

func (x *dispatch) configure(c *Consumer, now int64) {
	config := c.source.View().Config
	c.config.Store(config)
	c.dispatcher.Configure(now, config, x.out(c))
	x.sate(c)
	if filter := c.source.Filter(); filter != c.filter {
		c.filter = filter
		if x.consumes(c) {
			x.restart(c, now) // what is sent and not confirmed is of the old filter
		}
	}
	x.watch(c)
	x.interest(c)
}

// drop ends a consumer that the machine does not have any more.
func (x *dispatch) drop(c *Consumer) {
	p := x.shipment(c)
	c.dispatcher.Close("Consumer Deleted", &p.out)
	p.out.Acks, p.out.Delivered = p.out.Acks[:0], p.out.Delivered[:0] // which nobody has
	p.dropped = true
	x.ship(c)
	x.forget(c)
}

// forget lets go of a consumer.
func (x *dispatch) forget(c *Consumer) {
	x.unwatch(c)
	x.sate(c)
	x.timers.set(c, never)
	delete(x.consumers, c.number)
	x.stream.roster.remove(c)
	c.leaving = true
}

// restart has a dispatcher begin where the machine has the consumer.
func (x *dispatch) restart(c *Consumer, now int64) {
	c.lost, c.void = false, new(bool)
	c.starts++
	c.dispatcher.Restart(now, x.start(c))
}
