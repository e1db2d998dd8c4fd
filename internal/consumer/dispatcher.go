package consumer

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"myelin/internal/stream"
)

const never = math.MaxInt64

// Dispatcher decides for one consumer. See the package comment. There may be ten thousands of which nobody wants anything, so what only
// some need is not part of it.
type Dispatcher struct {
	source Source
	server server
	config *stream.ConsumerConfig
	now    int64 // latest time that was given; it does not go back

	// What was delivered.
	last    uint64 // highest stream sequence
	dseq    uint64
	waiting *entries // &noEntries: there are none, and never were
	ackDue  int64    // not after the first end of a wait; of the heap it is not known

	order    *order // of messages with the same key; nil: none
	admitted uint64 // the next message, if its turn has come

	// Who wants messages.
	queue  *queue // &noRequests: there are none, and never were
	run    uint64 // number of this Run
	looked int64  // when all requests were looked at
	active int64  // when somebody last wanted something
	paused int64  // until when; 0: not
	pin    *pin   // nil: nobody is pinned
	push   *push  // nil: clients pull

	// Pace.
	pending int64   // messages not yet delivered; -1: not known
	wake    int64   // when what holds the next message back is over
	rate    *bucket // nil: there is no limit
	replay  *replay // nil: messages go as fast as they can

	sample, sampled uint8 // percent of acknowledgements to measure, and what was added up since the last one
	late            bool  // more was due than one Run does
	listening       bool
}

// server is what a Dispatcher keeps of its Start.
type server struct {
	last      uint64
	maxBytes  int
	ackPrefix int
	key       func(seq uint64) (key uint64, ok bool)
	listens   func(to []byte) bool
	newID     func() string
}

// New returns a Dispatcher at a time.
func New(now int64, start Start, source Source) *Dispatcher {
	d := &Dispatcher{source: source, queue: &noRequests}
	d.Restart(now, start)
	return d
}

// Restart begins again from what the machine says. Requests stay, and so does who is pinned.
func (d *Dispatcher) Restart(now int64, start Start) {
	d.now = max(d.now, now)
	d.server = server{start.Last, start.MaxBytes, start.AckPrefix, start.Key, start.Listens, start.NewID}
	d.config = start.Config
	d.last, d.dseq = start.Delivered, start.DSeq
	d.waiting = &noEntries
	d.paused = pauseEnd(d.config, d.now)
	d.listening = start.Listening
	d.active, d.ackDue, d.wake = d.now, never, never
	d.settings()
	d.resetFlow()
	d.rate = newBucket(d.config.RateLimit/8, start.MaxBytes, d.now)
	d.replay = nil
	if d.config.Replay == stream.ReplayOriginal {
		d.replay = new(replay)
	}
	d.order, d.admitted = newOrder(start.Key), 0
	if start.Pending != nil {
		for p := range start.Pending {
			d.resume(p)
		}
	}
	d.sortWaits()
}

// resume takes in a message that was delivered, or passed by.
func (d *Dispatcher) resume(p Pending) {
	if p.Count == 0 && d.order == nil {
		d.order = newOrder(func(uint64) (uint64, bool) { return 0, false })
	}
	if d.order != nil {
		d.order.resume(p.Seq, p.Count)
	}
	if p.Count > 0 {
		d.await(p.Seq, p.DSeq, p.Time, p.Count)
	}
}

// await enters a message that was delivered.
func (d *Dispatcher) await(seq, dseq uint64, time int64, count uint32) uint32 {
	if d.waiting == &noEntries {
		d.waiting = newEntries(d.waits())
	}
	return d.waiting.add(seq, dseq, time, count)
}

// waits is how many different waits there are.
func (d *Dispatcher) waits() int { return max(1, len(d.config.Backoff)) }

// settings follow from the configuration.
func (d *Dispatcher) settings() {
	d.sample = samplePercent(d.config.SampleFreq)
	d.setPush()
	if d.waiting != &noEntries {
		d.waiting.setWaits(d.waits())
	}
}

// group is the priority group that stands for the consumer in what is shown of it. Requests may name any of its groups, which makes no
// difference: one client is pinned for all of them.
func (d *Dispatcher) group() string {
	if len(d.config.PriorityGroups) > 0 {
		return d.config.PriorityGroups[0]
	}
	return ""
}

func samplePercent(text string) uint8 {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), "%"))
	if err != nil {
		return 0
	}
	return uint8(min(max(n, 0), 100))
}

func pauseEnd(c *stream.ConsumerConfig, now int64) int64 {
	if c.PauseUntil == nil || c.PauseUntil.Unix() <= now/1e9-1 { // of years whose nanoseconds fit no number, too
		return 0
	}
	if c.PauseUntil.Unix() >= never/1_000_000_000 {
		return never
	}
	if end := c.PauseUntil.UnixNano(); end > now {
		return end
	}
	return 0
}

// after is a time so long after another, or never.
func after(now, d int64) int64 {
	if d > never-max(now, 0) {
		return never
	}
	return now + d
}

// Configure changes the configuration. Requests stay, and messages that wait do so by the new times.
func (d *Dispatcher) Configure(now int64, config *stream.ConsumerConfig, out *Out) {
	d.now = max(d.now, now)
	paused, old := d.paused, d.config
	d.config = config
	d.settings()
	d.sortWaits()
	if config.DeliverSubject != old.DeliverSubject {
		d.resetFlow()
		d.endWaits(out)
	}
	if config.RateLimit != old.RateLimit {
		d.rate = newBucket(config.RateLimit/8, d.server.maxBytes, d.now)
	}
	if config.MaxDeliver != old.MaxDeliver {
		d.reconsider(out)
	}
	d.paused = pauseEnd(config, d.now)
	switch {
	case d.paused == paused:
	case d.paused != 0:
		out.advise(Advisory{Kind: Paused})
	default:
		out.advise(Advisory{Kind: Resumed})
	}
}

// reconsider gives up what was to be delivered again, and is not by the number of deliveries that is allowed now.
func (d *Dispatcher) reconsider(out *Out) {
	last := d.waiting.lists[again].tail
	for i := d.waiting.lists[again].head; i != 0; {
		next := d.waiting.slab[i].next
		d.waiting.unlink(i)
		d.deliverAgain(i, out)
		if i == last {
			return
		}
		i = next
	}
}

// endWaits has all delivered again that is not acknowledged: somebody else listens now.
func (d *Dispatcher) endWaits(out *Out) {
	t := d.waiting
	for i := t.lists[all].head; i != 0; {
		newer := t.slab[i].newer
		if t.slab[i].place != again {
			t.unlink(i)
			d.deliverAgain(i, out)
		}
		i = newer
	}
}

// sortWaits puts all entries that are neither to be delivered again nor have a delay of their own into the list
// of their wait, by when it began. One that begins later was refused with a delay.
func (d *Dispatcher) sortWaits() {
	t := d.waiting
	order := make([]uint32, 0, t.live)
	for i := t.lists[all].head; i != 0; i = t.slab[i].newer {
		if e := &t.slab[i]; e.place != again && e.place != inHeap {
			e.place, e.prev, e.next = 0, 0, 0
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(t.slab[a].time, t.slab[b].time) })
	d.ackDue = never
	for _, i := range order {
		if e := &t.slab[i]; e.time > d.now {
			t.delay(i, d.due(e))
		} else {
			d.wait(i)
		}
	}
}

// wait puts an entry, which is in no list, into the list of its wait.
func (d *Dispatcher) wait(i uint32) {
	e := &d.waiting.slab[i]
	d.waiting.link(i, d.place(e.count))
	if due := d.due(e); due < d.ackDue {
		d.ackDue = due
	}
}

func (d *Dispatcher) place(count uint32) uint32 {
	return firstWait + uint32(max(0, min(int(count), len(d.config.Backoff))-1))
}

// due is when the wait of an entry ends.
func (d *Dispatcher) due(e *entry) int64 {
	wait := int64(d.config.Wait(e.count))
	if wait <= 0 {
		return never
	}
	return after(e.time, wait)
}

// Waiting is how many requests wait whose clients listen. It looks at each.
func (d *Dispatcher) Waiting() (n int) {
	if d.server.listens == nil {
		return d.queue.total
	}
	for _, c := range d.queue.classes {
		for r := c.head; r != nil; r = r.next {
			if d.server.listens(r.To) {
				n++
			}
		}
	}
	return n
}

// AckPending is how many messages wait for their acknowledgement.
func (d *Dispatcher) AckPending() int { return d.waiting.live }

// Knows says whether the acknowledgement of a message is waited for.
func (d *Dispatcher) Knows(seq uint64) bool { return d.waiting.find(seq) != 0 }

// NumPending is how many messages were not delivered yet.
func (d *Dispatcher) NumPending() uint64 {
	return d.source.CountFrom(d.last+1) + uint64(d.parked())
}

// LastDelivered is the highest stream sequence that was delivered, and the last consumer sequence.
func (d *Dispatcher) LastDelivered() (seq, dseq uint64) { return d.last, d.dseq }

// Listening says whether somebody listens to the deliver subject.
func (d *Dispatcher) Listening() bool { return d.listening }

// PausedUntil is when a pause ends; 0 if there is none.
func (d *Dispatcher) PausedUntil() int64 { return d.paused }

// Pin is who is pinned, in the first of the groups, and since when; the id is empty if nobody is.
func (d *Dispatcher) Pin() (group, id string, since int64) {
	if d.pin == nil {
		return d.group(), "", 0
	}
	return d.group(), d.pin.id, d.pin.since
}
