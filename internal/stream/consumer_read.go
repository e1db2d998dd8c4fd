package stream

import (
	"iter"
	"slices"
)

// ConsumerView is what is known of a consumer. It is a copy, but for its configuration, which is immutable.
type ConsumerView struct {
	Number         uint32 // names it in commands and events; never used again within a stream
	Config         *ConsumerConfig
	Created        int64
	Delivered      Position
	Floor          Position
	NumPending     uint64 // messages that it is to be given for the first time
	NumAckPending  int    // messages that it was given and not acknowledged, and may be given again
	NumRedelivered int    // messages that it was given more than once and has not acknowledged
}

// PausedUntil is the time up to which the consumer pauses; 0: none.
func (v *ConsumerView) PausedUntil() int64 {
	if t := v.Config.PauseUntil; t != nil && !t.IsZero() {
		return t.UnixNano()
	}
	return 0
}

// PendingAck is a message that waits for an ack.
type PendingAck struct {
	Seq       uint64
	DSeq      uint64 // consumer sequence of its first delivery
	Time      int64  // when the wait for the ack began; it ends after ConsumerConfig.Wait(Count)
	Count     uint32 // deliveries; 0: it was passed by and waits for its first
	Abandoned bool   // it is not to be delivered again
}

// NumConsumers is how many consumers there are.
func (s *State) NumConsumers() int { return len(s.consumers.list) }

// NumShownConsumers is how many consumers there are but for direct ones, which serve mirrors and sources.
func (s *State) NumShownConsumers() (n int) {
	for _, c := range s.consumers.list {
		if !c.config.Direct {
			n++
		}
	}
	return n
}

// Consumer returns what is known of the consumer of a name.
func (s *State) Consumer(name string) (ConsumerView, bool) {
	c := s.consumers.byName[name]
	if c == nil {
		return ConsumerView{}, false
	}
	return c.view(), true
}

// ConsumerNumbered returns what is known of the consumer of a number.
func (s *State) ConsumerNumbered(number uint32) (ConsumerView, bool) {
	c := s.consumers.find(number)
	if c == nil {
		return ConsumerView{}, false
	}
	return c.view(), true
}

// Consumers yields all consumers in the order in which they were created.
func (s *State) Consumers() iter.Seq[ConsumerView] {
	return func(yield func(ConsumerView) bool) {
		for _, c := range s.consumers.list {
			if !yield(c.view()) {
				return
			}
		}
	}
}

// ConsumerNames are the names of all consumers, sorted.
func (s *State) ConsumerNames() []string {
	names := make([]string, 0, len(s.consumers.list))
	for _, c := range s.consumers.list {
		names = append(names, c.config.Name)
	}
	slices.Sort(names)
	return names
}

func (c *consumer) view() ConsumerView {
	return ConsumerView{
		Number: c.number, Config: c.config, Created: c.created, Delivered: c.delivered, Floor: c.floor,
		NumPending:    c.wants().count(c.delivered.Stream+1) + uint64(c.pending.parked),
		NumAckPending: c.pending.waiting() - c.pending.parked, NumRedelivered: c.pending.redelivered,
	}
}

// ConsumerSource reads the messages of one consumer. Like all reading it is for the State's owner, between two
// Applies; it stays valid until the consumer is dropped, and then finds nothing, or the State is restored.
type ConsumerSource struct {
	state    *State
	consumer *consumer
}

// Source returns the source of a consumer; nil if there is none of that number.
func (s *State) Source(number uint32) *ConsumerSource {
	c := s.consumers.find(number)
	if c == nil {
		return nil
	}
	return &ConsumerSource{s, c}
}

// Filter names what the consumer shares with all that have the same filter subjects: Effects.Touched tells when it takes new
// messages. It changes with the configuration only.
func (r *ConsumerSource) Filter() uint64 { return r.consumer.filter.id }

// Next returns the first message from a sequence on that the consumer's filter takes and that was not
// acknowledged early.
func (r *ConsumerSource) Next(from uint64) (seq uint64, ok bool) {
	if r.consumer.dropped {
		return 0, false
	}
	return r.consumer.wants().next(from)
}

// CountFrom counts the messages that Next would go through.
func (r *ConsumerSource) CountFrom(from uint64) uint64 {
	if r.consumer.dropped {
		return 0
	}
	return r.consumer.wants().count(from)
}

// Look returns the size of a message's subject, header and body, and its time; false if it is gone. The record does not
// tell whether there is a header, so one in a file stream counts as 4 bytes longer than it is.
func (r *ConsumerSource) Look(seq uint64) (bytes int, nanos int64, ok bool) {
	p, ok := r.state.table.find(seq)
	if !ok {
		return 0, 0, false
	}
	m := r.state.table.at(p)
	return int(m.size) - r.state.config.overhead(), m.time, true
}

// Pending yields the messages that wait for an ack, and those that were abandoned, ascending.
func (r *ConsumerSource) Pending() iter.Seq[PendingAck] {
	return func(yield func(PendingAck) bool) {
		for seq, e := range r.consumer.pending.all() {
			if !yield(PendingAck{seq, e.dseq, e.time, e.deliveries(), e.isAbandoned()}) {
				return
			}
		}
	}
}

// View returns what is known of the consumer.
func (r *ConsumerSource) View() ConsumerView { return r.consumer.view() }

// Probe tells what would become of an ack.
func (r *ConsumerSource) Probe(a *AckItem) AckResult {
	c, s := r.consumer, r.state
	switch {
	case c.dropped:
		return AckIgnored
	case a.Seq > c.delivered.Stream:
		if (a.Kind == AckDone || a.Kind == AckTerm) && c.config.Ack != AckNone {
			return s.probeEarly(c, a)
		}
		return AckIgnored
	case (a.Kind == AckDone || a.Kind == AckTerm) && c.upTo():
		if first, ok := c.pending.first(); !ok || c.pending.seq(first) > a.Seq {
			return AckKnown
		}
		return AckApplied
	}
	at, ok := c.pending.find(a.Seq)
	if ok && c.pending.at(at).isParked() {
		return AckIgnored
	}
	if !ok || c.pending.at(at).isAbandoned() && a.Kind != AckDone && a.Kind != AckTerm {
		return AckKnown
	}
	return AckApplied
}

// probeEarly is Probe for what is not known to be delivered.
func (s *State) probeEarly(c *consumer, a *AckItem) AckResult {
	p, ok := s.table.find(a.Seq)
	switch {
	case !ok || a.Time == 0 || s.table.seq(p) != a.Seq || s.table.at(p).time != a.Time || !c.wants().takes(a.Seq):
		return AckIgnored
	case !c.upTo() && c.early != nil && c.early.Has(a.Seq):
		return AckKnown
	}
	return AckApplied
}
