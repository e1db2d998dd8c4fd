package engine

import (
	"errors"
	"sync"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/store/home"
	"myelin/internal/stream"
)

const (
	// flushDeliveries is how many messages are sent before they are pushed to the clients.
	flushDeliveries = 64
	// deliveredInLine is how many messages whoever had a turn delivers by itself.
	deliveredInLine = 32
	// restAfter is how long there is nothing to send before memory is given back.
	restAfter = time.Second
)

// shipment is what one consumer's clients are to get, in order.
type shipment struct {
	consumer *Consumer
	out      consumer.Out
	refused  []refusal
	created  bool
	dropped  bool
	mark     func() // called in its turn, and all there is to it; nil: there is none
	confirms bool   // the machine is to hear of the deliveries once they are sent
	start    int    // of the consumer
	removals uint64 // that there had been when it was begun
}

// refusal answers a request that could not be read.
type refusal struct {
	to      []byte
	problem string
}

var freeShipments = sync.Pool{New: func() any { return new(shipment) }}

// newShipment begins one; the caller has the token of the stream.
func newShipment(c *Consumer) *shipment {
	p := freeShipments.Get().(*shipment)
	p.consumer, p.removals = c, c.stream.state.Removals()
	return p
}

func (p *shipment) empty() bool {
	out := &p.out
	return len(out.Deliveries)+len(out.Statuses)+len(out.Advisories)+len(p.refused) == 0 && !p.created && !p.dropped
}

func (p *shipment) free() {
	p.out.Reset()
	*p = shipment{out: p.out, refused: p.refused[:0]}
	freeShipments.Put(p)
}

// deliverer reads what was decided to be delivered and sends it, outside of the stream's turns. Whoever claims it may
// run it: the goroutine that had the turn, for a little, or one that lives until there is nothing to send.
//
// A client that does not read holds back the consumer that sends to it, and no other.
type deliverer struct {
	stream  *Stream
	courier Courier // nil before the first consumer

	mu      sync.Mutex
	queue   []*shipment
	relaxed []*Consumer // may go on
	count   int         // deliveries in queue
	working bool
	closed  bool
	resting bool // a timer runs that lets the courier rest
	worked  bool // since the timer was started
	idle    chan struct{}

	// of whoever works
	spare  []*shipment
	reader *home.Reader // nil: none
	lives  []bool       // of the deliveries of a shipment
	sent   int          // deliveries that are not pushed
	to     *Consumer    // whose they are; nil: of several
}

// open returns what sends to the clients of a consumer.
func (d *deliverer) open(c *Consumer) ConsumerOutlet {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.courier == nil {
		d.courier = mute{}
		if open := c.stream.engine.courier; open != nil {
			d.courier = open(c.stream)
		}
	}
	return d.courier.Open(c)
}

// add takes a shipment over.
func (d *deliverer) add(p *shipment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.queue = append(d.queue, p)
	d.count += len(p.out.Deliveries)
}

// claim reports whether there is something to send and nobody at it: then the caller must work, and is told
// whether it is little.
func (d *deliverer) claim() (claimed, little bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.working || d.closed || len(d.queue)+len(d.relaxed) == 0 {
		return false, false
	}
	d.working = true
	return true, d.count <= deliveredInLine
}

// start has a goroutine send, if there is more than a little.
func (d *deliverer) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.working && !d.closed && d.count > deliveredInLine {
		d.working = true
		go d.work()
	}
}

// work sends until there is nothing more to send.
func (d *deliverer) work() {
	for {
		d.mu.Lock()
		queue, relaxed := d.queue, d.relaxed
		if len(queue)+len(relaxed) == 0 {
			d.working, d.worked = false, true
			d.restLater()
			if d.idle != nil {
				close(d.idle)
				d.idle = nil
			}
			d.mu.Unlock()
			return
		}
		d.queue, d.spare, d.relaxed, d.count = d.spare[:0], queue, nil, 0
		d.mu.Unlock()
		for _, c := range relaxed {
			d.resume(c)
		}
		for i, p := range queue {
			d.send(p)
			queue[i] = nil
		}
		d.flush()
	}
}

// rest lets go of memory, and of what was read ahead.
func (d *deliverer) rest() {
	if d.courier != nil {
		d.courier.Rest()
	}
	if d.reader != nil {
		d.reader.Close()
	}
}

// restLater has the courier rest when nothing comes for a while; mu is held.
func (d *deliverer) restLater() {
	if d.resting || d.closed {
		return
	}
	d.resting, d.worked = true, false
	d.stream.engine.clock.AfterFunc(restAfter, func() {
		d.mu.Lock()
		d.resting = false
		rests := !d.working && !d.worked && len(d.queue) == 0 && !d.closed
		if rests {
			d.working = true
		} else if !d.closed {
			d.restLater()
		}
		d.mu.Unlock()
		if rests {
			d.rest()
			d.endRest()
		}
	})
}

// endRest gives the courier back, and goes on if something came meanwhile.
func (d *deliverer) endRest() {
	d.mu.Lock()
	more := len(d.queue)+len(d.relaxed) > 0
	d.working = more
	if !more && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
	d.mu.Unlock()
	if more {
		d.work()
	}
}

// send sends a shipment, or puts it aside while its consumer is stalled.
func (d *deliverer) send(p *shipment) {
	if p.mark != nil {
		p.mark()
		p.free()
		return
	}
	c := p.consumer
	if c.stalled {
		c.backlog = append(c.backlog, p)
		return
	}
	if p.created {
		c.outlet.Created()
	}
	for _, r := range p.refused {
		c.outlet.Refused(r.to, r.problem)
	}
	d.look(p)
	statuses := p.out.Statuses
	for i := range p.out.Deliveries {
		for len(statuses) > 0 && statuses[0].At <= i {
			c.outlet.Status(&statuses[0])
			statuses = statuses[1:]
		}
		if d.lives[i] {
			d.deliver(c, &p.out.Deliveries[i])
		}
	}
	for i := range statuses {
		c.outlet.Status(&statuses[i])
	}
	for i := range p.out.Advisories {
		c.outlet.Advise(&p.out.Advisories[i])
	}
	if p.dropped {
		c.outlet.Dropped()
	}
	if p.confirms {
		d.confirm(p)
	}
	d.noteSent(c, len(p.out.Deliveries))
	p.free()
}

// confirm has the machine hear what was sent.
func (d *deliverer) confirm(p *shipment) {
	c, start := p.consumer, p.start
	delivered := (&stream.Delivered{Consumer: c.number, At: p.out.Delivered}).Encode(nil)
	d.stream.events.do(func() { d.stream.dispatch.confirm(c, start, delivered) })
}

// look finds which messages are still there. What is gone is left out: the machine knows. All were there when it was decided to
// deliver them.
func (d *deliverer) look(p *shipment) {
	d.lives = d.lives[:0]
	d.stream.View(func(state *stream.State) {
		same := state.Removals() == p.removals
		for i := range p.out.Deliveries {
			d.lives = append(d.lives, same || state.Has(p.out.Deliveries[i].Seq))
		}
	})
}

// deliver reads and sends one message.
func (d *deliverer) deliver(c *Consumer, delivery *consumer.Delivery) {
	if d.reader == nil {
		d.reader = d.stream.home.Reader()
	}
	r, err := d.reader.Read(delivery.Seq)
	if err == nil {
		c.outlet.Deliver(delivery, r)
		return
	}
	if _, _, err = d.stream.Read(delivery.Seq, nil); err != nil && !errors.Is(err, ErrNotFound) {
		d.stream.engine.log.Errorf("Consumer '%s > %s > %s' cannot be given message %d: %v",
			d.stream.Account(), d.stream.Name(), c.name, delivery.Seq, err)
	}
}

// noteSent notes that deliveries of a consumer were sent, and pushes when they are many.
func (d *deliverer) noteSent(c *Consumer, n int) {
	if n == 0 {
		return
	}
	if t := &c.transit; t.deliveries.Add(-int64(n)) <= maxTransit/2 && t.held.CompareAndSwap(true, false) {
		d.stream.events.do(func() { d.stream.dispatch.stir(c) })
	}
	if d.sent == 0 {
		d.to = c
	} else if d.to != c {
		d.to = nil
	}
	if d.sent += n; d.sent >= flushDeliveries {
		d.flush()
	}
}

// flush pushes what was sent. Who has to slow down is known if all was for one consumer.
func (d *deliverer) flush() {
	var pressed []router.Dest
	if d.courier != nil {
		pressed = d.courier.Flush()
	}
	if len(pressed) > 0 && d.to != nil && d.sent > 0 {
		d.stall(d.to, pressed[0])
	}
	d.sent, d.to = 0, nil
}

// stall holds a consumer back until one of its clients has read.
func (d *deliverer) stall(c *Consumer, client router.Dest) {
	relief, _ := client.Relief()
	select {
	case <-relief:
		return
	default:
	}
	c.stalled = true
	go func() {
		<-relief
		d.mu.Lock()
		d.relaxed = append(d.relaxed, c)
		work := !d.working && !d.closed
		d.working = d.working || work
		d.mu.Unlock()
		if work {
			d.work()
		}
	}()
}

// resume goes on with what was put aside.
func (d *deliverer) resume(c *Consumer) {
	c.stalled = false
	backlog := c.backlog
	c.backlog = nil
	for _, p := range backlog {
		d.send(p)
	}
}

// close sends what waits, but for who is stalled, and ends all sending. Nothing is added any more.
func (d *deliverer) close() {
	d.mu.Lock()
	d.closed = true
	for d.working {
		d.idle = make(chan struct{})
		idle := d.idle
		d.mu.Unlock()
		<-idle
		d.mu.Lock()
	}
	d.working = true
	d.mu.Unlock()
	d.work()
	d.rest()
}

// mute is the Courier of an engine that has no clients.
type mute struct{}

func (mute) Open(*Consumer) ConsumerOutlet        { return mute{} }
func (mute) Flush() []router.Dest                 { return nil }
func (mute) Rest()                                {}
func (mute) AckPrefix() int                       { return 0 }
func (mute) Deliver(*consumer.Delivery, *Message) {}
func (mute) Status(*consumer.Status)              {}
func (mute) Refused(to []byte, problem string)    {}
func (mute) Advise(*consumer.Advisory)            {}
func (mute) Created()                             {}
func (mute) Dropped()                             {}
