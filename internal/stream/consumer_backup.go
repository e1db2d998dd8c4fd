package stream

import (
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/seqset"
)

// ConsumerRecord is all that a machine has of a consumer, for backups. Its lists ascend.
type ConsumerRecord struct {
	Config     *ConsumerConfig
	Created    int64 // 0: when it is restored
	Delivered  Position
	Floor      Position
	Pending    []PendingAck
	Early      []uint64 // acknowledged, though not known to be delivered
	InitialEnd uint64   // the last sequence that Initial is about; 0: it starts with all
	Initial    []uint64 // the last message of each subject, with which it starts
}

// ConsumerRecord returns what there is of the consumer of a number. It is a copy, but for the configuration.
func (s *State) ConsumerRecord(number uint32) (rec ConsumerRecord, ok bool) {
	c := s.consumers.find(number)
	if c == nil {
		return rec, false
	}
	rec = ConsumerRecord{Config: c.config, Created: c.created, Delivered: c.delivered, Floor: c.floor}
	rec.Pending = slices.AppendSeq(make([]PendingAck, 0, c.pending.count), (&ConsumerSource{s, c}).Pending())
	if c.early != nil {
		rec.Early = slices.Collect(c.early.Range(0))
	}
	if c.initial != nil {
		rec.InitialEnd = c.initialEnd
		for seq, ok := c.initial.set.next(0); ok; seq, ok = c.initial.set.next(seq + 1) {
			rec.Initial = append(rec.Initial, seq)
		}
	}
	return rec, true
}

// RestoreConsumer makes a consumer as a backup has it, once all messages are there. What it says of messages that are
// not is left out, as if they had gone while it was there.
type RestoreConsumer struct{ ConsumerRecord }

// Encode appends the command to the Data of an entry. It has the form of a consumer in a snapshot.
func (c *RestoreConsumer) Encode(dst []byte) []byte {
	rec := consumerRecord{config: c.Config, created: c.Created, delivered: c.Delivered, floor: c.Floor, initialEnd: c.InitialEnd}
	for i := range c.Pending {
		p := &c.Pending[i]
		count := min(p.Count, maxDeliveries)
		if count == 0 {
			count = parkedBit
		}
		if p.Abandoned {
			count |= abandonedBit
		}
		rec.pending.add(p.Seq, p.DSeq, p.Time, count)
	}
	if len(c.Early) > 0 {
		rec.early = new(seqset.Set)
		for _, seq := range c.Early {
			rec.early.Add(seq)
		}
	}
	initial := new(ranks)
	initial.addAll(c.Initial)
	return enclose(dst, func(dst []byte) []byte {
		return (&frozenConsumer{&rec, initial}).snapshot(append(dst, kindRestoreConsumer))
	})
}

// restoreFrom applies a RestoreConsumer; false: it is malformed.
func (s *State) restoreFrom(r *bin.Reader, fx *Effects) (Reply, bool) {
	r.Uvarint() // the number that it had is another's
	c := restoredConsumer{consumer: &consumer{consumerRecord: &consumerRecord{config: ReadConsumerConfig(r)}}}
	if r.Err() != nil || !c.read(r) || r.Close() != nil || c.floor.Stream > c.delivered.Stream {
		return Reply{}, false
	}
	if c.initialEnd > 0 && len(c.config.Filters()) == 0 {
		return Reply{}, false
	}
	early, ok := c.readEarly()
	if !ok {
		return Reply{}, false
	}
	x := &s.consumers
	if x.byName[c.config.Name] != nil {
		return refuse(apierr.ConsumerAlreadyExists), true
	}
	if err := s.place(c.config); err != nil {
		return Reply{Err: err}, true
	}
	x.last++
	c.number, c.epoch = x.last, x.epoch
	if c.created == 0 {
		c.created = s.now
	}
	s.enlist(c.consumer)
	s.regain(&c, early)
	s.want(c.wants(), c.delivered.Stream, c.waiting(fx))
	fx.consumer(c.number, ConsumerAdded, AckItem{})
	return Reply{Consumer: c.number, Created: true}, true
}

// regain gives a consumer back what it knew of messages that are there.
func (s *State) regain(c *restoredConsumer, early *seqset.Set) {
	var gone []uint64
	for seq := range c.pending.all() {
		if _, there := s.table.find(seq); !there {
			gone = append(gone, seq)
		}
	}
	for _, seq := range gone {
		at, _ := c.pending.find(seq)
		c.pending.remove(at)
	}
	if c.initialEnd > 0 {
		c.members = slices.DeleteFunc(c.members, func(seq uint64) bool { return !s.mayBegin(c.consumer, seq) })
		s.restoreInitial(*c)
	}
	if early != nil {
		kept, w := new(seqset.Set), c.wants()
		for seq, ok := w.next(c.delivered.Stream + 1); ok; seq, ok = w.next(seq + 1) {
			if early.Has(seq) {
				kept.Add(seq)
			}
		}
		if !kept.Empty() {
			c.early = kept
			s.consumers.early = append(s.consumers.early, c.consumer)
		}
	}
	c.settleRestored(&s.consumers)
	s.noteLate(c.consumer)
	if len(gone) > 0 {
		s.consumers.settle(c.consumer, 0, c.floor.Active, &s.table)
	}
}

// readEarly reads the set of early acks; nil: there is none.
func (c *restoredConsumer) readEarly() (set *seqset.Set, ok bool) {
	if len(c.earlySet) == 0 {
		return nil, true
	}
	set = new(seqset.Set)
	r := bin.NewReader(c.earlySet)
	return set, set.Decode(r) == nil && r.Close() == nil
}
