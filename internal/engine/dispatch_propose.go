package engine

import (
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/consumer"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// propose proposes what a dispatcher decided. Nobody waits for it.
func (x *dispatch) propose(c *Consumer, encode func([]byte) []byte) {
	e := x.event(encode, true, applied{c, c.void})
	e.Proposal.Void = c.void
	c.underway++
	if x.early != nil {
		x.early.events = append(x.early.events, e)
	} else {
		x.stream.events.post(e)
	}
}

// event is a proposal of one command. Its memory is used again behind the next turn.
func (x *dispatch) event(encode func([]byte) []byte, lazy bool, cookie any) replica.Event {
	x.proposed++
	b := freePacked.Get().(*packed)
	b.data = encode(b.data[:0])
	x.stream.packed.used = append(x.stream.packed.used, b)
	return replica.Event{Proposal: replica.Proposal{
		Data: b.data, Urgent: true, Lazy: lazy, Ticket: replica.Ticket{Commands: 1, Cookie: cookie},
	}}
}

// applied hears what becomes of what a dispatcher decided.
type applied struct {
	c    *Consumer
	void *bool // of all that was proposed since the dispatcher began
}

func (a applied) answered([]stream.Reply) { a.done() }

// dropped has the dispatcher begin again from what the machine knows, once all is settled that was proposed before: it may have
// delivered what that has not noted. What was proposed behind it is dropped, too, for the machine takes a Delivered to
// leave out nothing but what is not to be delivered.
func (a applied) dropped(*apierr.Error) {
	if *a.void = true; a.void == a.c.void {
		a.c.lost = true
	}
	a.done()
}

func (a applied) done() {
	x := a.c.stream.dispatch
	if a.c.underway--; a.c.lost {
		x.stir(a.c)
	}
	x.settle()
}

// settle notes that one of our proposals is applied, or never will be.
func (x *dispatch) settle() {
	x.applied++
	for len(x.waiters) > 0 && x.waiters[0].proposed <= x.applied {
		x.waiters[0].call()
		x.waiters = x.waiters[1:]
	}
}

// whenApplied calls a function once all is applied that was proposed so far.
func (x *dispatch) whenApplied(call func()) {
	if x.applied == x.proposed {
		call()
		return
	}
	x.waiters = append(x.waiters, waiter{x.proposed, call})
}

// whenSent calls a function once the deliverer has gone through what it has for those of some consumers of whose deliveries the
// machine hears only then; closed is called instead if the stream ends before.
func (x *dispatch) whenSent(list []*Consumer, call, closed func()) {
	if !slices.ContainsFunc(list, x.consumes) {
		call()
		return
	}
	p := freeShipments.Get().(*shipment)
	p.mark = func() {
		if !x.stream.events.do(call) {
			closed()
		}
	}
	x.deliverer.add(p)
}

// describe says how consumers are, but for those that are gone.
func (x *dispatch) describe(list []*Consumer) []ConsumerStatus {
	out := make([]ConsumerStatus, 0, len(list))
	for _, c := range list {
		if x.consumers[c.number] != c {
			continue
		}
		d := c.dispatcher
		_, pin, since := d.Pin()
		out = append(out, ConsumerStatus{
			View: c.source.View(), Waiting: d.Waiting(), Listening: d.Listening() || c.copied.Load(), Pin: pin, PinnedSince: since,
		})
	}
	return out
}

// shipment is what is being decided for a consumer.
func (x *dispatch) shipment(c *Consumer) *shipment {
	if c.shipment == nil {
		c.shipment = newShipment(c)
	}
	return c.shipment
}

func (x *dispatch) out(c *Consumer) *consumer.Out { return &x.shipment(c).out }

// ship proposes what was decided for a consumer, and hands the deliverer what is to be sent.
func (x *dispatch) ship(c *Consumer) {
	p := c.shipment
	if p == nil {
		return
	}
	c.shipment = nil
	out := &p.out
	if len(out.Acks) > 0 {
		x.propose(c, (&stream.Ack{Consumer: c.number, Acks: out.Acks}).Encode)
	}
	if len(out.Delivered) > 0 {
		if p.confirms = x.consumes(c); p.confirms {
			p.start = c.starts
		} else {
			x.propose(c, (&stream.Delivered{Consumer: c.number, At: out.Delivered}).Encode)
		}
		c.transit.deliveries.Add(int64(len(out.Deliveries)))
	}
	if out.Drop && !c.leaving {
		c.leaving = true
		x.stream.propose(stream.DropConsumer{Name: c.name, Number: c.number}.Encode(nil), true, func(r stream.Reply) { c.leaving = r.Err == nil })
	}
	if p.empty() {
		p.free()
	} else {
		x.deliverer.add(p)
	}
}

// consumes reports whether the machine removes the messages that a consumer was given. Then it must not hear of that
// before they were read.
func (x *dispatch) consumes(c *Consumer) bool {
	return c.Config().Ack == stream.AckNone && x.stream.Config().Retention != stream.Limits
}

// confirm proposes a Delivered for what was sent, unless the consumer has started again since.
func (x *dispatch) confirm(c *Consumer, start int, delivered []byte) {
	switch {
	case x.consumers[c.number] != c || c.starts != start:
	case c.frozen > 0: // it is about to; if not, it begins where the machine has it
		c.lost = true
	default:
		x.proposed++
		c.underway++
		x.stream.events.post(replica.Event{Proposal: replica.Proposal{
			Data: delivered, Urgent: true, Lazy: true, Void: c.void, Ticket: replica.Ticket{Commands: 1, Cookie: applied{c, c.void}},
		}})
	}
}

// change proposes a command that changes what a consumer is to be given, be it there or about to be created. Nothing is delivered
// until it is applied: the machine would hear of that behind it.
func (x *dispatch) change(name string, command []byte, answer func(stream.Reply)) {
	if x.changing == nil {
		x.changing = map[string]int{}
	}
	x.changing[name]++
	if c := x.stream.Consumer(name); c != nil {
		c.frozen++
	}
	x.stream.propose(command, false, func(r stream.Reply) {
		if x.changing[name]--; x.changing[name] == 0 {
			delete(x.changing, name)
		}
		if c := x.stream.Consumer(name); c != nil {
			c.frozen--
			x.stir(c)
		}
		answer(r)
	})
}
