package stream

import (
	"math"
	"slices"

	"myelin/internal/seqset"
)

// consumer is one that reads from the stream. What is in its record is what a snapshot has; the rest is
// derived from that.
type consumer struct {
	*consumerRecord
	dropped bool
	filter  *filter
	initial *filter // with what it starts if that is the last message of each subject; nil: with all
	busy    *busyHeap
	place   int // in busy, from 1; 0: not there
}

// consumerRecord is the state of a consumer. One that a frozen view may share is copied before it changes.
type consumerRecord struct {
	number     uint32
	epoch      uint64 // of the consumers when it was made
	config     *ConsumerConfig
	created    int64
	delivered  Position
	floor      Position // all up to here is acknowledged or gone
	pending    pending
	early      *seqset.Set // acknowledged, though not known to be delivered; above delivered; nil: none
	initialEnd uint64      // the last sequence that initial is about; 0: there is no initial
}

// Position is how far a consumer has come.
type Position struct {
	Consumer uint64 // consumer sequence: one for each delivery
	Stream   uint64 // sequence in the stream
	Active   int64  // when it last changed; 0: never
}

// consumers are those of a stream.
type consumers struct {
	list    []*consumer      // by number
	frozen  []frozenConsumer // instead, in a view
	byName  map[string]*consumer
	last    uint32 // number that was given out last
	epoch   uint64 // how often they were frozen
	filters filters
	strays  busyHeap    // who waits for acks of messages that its filter no longer matches
	early   []*consumer // who has early acks
	needs   needs
}

// find returns the consumer of a number.
func (x *consumers) find(number uint32) *consumer {
	i, found := slices.BinarySearchFunc(x.list, number, func(c *consumer, number uint32) int {
		return int(int64(c.number) - int64(number))
	})
	if !found {
		return nil
	}
	return x.list[i]
}

// edit returns the record of c as one that no view shares.
func (x *consumers) edit(c *consumer) *consumerRecord {
	if c.epoch != x.epoch {
		copied := *c.consumerRecord
		copied.epoch = x.epoch
		copied.pending = c.pending.clone()
		if copied.early != nil {
			copied.early = copied.early.Clone()
		}
		c.consumerRecord = &copied
	}
	return c.consumerRecord
}

// wants is what a consumer is still to be given, but for what waits for an ack.
type wants struct {
	filter, initial *filter
	initialEnd      uint64
	early           *seqset.Set
}

func (c *consumer) wants() wants { return wants{c.filter, c.initial, c.initialEnd, c.early} }

// next returns the first message from a sequence on that the consumer is to be given.
func (w wants) next(from uint64) (uint64, bool) {
	for {
		seq, ok := w.match(from)
		if !ok || w.early == nil || !w.early.Has(seq) {
			return seq, ok
		}
		if from, ok = w.early.NextGap(seq); !ok {
			return 0, false
		}
	}
}

// match is next with what was acknowledged early.
func (w wants) match(from uint64) (uint64, bool) {
	if w.initial != nil && from <= w.initialEnd {
		if seq, ok := w.initial.set.next(from); ok {
			return seq, true
		}
		from = w.initialEnd + 1
	}
	return w.filter.set.next(from)
}

// has reports whether the consumer is to be given a message that it was not given.
func (w wants) has(seq uint64) bool {
	next, ok := w.next(seq)
	return ok && next == seq
}

// count counts the messages from a sequence on that the consumer is to be given.
func (w wants) count(from uint64) (n uint64) {
	begin := from
	if w.initial != nil && from <= w.initialEnd {
		n = w.initial.set.from(from)
		begin = w.initialEnd + 1
	}
	n += w.filter.set.from(begin)
	if w.early != nil {
		n -= w.early.Count(from, math.MaxUint64)
	}
	return n
}

// release takes a message, and its place, out of those that c waits for or that were abandoned.
func (x *consumers) release(c *consumer, at pendingPlace, seq uint64, now int64, t *table) {
	r := x.edit(c)
	if r.pending.remove(at) {
		x.settle(c, seq, now, t)
	} else {
		r.floor.Active = now
		c.settle()
	}
}

// settle follows the removal of a message that was waited for: if that was the lowest, the floor moves, at a
// time. Abandoned ones do not hold it up.
func (x *consumers) settle(c *consumer, gone uint64, now int64, t *table) {
	r := x.edit(c)
	r.floor.Active = now
	if at, ok := r.pending.firstWaiting(); ok {
		if seq := r.pending.seq(at); gone < seq && seq-1 > r.floor.Stream {
			r.floor.Stream = seq - 1
			if e := r.pending.at(at); !e.isParked() {
				r.floor.Consumer = e.dseq - 1
			}
		}
	} else {
		r.floor.Stream, r.floor.Consumer = r.delivered.Stream, r.delivered.Consumer
	}
	if c.initial != nil && r.floor.Stream >= r.initialEnd {
		x.filters.drop(c.initial, t)
		c.initial, r.initialEnd = nil, 0
	}
	c.settle()
}

// settle keeps the place of c among those who wait for acks.
func (c *consumer) settle() {
	if c.pending.count == 0 && c.busy != &c.filter.busy && (c.initial == nil || !c.initial.wider) {
		c.busy.remove(c)
		c.busy = &c.filter.busy
	}
	c.busy.fix(c)
}

// takes reports whether a message is one of the consumer's, acknowledged early or not.
func (w wants) takes(seq uint64) bool {
	next, ok := w.match(seq)
	return ok && next == seq
}
