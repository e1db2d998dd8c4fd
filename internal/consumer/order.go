package consumer

import (
	"slices"

	"myelin/internal/stream"
)

// order hands out the messages of one key one after the other: while one is not acknowledged, those behind it are
// parked. They have been passed by, as the machine knows, and wait for their first delivery.
//
// A message of a key counts as busy from when it may be delivered until it is acknowledged or gone.
type order struct {
	key   func(seq uint64) (key uint64, ok bool)
	keys  map[uint64]uint64 // of messages that are busy or parked
	lanes map[uint64]*lane  // by key
	ready []uint64          // parked messages whose turn it is, ascending
	// parked is how many messages were not delivered, those that are ready included.
	parked int
}

// lane are the messages of one key.
type lane struct {
	busy   int      // usually one; more if they were delivered before there was an order
	parked []uint64 // ascending
}

// parksInRun is how many messages one Run parks at most.
const parksInRun = 1024

func newOrder(key func(seq uint64) (uint64, bool)) *order {
	if key == nil {
		return nil
	}
	return &order{key: key, keys: map[uint64]uint64{}, lanes: map[uint64]*lane{}}
}

// admit asks whether a message that was not delivered may be delivered now. If not, it is parked.
func (o *order) admit(seq uint64) bool {
	key, ok := o.key(seq)
	if !ok {
		return true
	}
	l := o.lane(key)
	o.keys[seq] = key
	if l.busy == 0 {
		l.busy = 1
		return true
	}
	l.parked = append(l.parked, seq)
	o.parked++
	return false
}

func (o *order) lane(key uint64) *lane {
	l := o.lanes[key]
	if l == nil {
		l = &lane{}
		o.lanes[key] = l
	}
	return l
}

// resume takes in a message that was delivered so often before, ascending.
func (o *order) resume(seq uint64, count uint32) {
	if count > 0 {
		if key, ok := o.key(seq); ok {
			o.keys[seq] = key
			o.lane(key).busy++
		}
		return
	}
	if o.admit(seq) {
		o.parked++
		o.ready = append(o.ready, seq)
	}
}

// next is the message among those that were parked whose turn it is.
func (o *order) next() (seq uint64, ok bool) {
	if len(o.ready) == 0 {
		return 0, false
	}
	return o.ready[0], true
}

// delivered notes that next was delivered.
func (o *order) delivered() {
	o.ready = slices.Delete(o.ready, 0, 1)
	o.parked--
}

// done notes that a message is acknowledged or gone: the next of its key has its turn.
func (o *order) done(seq uint64) {
	key, ok := o.keys[seq]
	if !ok {
		return
	}
	delete(o.keys, seq)
	l := o.lanes[key]
	if i, parked := slices.BinarySearch(l.parked, seq); parked {
		l.parked = slices.Delete(l.parked, i, i+1)
		o.parked--
		return
	}
	if i, ready := slices.BinarySearch(o.ready, seq); ready {
		o.ready = slices.Delete(o.ready, i, i+1)
		o.parked--
	}
	if l.busy--; l.busy > 0 {
		return
	}
	if len(l.parked) == 0 {
		delete(o.lanes, key)
		return
	}
	first := l.parked[0]
	l.busy, l.parked = 1, l.parked[1:]
	i, _ := slices.BinarySearch(o.ready, first)
	o.ready = slices.Insert(o.ready, i, first)
}

// nextNew finds the next message that nobody was given and whose turn it is; those on the way are parked.
func (d *Dispatcher) nextNew(out *Out) (seq uint64, ok bool) {
	for n := 0; ; n++ {
		seq, ok = d.source.Next(d.last + 1)
		if d.order == nil || ok && seq == d.admitted { // which was looked at before, and nobody took it
			return seq, ok
		}
		if d.admitted != 0 { // it is gone
			d.order.done(d.admitted)
			d.admitted = 0
		}
		if !ok {
			return 0, false
		}
		if d.order.admit(seq) {
			d.admitted = seq
			return seq, true
		}
		d.last = seq
		out.Delivered = append(out.Delivered, stream.Delivery{Seq: seq})
		if n == parksInRun || d.atLimit() {
			d.late = !d.atLimit()
			return 0, false
		}
	}
}

// release takes out a message that waited for its acknowledgement.
func (d *Dispatcher) release(i uint32) {
	if d.order != nil {
		d.order.done(d.waiting.slab[i].seq)
	}
	d.waiting.remove(i)
}

// parked is how many messages were passed by.
func (d *Dispatcher) parked() int {
	if d.order == nil {
		return 0
	}
	return d.order.parked
}
