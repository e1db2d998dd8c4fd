package stream

import (
	"fmt"

	"myelin/internal/bin"
	"myelin/internal/seqset"
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

// restoreConsumers reads the consumers of a snapshot, when all else is restored.
func (s *State) restoreConsumers(r *bin.Reader) {
	if v := r.Byte(); v != consumersVersion && r.Err() == nil {
		r.Fail(fmt.Errorf("%w: consumers of version %d", errSnapshot, v))
	}
	if r.Err() != nil {
		return
	}
	x := &s.consumers
	last := r.Uvarint()
	x.last = uint32(last)
	before := uint64(0)
	for range r.Count(20) {
		number := r.Uvarint()
		c := &consumer{place: -1, consumerRecord: &consumerRecord{number: uint32(number), config: ReadConsumerConfig(r)}}
		if r.Err() != nil || number <= before || number > last || last != uint64(x.last) ||
			!c.config.sound() || x.byName[c.config.Name] != nil {
			r.Fail(errSnapshot)
			return
		}
		before = number
		s.enlist(c)
		if !s.restoreConsumer(c, r) {
			r.Fail(errSnapshot)
			return
		}
		c.place = -1
		c.settleRestored(x)
		s.noteLate(c)
	}
	if s.config.Retention == Interest && len(x.list) > 0 {
		s.recount()
	}
}

// settleRestored finds who c's pending messages belong to: its filter, unless that was changed meanwhile.
func (c *consumer) settleRestored(x *consumers) {
	for seq := range c.pending.all() {
		if !c.filter.set.has(seq) {
			c.busy = &x.strays
			break
		}
	}
	c.busy.fix(c)
}

// restoreConsumer reads what follows the configuration of a consumer.
func (s *State) restoreConsumer(c *consumer, r *bin.Reader) bool {
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
		if _, there := s.table.find(seq); gap == 0 || !there || seq > c.delivered.Stream || count == 0 ||
			count >= 1<<32 || uint32(count)&^abandonedBit == 0 || c.config.Ack == AckNone {
			return false
		}
		c.pending.add(seq, dseq, time, uint32(count))
	}
	early := r.Bytes()
	return s.restoreInitial(c, r) && s.restoreEarly(c, early) && r.Err() == nil
}

func (s *State) restoreEarly(c *consumer, data []byte) bool {
	if len(data) == 0 {
		return true
	}
	r := bin.NewReader(data)
	set := new(seqset.Set)
	if set.Decode(r) != nil || r.Close() != nil || set.Empty() {
		return false
	}
	if first, _ := set.Min(); first <= c.delivered.Stream || set.Len() > c.filter.set.count {
		return false
	}
	for seq := range set.Range(0) {
		if !c.wants().has(seq) {
			return false
		}
	}
	c.early = set
	s.consumers.early = append(s.consumers.early, c)
	return true
}

func (s *State) restoreInitial(c *consumer, r *bin.Reader) bool {
	end := r.Uvarint()
	if end == 0 {
		return true
	}
	seqs := make([]uint64, r.Count(1))
	last := uint64(0)
	for i := range seqs {
		gap := r.Uvarint()
		last += gap
		if gap == 0 || last < gap || last > end || !c.filter.set.has(last) {
			return false
		}
		seqs[i] = last
	}
	filters := c.config.Filters()
	if len(filters) == 0 {
		return false
	}
	c.initialEnd = end
	c.initial = s.consumers.filters.closedTo(filters, seqs, &s.table)
	return true
}
