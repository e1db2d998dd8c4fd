package stream

import (
	"fmt"

	"myelin/internal/bin"
)

// The consumers in a snapshot:
//
//	byte     version
//	uvarint  number that was given out last
//	uvarint  consumers, by number, and for each
//	  uvarint  number
//	  ...      configuration
//	  varint   time of creation
//	  ...      delivered and floor: consumer sequence, stream sequence, time
//	  uvarint  pending messages, and for each, as differences to the one before
//	    uvarint  sequence
//	    varint   consumer sequence
//	    varint   time
//	    uvarint  count
//	  uvarint  bytes of the set of early acks; none: 0
//	  uvarint  last sequence that the set of first messages is about; 0: there is none, and that is all
//	  uvarint  members, and for each the difference to the one before
//
// Filters and counts are derived again.
const consumersVersion = 1

func (x *consumers) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(append(dst, consumersVersion), uint64(x.last))
	if x.frozen == nil {
		x.frozen = x.view()
		defer func() { x.frozen = nil }()
	}
	dst = bin.AppendUvarint(dst, uint64(len(x.frozen)))
	for i := range x.frozen {
		dst = x.frozen[i].snapshot(dst)
	}
	return dst
}

// frozenConsumer is what a snapshot reads of a consumer.
type frozenConsumer struct {
	*consumerRecord
	initial *ranks
}

func (c *frozenConsumer) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, uint64(c.number))
	dst = bin.AppendVarint(c.config.Append(dst), c.created)
	dst = c.floor.append(c.delivered.append(dst))
	dst = bin.AppendUvarint(dst, uint64(c.pending.count))
	var before pendingEntry
	last := uint64(0)
	for seq, e := range c.pending.all() {
		dst = bin.AppendVarint(bin.AppendUvarint(dst, seq-last), int64(e.dseq-before.dseq))
		dst = bin.AppendUvarint(bin.AppendVarint(dst, e.time-before.time), uint64(e.count))
		before, last = *e, seq
	}
	var early []byte
	if c.early != nil {
		early = c.early.Append(nil)
	}
	dst = bin.AppendUvarint(bin.AppendBytes(dst, early), c.initialEnd)
	if c.initialEnd > 0 {
		dst = bin.AppendUvarint(dst, c.initial.count)
		last = 0
		for seq, ok := c.initial.next(0); ok; seq, ok = c.initial.next(seq + 1) {
			dst = bin.AppendUvarint(dst, seq-last)
			last = seq
		}
	}
	return dst
}

func (p Position) append(dst []byte) []byte {
	return bin.AppendVarint(bin.AppendUvarint(bin.AppendUvarint(dst, p.Consumer), p.Stream), p.Active)
}

func (p *Position) read(r *bin.Reader) {
	p.Consumer, p.Stream, p.Active = r.Uvarint(), r.Uvarint(), r.Varint()
}

// freeze returns what a snapshot reads of the consumers.
func (x *consumers) freeze() consumers {
	x.epoch++
	return consumers{frozen: x.view(), last: x.last}
}

// view lists what a snapshot reads.
func (x *consumers) view() []frozenConsumer {
	list := make([]frozenConsumer, len(x.list))
	for i, c := range x.list {
		list[i].consumerRecord = c.consumerRecord
		if c.initial != nil {
			initial := c.initial.set.share()
			list[i].initial = &initial
		}
	}
	return list
}

// restoredConsumer is a consumer and what of it needs its filter.
type restoredConsumer struct {
	*consumer
	earlySet []byte
	members  []uint64 // of initial
}

// restoreConsumers reads the consumers of a snapshot, when all else is restored.
func (s *State) restoreConsumers(r *bin.Reader) {
	if v := r.Byte(); v != consumersVersion && r.Err() == nil {
		r.Fail(fmt.Errorf("%w: consumers of version %d", errSnapshot, v))
	}
	x := &s.consumers
	last := r.Uvarint()
	x.last = uint32(last)
	var list []restoredConsumer
	before := uint64(0)
	for range r.Count(20) {
		number := r.Uvarint()
		c := restoredConsumer{consumer: &consumer{consumerRecord: &consumerRecord{number: uint32(number), config: ReadConsumerConfig(r)}}}
		if r.Err() != nil || number <= before || number > last || last != uint64(x.last) || !c.read(r) || !s.hasPending(&c) {
			r.Fail(errSnapshot)
			return
		}
		before = number
		list = append(list, c)
	}
	if r.Err() == nil && !s.enlistRestored(list) {
		r.Fail(errSnapshot)
	}
}

// enlistRestored makes consumers found and fills their filters, all in one walk.
func (s *State) enlistRestored(list []restoredConsumer) bool {
	x := &s.consumers
	x.filters.deferred = true
	for _, c := range list {
		if x.byName[c.config.Name] != nil {
			return false
		}
		s.enlist(c.consumer)
	}
	x.filters.fill(&s.table)
	s.concealAll()
	for _, c := range list {
		if !s.restoreInitial(c) || !s.restoreEarly(c) {
			return false
		}
		c.settleRestored(x)
		s.noteLate(c.consumer)
	}
	if s.config.Retention == Interest && len(list) > 0 {
		s.recount()
	}
	return true
}

// countable reports whether an entry that was delivered so often can be.
func countable(count uint32, dseq uint64) bool {
	if count&parkedBit != 0 {
		return count == parkedBit && dseq == 0
	}
	return count&^abandonedBit != 0
}

// settleRestored finds who c's pending messages belong to: its filter, unless that was changed meanwhile.
func (c *consumer) settleRestored(x *consumers) {
	if c.initial != nil && c.initial.wider {
		c.busy = &x.strays
	}
	for seq := range c.pending.all() {
		if !c.filter.set.has(seq) {
			c.busy = &x.strays
			break
		}
	}
	c.busy.fix(c)
}

// hasPending reports whether all is there that c waits for.
func (s *State) hasPending(c *restoredConsumer) bool {
	for seq := range c.pending.all() {
		if _, there := s.table.find(seq); !there {
			return false
		}
	}
	return true
}

// read reads what follows the configuration of a consumer.
func (c *restoredConsumer) read(r *bin.Reader) bool {
	if !c.config.sound() {
		return false
	}
	c.created = r.Varint()
	c.delivered.read(r)
	c.floor.read(r)
	seq, dseq, time := uint64(0), uint64(0), int64(0)
	for range r.Count(4) {
		gap := r.Uvarint()
		dseq += uint64(r.Varint())
		time += r.Varint()
		count := r.Uvarint()
		seq += gap
		if gap == 0 || seq < gap || seq > c.delivered.Stream || count == 0 || count >= 1<<32 ||
			r.Err() != nil || !countable(uint32(count), dseq) || c.config.Ack == AckNone {
			return false
		}
		c.pending.add(seq, dseq, time, uint32(count))
	}
	c.earlySet, c.initialEnd = r.Bytes(), r.Uvarint()
	if c.initialEnd == 0 {
		return r.Err() == nil
	}
	c.members = make([]uint64, r.Count(1))
	last := uint64(0)
	for i := range c.members {
		gap := r.Uvarint()
		if last += gap; gap == 0 || last < gap || last > c.initialEnd {
			return false
		}
		c.members[i] = last
	}
	return r.Err() == nil
}

func (s *State) restoreInitial(c restoredConsumer) bool {
	if c.initialEnd == 0 {
		return true
	}
	for _, seq := range c.members {
		if !s.mayBegin(c.consumer, seq) {
			return false
		}
	}
	filters := c.config.Filters()
	if len(filters) == 0 {
		return false
	}
	var members ranks
	members.addAll(c.members)
	c.initial = s.consumers.filters.closedTo(filters, members, &s.table)
	return true
}

func (s *State) restoreEarly(c restoredConsumer) bool {
	if len(c.earlySet) == 0 {
		return true
	}
	set, ok := c.readEarly()
	if !ok || set.Empty() {
		return false
	}
	if first, _ := set.Min(); first <= c.delivered.Stream || set.Len() > c.wants().count(c.delivered.Stream+1) {
		return false
	}
	for seq := range set.Range(0) {
		if !c.wants().has(seq) {
			return false
		}
	}
	c.early = set
	s.consumers.early = append(s.consumers.early, c.consumer)
	return true
}
