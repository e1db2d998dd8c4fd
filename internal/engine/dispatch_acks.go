package engine

import (
	"sync"

	"myelin/internal/apierr"
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
	if x.foreign(c, &item) {
		return
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

// foreign says that an acknowledgement is for a message of an earlier stream of the name, which had the same sequence. What
// was stored since this stream runs need not be looked at for that, which takes longer than all the rest: no sequence is
// given out twice, unless an origin does so.
func (x *dispatch) foreign(c *Consumer, item *stream.AckItem) bool {
	if item.Time == 0 || item.Time >= x.born && x.stream.Config().Mirror == nil {
		return false
	}
	_, stored, ok := c.source.Look(item.Seq)
	return ok && stored != item.Time
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
