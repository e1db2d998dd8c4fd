package engine

import (
	"math"
	"math/rand/v2"
	"slices"

	"myelin/internal/base62"
	"myelin/internal/consumer"
	"myelin/internal/stream"
)

const (
	// servedInTurn is how many consumers are looked after in one turn, deliveredInTurn how many messages they deliver
	// then, and deliveredAtOnce how many one of them does. The others, and the rest, have to wait for the next turn, behind what
	// was published.
	servedInTurn    = 256
	deliveredInTurn = 2048
	deliveredAtOnce = 512
	// maxTransit is how far a dispatcher may run ahead of the deliverer.
	maxTransit = 1024
	// burstBytes is what a rate limit lets through at once.
	burstBytes = 1 << 20
)

// dispatch joins the consumers of a stream's machine with their dispatchers. It belongs to the holder of the stream's
// token: what the machine did is noted while entries are performed, what clients said before the turn; behind it, all
// whom that concerns are looked after, and what they decide is proposed and handed to the deliverer.
type dispatch struct {
	stream    *Stream
	deliverer *deliverer
	born      int64 // Unix ns
	on        bool  // the machine is up to date
	parting   bool  // nothing is delivered any more
	hidden    bool  // the stream is being restored: its consumers do not begin
	consumers map[uint32]*Consumer
	changing  map[string]int         // by name of a consumer, commands under way until which nothing is to be delivered
	stirred   []*Consumer            // to be looked after
	spare     []*Consumer            // an emptied slice
	hungry    map[uint64][]*Consumer // by filter, who wants what is stored next
	timers    timers
	asking    []*Consumer          // who have acks
	audience  func(to []byte) bool // listens, once for all

	proposed uint64 // of our own proposals
	applied  uint64 // or dropped
	waiters  []waiter
	early    *proposals // of the turn that is about to begin; nil: proposals are for the next
}

// waiter is called when so many of our proposals are applied.
type waiter struct {
	proposed uint64
	call     func()
}

func newDispatch(s *Stream) *dispatch {
	return &dispatch{
		stream: s, deliverer: &deliverer{stream: s}, born: s.engine.clock.Now().UnixNano(), hidden: s.asset.Config.Metadata[metaRestoring] != "",
	}
}

// prepare makes what only a stream with consumers needs.
func (x *dispatch) prepare() {
	if x.consumers == nil {
		x.consumers, x.hungry = map[uint32]*Consumer{}, map[uint64][]*Consumer{}
		x.audience = x.listens
	}
}

func (x *dispatch) now() int64 { return x.stream.engine.clock.Now().UnixNano() }

// show starts the consumers of a stream that was restored.
func (x *dispatch) show() {
	x.hidden, x.on = false, true
	for view := range x.stream.state.Consumers() {
		x.open(view.Number)
	}
}

// begin starts the consumers that the machine has. Those that live in memory did so in an earlier life.
func (x *dispatch) begin() {
	if x.hidden {
		return
	}
	x.on = true
	for view := range x.stream.state.Consumers() {
		if view.Config.MemoryStorage && x.stream.asset.Config.Storage != stream.Memory {
			x.stream.propose(stream.DropConsumer{Name: view.Config.Name, Number: view.Number}.Encode(nil), true, func(stream.Reply) {})
			continue
		}
		x.open(view.Number)
	}
}

// open starts the dispatcher of a consumer.
func (x *dispatch) open(number uint32) *Consumer {
	x.prepare()
	s := x.stream
	source := s.state.Source(number)
	view := source.View()
	c := &Consumer{stream: s, number: number, name: view.Config.Name, created: view.Created, source: source, filter: source.Filter()}
	c.config.Store(view.Config)
	c.copied.Store(view.Config.Metadata[copierKey] != "")
	c.void = new(bool)
	c.outlet = x.deliverer.open(c)
	c.frozen = x.changing[c.name]
	x.consumers[number] = c
	s.roster.put(c)
	x.watch(c)
	c.dispatcher = consumer.New(x.now(), x.start(c), source)
	x.stir(c)
	return c
}

// start is where the machine has a consumer.
func (x *dispatch) start(c *Consumer) consumer.Start {
	view := c.source.View()
	return consumer.Start{
		Config: view.Config, Delivered: view.Delivered.Stream, DSeq: view.Delivered.Consumer, Pending: waiting(c.source),
		Last: x.stream.state.Info().Last, Listening: x.listening(c), MaxBytes: burstBytes, AckPrefix: c.outlet.AckPrefix(),
		Listens: x.audience, NewID: newID, Key: x.stream.orderOf(view.Config),
	}
}

// waiting yields what a consumer waits for.
func waiting(source *stream.ConsumerSource) func(yield func(consumer.Pending) bool) {
	return func(yield func(consumer.Pending) bool) {
		for p := range source.Pending() {
			if !p.Abandoned && !yield(consumer.Pending{Seq: p.Seq, DSeq: p.DSeq, Time: p.Time, Count: p.Count}) {
				return
			}
		}
	}
}

// newID returns a name of who is pinned, or of a reply.
func newID() string { return randomName(22) }

// randomName returns a name of so many characters, which with 8 and more is not likely to come again.
func randomName(chars int) string {
	name := make([]byte, chars)
	for i := range name {
		name[i] = base62.Digits[rand.IntN(len(base62.Digits))]
	}
	return string(name)
}

// stir has a consumer looked after behind this turn, or the next.
func (x *dispatch) stir(c *Consumer) {
	if !c.stirred {
		c.stirred = true
		x.stirred = append(x.stirred, c)
	}
}

// run looks after those who were stirred.
func (x *dispatch) run() {
	if !x.on || x.parting || len(x.stirred) == 0 || x.stream.Err() != nil || x.stream.events.group.Stalled() {
		return
	}
	list, now := x.stirred, x.now()
	x.stirred = x.spare[:0]
	n := 0
	for left := deliveredInTurn; n < min(len(list), servedInTurn) && left > 0; n++ {
		c := list[n]
		c.stirred = false
		if x.consumers[c.number] == c {
			left -= x.serve(c, now, min(left, deliveredAtOnce))
		}
	}
	x.stirred = slices.Insert(x.stirred, 0, list[n:]...) // before those who want more already
	clear(list)
	x.spare = list[:0]
	if len(x.stirred) > 0 {
		x.stream.events.again()
	}
}

// runEarly is run before the turn, for deliveries need not wait for what else is in it. What is proposed is part of
// this turn.
func (x *dispatch) runEarly(p *proposals) {
	x.early = p
	x.run()
	x.early = nil
	x.deliverer.start()
}

// serve has a dispatcher do what is due, and hands on what it decides. It returns how many messages are delivered, at
// most as many as stated.
func (x *dispatch) serve(c *Consumer, now int64, most int) (delivered int) {
	room := x.room(c)
	if c.frozen > 0 || c.lost && c.underway > 0 || room == 0 {
		x.ship(c)
		x.timers.set(c, never)
		return 0
	}
	if c.lost {
		x.restart(c, now)
	}
	out := x.out(c)
	more := c.dispatcher.Run(now, min(room, most), out)
	delivered = len(out.Deliveries)
	x.ship(c)
	if more {
		x.stir(c)
		x.timers.set(c, never)
	} else {
		x.timers.set(c, c.dispatcher.Deadline())
	}
	if c.dispatcher.Wants() {
		x.hunger(c)
	} else {
		x.sate(c)
	}
	return delivered
}

// room is how many messages a consumer may deliver now. If that is none, the deliverer stirs it when there is some.
func (x *dispatch) room(c *Consumer) int {
	t := &c.transit
	if t.deliveries.Load() < maxTransit {
		return maxTransit - int(t.deliveries.Load())
	}
	t.held.Store(true)
	if t.deliveries.Load() >= maxTransit || !t.held.CompareAndSwap(true, false) {
		return 0
	}
	return maxTransit - int(t.deliveries.Load())
}

// hunger notes that a consumer wants what is stored next.
func (x *dispatch) hunger(c *Consumer) {
	if c.place == 0 {
		x.hungry[c.filter] = append(x.hungry[c.filter], c)
		c.place = len(x.hungry[c.filter])
	}
}

// sate notes that it does not.
func (x *dispatch) sate(c *Consumer) {
	if c.place == 0 {
		return
	}
	list := x.hungry[c.filter]
	last := list[len(list)-1]
	list[c.place-1], last.place = last, c.place
	list[len(list)-1] = nil
	c.place = 0
	if list = list[:len(list)-1]; len(list) == 0 {
		delete(x.hungry, c.filter)
	} else {
		x.hungry[c.filter] = list
	}
}

func (x *dispatch) unpin(c *Consumer, group string) bool {
	if x.consumers[c.number] != c {
		return false
	}
	pinned := c.dispatcher.Unpin(x.now(), group, x.out(c))
	x.stir(c)
	return pinned
}

// due is the time from which on somebody wants to be looked after, 0 for none.
func (x *dispatch) due() int64 {
	if at := x.timers.first(); at != never {
		return at
	}
	return 0
}

// wake stirs those whose time has come.
func (x *dispatch) wake(now int64) {
	for x.timers.first() <= now {
		_, first := x.timers.heap.First()
		c := (*Consumer)(first)
		x.timers.set(c, never)
		x.stir(c)
	}
}

const never = math.MaxInt64

// close tells all clients that wait why they wait in vain.
func (x *dispatch) close(text string) {
	for _, c := range x.consumers {
		c.dispatcher.Close(text, x.out(c))
		x.ship(c)
		x.forget(c)
	}
	x.deliverer.close()
	for _, w := range x.waiters {
		w.call()
	}
	x.waiters = nil
}
