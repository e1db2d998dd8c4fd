package engine

import (
	"slices"
	"sync"

	"myelin/internal/apierr"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// maxAcks bounds the acknowledgements in one command.
const maxAcks = 4096

// acknowledgements are what the clients of a consumer said, and who of them waits for an answer.
type acknowledgements struct {
	items []stream.AckItem
	who   *publishers // a reply for each item; nil: nobody waits
}

var freeAcknowledgements = sync.Pool{New: func() any { return new(acknowledgements) }}

func (a *acknowledgements) free() {
	clear(a.items)
	a.items, a.who = a.items[:0], nil
	freeAcknowledgements.Put(a)
}

// acknowledge takes in an acknowledgement. What would change nothing is not worth a place in the log, unless
// somebody wants to be sure.
func (x *dispatch) acknowledge(c *Consumer, reply []byte, item stream.AckItem) {
	if item.Time != 0 {
		if _, stored, ok := c.source.Look(item.Seq); ok && stored != item.Time {
			return // it is for a message of an earlier stream of the name, which had the same number
		}
	}
	if c.dispatcher.Knows(item.Seq) {
		item.DSeq, item.Time = 0, 0 // the machine knows it, too
	} else if r := c.source.Probe(&item); r == stream.AckIgnored || r == stream.AckKnown && len(reply) == 0 {
		return
	}
	if c.acks == nil {
		c.acks = freeAcknowledgements.Get().(*acknowledgements)
		x.asking = append(x.asking, c)
	}
	a := c.acks
	if len(reply) > 0 && a.who == nil {
		a.who = freePublishers.Get().(*publishers)
		for range a.items {
			a.who.add(nil)
		}
	}
	a.items = append(a.items, item)
	if a.who != nil {
		a.who.add(reply)
	}
}

// proposeAcks makes proposals of all that was taken in.
func (x *dispatch) proposeAcks(p *proposals) {
	for i, c := range x.asking {
		a := c.acks
		for n := 0; n < len(a.items); n += maxAcks {
			some := a.items[n:min(n+maxAcks, len(a.items))]
			var cookie any = heard{x}
			if a.who != nil {
				cookie = &answered{c, a.who, n, n+maxAcks >= len(a.items)}
			}
			p.events = append(p.events, x.event((&stream.Ack{Consumer: c.number, Acks: some}).Encode, a.who == nil, cookie))
		}
		x.asking[i] = nil
		c.acks = nil
		a.free()
	}
	x.asking = x.asking[:0]
}

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

// heard is applied for acknowledgements that nobody waits for: without them, messages come again.
type heard struct{ x *dispatch }

func (h heard) answered([]stream.Reply) { h.x.settle() }
func (h heard) dropped(*apierr.Error)   { h.x.settle() }

// answered is applied for acknowledgements that somebody waits for.
type answered struct {
	c     *Consumer
	who   *publishers
	first int  // of who
	last  bool // nothing of who comes behind it
}

func (a *answered) answered(replies []stream.Reply) {
	for i, result := range replies[0].Acks {
		if reply := a.who.reply(a.first + i); result != stream.AckIgnored {
			a.c.stream.acknowledged(reply)
		}
	}
	a.done()
}

func (a *answered) dropped(*apierr.Error) { a.done() }

func (a *answered) done() {
	if a.last {
		a.who.free()
	}
	a.c.stream.dispatch.settle()
}

// acknowledged tells a client that its acknowledgement was applied.
func (s *Stream) acknowledged(reply []byte) {
	if len(reply) > 0 {
		s.outlet.Acknowledged(reply)
		s.told = true
	}
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
