package stream

import (
	"math"
	"slices"
	"strconv"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
)

// consume applies a command about consumers; false: it is none, or malformed.
func (s *State) consume(kind byte, fields []byte, fx *Effects) (reply Reply, ok bool) {
	r := bin.NewReader(fields)
	switch {
	case (kind < kindAddConsumer || kind > kindAck) && kind < kindTaken:
		return Reply{}, false
	case s.config == nil:
		return refuse(apierr.StreamNotFound), true
	}
	switch kind {
	case kindAddConsumer:
		c := AddConsumer{Action: ConsumerAction(r.Byte()), Config: ReadConsumerConfig(r)}
		if r.Close() == nil && c.Action <= ConsumerUpdate && c.Config.sound() {
			return s.addConsumer(c, fx), true
		}
	case kindDropConsumer:
		c, number := DropConsumer{Name: r.String()}, uint64(0)
		if r.Len() > 0 {
			number = r.Uvarint()
		}
		if c.Number = uint32(number); r.Close() == nil && number <= math.MaxUint32 {
			return s.dropConsumer(c, fx), true
		}
	case kindPauseConsumer:
		c := PauseConsumer{r.String(), r.Varint()}
		if r.Close() == nil {
			return s.pauseConsumer(c, fx), true
		}
	case kindResetConsumer:
		c := ResetConsumer{r.String(), r.Uvarint()}
		if r.Close() == nil {
			return s.resetConsumer(c, fx), true
		}
	case kindDelivered:
		return s.delivered(r, fx)
	case kindAck:
		return s.acknowledge(r, fx)
	case kindTaken:
		return s.taken(r, fx)
	case kindRestoreConsumer:
		return s.restoreFrom(r, fx)
	case kindRestoreOutbox:
		return s.regainLetters(r, fx)
	case kindRestoreDepositor:
		return s.regainDepositor(r)
	}
	return Reply{}, false
}

func (s *State) addConsumer(a AddConsumer, fx *Effects) Reply {
	x := &s.consumers
	if c := x.byName[a.Config.Name]; c != nil {
		return s.changeConsumer(c, a, fx)
	}
	if a.Action == ConsumerUpdate {
		return refuse(apierr.ConsumerDoesNotExist)
	}
	if err := s.place(a.Config); err != nil {
		return Reply{Err: err}
	}
	x.last++
	c := &consumer{consumerRecord: &consumerRecord{number: x.last, epoch: x.epoch, config: a.Config, created: s.now}}
	s.enlist(c)
	s.begin(c)
	s.noteLate(c)
	s.want(c.wants(), c.delivered.Stream, nil)
	fx.consumer(c.number, ConsumerAdded, AckItem{})
	view := c.view()
	return Reply{Consumer: c.number, Created: true, View: &view}
}

// place says why there may be no consumer more with a configuration.
func (s *State) place(config *ConsumerConfig) *apierr.Error {
	x := &s.consumers
	if s.config.MaxConsumers > 0 && len(x.list) >= s.config.MaxConsumers || x.last == math.MaxUint32 {
		return apierr.MaximumConsumersLimit.Err()
	}
	return s.alone(config, nil)
}

// enlist makes a consumer found and finds its filter.
func (s *State) enlist(c *consumer) {
	x := &s.consumers
	if x.byName == nil {
		x.byName = map[string]*consumer{}
	}
	x.list = append(x.list, c)
	x.byName[c.config.Name] = c
	s.attach(c)
	s.retains()
}

// attach lists c with the filter of its configuration.
func (s *State) attach(c *consumer) {
	c.filter = s.consumers.filters.open(c.config.Filters(), &s.table)
	s.conceal(c.filter)
	c.filter.consumers = append(c.filter.consumers, c)
	c.busy = &c.filter.busy
}

// noteLate notes that c may not want the next message, since it starts behind it.
func (s *State) noteLate(c *consumer) {
	if c.delivered.Stream > s.last && !slices.Contains(c.filter.late, c) {
		c.filter.late = append(c.filter.late, c)
	}
}

// detach takes c out of the list of a filter, and drops that if it was the last.
func (s *State) detach(c *consumer, f *filter) {
	is := func(other *consumer) bool { return other == c }
	f.consumers = slices.DeleteFunc(f.consumers, is)
	f.late = slices.DeleteFunc(f.late, is)
	if len(f.consumers) == 0 {
		s.consumers.filters.drop(f, &s.table)
	}
}

func (s *State) dropConsumer(d DropConsumer, fx *Effects) Reply {
	x := &s.consumers
	c := x.byName[d.Name]
	if c == nil || d.Number != 0 && d.Number != c.number {
		return refuse(apierr.ConsumerNotFound)
	}
	c.busy.remove(c)
	c.dropped = true
	x.list = slices.DeleteFunc(x.list, func(other *consumer) bool { return other == c })
	x.early = slices.DeleteFunc(x.early, func(other *consumer) bool { return other == c })
	delete(x.byName, d.Name)
	s.unwant(c.wants(), c.delivered.Stream, c.waiting(fx), fx)
	if c.initial != nil {
		x.filters.drop(c.initial, &s.table)
	}
	s.detach(c, c.filter)
	fx.consumer(c.number, ConsumerDropped, AckItem{})
	return Reply{Consumer: c.number}
}

// waiting lists the messages that c waits for.
func (c *consumer) waiting(fx *Effects) []uint64 {
	fx.seqs = fx.seqs[:0]
	for seq := range c.pending.all() {
		fx.seqs = append(fx.seqs, seq)
	}
	return fx.seqs
}

func (s *State) pauseConsumer(p PauseConsumer, fx *Effects) Reply {
	c := s.consumers.byName[p.Name]
	if c == nil {
		return refuse(apierr.ConsumerNotFound)
	}
	config := *c.config
	config.PauseUntil = nil
	if p.Until != 0 {
		until := time.Unix(0, p.Until).UTC()
		config.PauseUntil = &until
	}
	config.Metadata = make(map[string]string, len(c.config.Metadata))
	for key, value := range c.config.Metadata {
		config.Metadata[key] = value
	}
	config.Metadata[metaRequired] = strconv.Itoa(config.RequiredLevel())
	s.consumers.edit(c).config = &config
	fx.consumer(c.number, ConsumerChanged, AckItem{})
	return Reply{Consumer: c.number}
}

// resetConsumer moves a consumer back or forth. It starts to count deliveries anew.
func (s *State) resetConsumer(c ResetConsumer, fx *Effects) Reply {
	x := &s.consumers
	n := x.byName[c.Name]
	if n == nil {
		return refuse(apierr.ConsumerNotFound)
	}
	to := n.floor.Stream
	if c.Seq > 0 {
		if text := s.resettable(n.config, c.Seq); text != "" {
			return Reply{Err: apierr.ConsumerInvalidReset.With(text)}
		}
		to = c.Seq - 1
	}
	n.busy.remove(n)
	before, from, waiting := n.wants(), n.delivered.Stream, n.waiting(fx)
	r := x.edit(n)
	r.pending.clear()
	r.early = nil
	x.early = slices.DeleteFunc(x.early, func(other *consumer) bool { return other == n })
	r.delivered = Position{Stream: to}
	r.floor = r.delivered
	n.busy = &n.filter.busy
	s.noteLate(n)
	s.want(n.wants(), to, nil)
	s.unwant(before, from, waiting, fx)
	fx.consumer(n.number, ConsumerRestarted, AckItem{})
	view := n.view()
	return Reply{Consumer: n.number, Seq: to + 1, View: &view}
}

// resettable says why a consumer may not start at a sequence.
func (s *State) resettable(config *ConsumerConfig, seq uint64) string {
	switch config.Deliver {
	case DeliverAll:
		return ""
	case DeliverByStartSequence:
		if seq < config.StartSeq {
			return "below start seq"
		}
		return ""
	case DeliverByStartTime:
		if p, ok := s.table.from(seq); ok && s.table.at(p).time < config.StartTime.UnixNano() {
			return "below start time"
		}
		return ""
	}
	return "not allowed"
}
