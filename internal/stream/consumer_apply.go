package stream

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/seqset"
	"myelin/internal/subject"
)

// consume applies a command about consumers; false: it is none, or malformed.
func (s *State) consume(kind byte, fields []byte, fx *Effects) (reply Reply, ok bool) {
	r := bin.NewReader(fields)
	switch {
	case (kind < kindAddConsumer || kind > kindAck) && kind != kindTaken:
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
	}
	return Reply{}, false
}

func (s *State) addConsumer(a AddConsumer, fx *Effects) Reply {
	x := &s.consumers
	if c := x.byName[a.Config.Name]; c != nil {
		return s.changeConsumer(c, a, fx)
	}
	switch {
	case a.Action == ConsumerUpdate:
		return refuse(apierr.ConsumerDoesNotExist)
	case s.config.MaxConsumers > 0 && len(x.list) >= s.config.MaxConsumers:
		return refuse(apierr.MaximumConsumersLimit)
	case x.last == math.MaxUint32:
		return refuse(apierr.MaximumConsumersLimit)
	}
	if err := s.alone(a.Config, nil); err != nil {
		return Reply{Err: err}
	}
	x.last++
	c := &consumer{place: -1, consumerRecord: &consumerRecord{number: x.last, epoch: x.epoch, config: a.Config, created: s.now}}
	s.enlist(c)
	s.begin(c)
	s.noteLate(c)
	s.want(c.wants(), c.delivered.Stream, nil)
	fx.consumer(c.number, ConsumerAdded, AckItem{})
	view := c.view()
	return Reply{Consumer: c.number, Created: true, View: &view}
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

// begin finds where a new consumer starts.
func (s *State) begin(c *consumer) {
	r := c.consumerRecord
	first := max(s.Info().First, 1)
	start := first
	switch r.config.Deliver {
	case DeliverNew:
		start = s.last + 1
	case DeliverLast:
		if last := s.lastOfAny(r.config.Filters()); last > 0 {
			start = last
		}
	case DeliverByStartSequence:
		start = max(start, r.config.StartSeq)
	case DeliverByStartTime:
		start = s.firstSince(r.config.StartTime.UnixNano())
	case DeliverLastPerSubject:
		start = s.beginLast(c)
	}
	r.delivered.Stream = start - 1
	r.floor = r.delivered
}

// beginLast makes the set of the last messages of all subjects of c, and returns where it begins.
func (s *State) beginLast(c *consumer) uint64 {
	filters := c.config.Filters()
	if len(filters) == 0 {
		filters = []string{">"}
	}
	set := s.lasts(filters, c.filter)
	first, ok := set.next(0)
	if !ok {
		return s.last + 1
	}
	c.initialEnd = s.last
	c.initial = s.consumers.filters.closedTo(filters, set, &s.table)
	return first
}

// manyMessages is how many messages there are to a subject from which on it takes less time to look for the subjects that a wildcard
// matches than to go through the messages.
const manyMessages = 8

// lasts is the set of those messages of a filter that are the last ones of their subjects. Where each subject has one message, those are
// all, and the set costs nothing.
func (s *State) lasts(subjects []string, f *filter) ranks {
	t := &s.table
	if t.records == t.subjects.count {
		return f.set.share()
	}
	var set ranks
	if t.records > manyMessages*t.subjects.count || !slices.ContainsFunc(subjects, subject.HasWildcard) {
		var seqs []uint64
		for _, id := range t.matchingAny(subjects) {
			if last := t.subjects.at(id).last; !s.outbox.isHidden(last) {
				seqs = append(seqs, last)
			}
		}
		slices.Sort(seqs)
		set.addAll(seqs)
		return set
	}
	t.eachRecord(func(seq uint64, r *record) {
		if r.next == 0 && f.set.has(seq) {
			set.add(seq)
		}
	})
	return set
}

func (s *State) lastOfAny(filters []string) (last uint64) {
	if len(filters) == 0 {
		return s.lastOf([]byte(">"))
	}
	for _, f := range filters {
		last = max(last, s.lastOf([]byte(f)))
	}
	return last
}

// firstSince is the sequence of the first message that is not older than a time; one behind the last if
// there is none. Times ascend, but for those that a mirror's origin gave.
func (s *State) firstSince(at int64) uint64 {
	t := &s.table
	n, _ := slices.BinarySearchFunc(t.blocks, at, func(b placed, at int64) int {
		return cmp.Compare(b.newest(), at)
	})
	for p, ok := t.live(place{n, 0}); ok; p, ok = t.after(p) {
		if t.at(p).time >= at {
			return t.seq(p)
		}
	}
	return s.last + 1
}

// newest is the time of the last live record of a block.
func (b *block) newest() int64 {
	i := len(b.records) - 1
	for b.records[i].subject == 0 {
		i--
	}
	return b.records[i].time
}

// changeConsumer gives a consumer another configuration.
func (s *State) changeConsumer(c *consumer, a AddConsumer, fx *Effects) Reply {
	old, config := c.config, *a.Config
	if a.Action == ConsumerCreate {
		if old.Durable == "" || !old.Equal(a.Config) {
			return refuse(apierr.ConsumerAlreadyExists)
		}
		return Reply{Consumer: c.number}
	}
	config.PauseUntil = old.PauseUntil
	if err := (&consumerCheck{ConsumerConfig: &config}).change(old); err != nil {
		return Reply{Err: err}
	}
	if err := s.alone(&config, c); err != nil {
		return Reply{Err: err}
	}
	same := filterKey(old.Filters()) == filterKey(config.Filters())
	before, filter := c.wants(), c.filter
	s.consumers.edit(c).config = &config
	if !same {
		s.refilter(c)
		s.want(c.wants(), c.delivered.Stream, nil)
		s.unwant(before, c.delivered.Stream, nil, fx)
		if before.initial != nil {
			s.consumers.filters.drop(before.initial, &s.table)
		}
		s.detach(c, filter)
	}
	fx.consumer(c.number, ConsumerChanged, AckItem{})
	return Reply{Consumer: c.number}
}

// refilter gives c the filter of its configuration; what it waits for no longer belongs to that.
func (s *State) refilter(c *consumer) {
	x := &s.consumers
	c.busy.remove(c)
	s.attach(c)
	s.noteLate(c)
	c.initial, c.initialEnd = nil, 0
	if c.early != nil {
		matching := new(seqset.Set) // another one: what the consumer wanted before is still asked for
		for seq := range c.early.Range(0) {
			if c.filter.set.has(seq) {
				matching.Add(seq)
			}
		}
		c.early = matching
		x.sweepEarly(c)
	}
	if c.pending.count > 0 {
		c.busy = &x.strays
		c.busy.fix(c)
	}
}

// alone keeps the consumers of a work queue from getting the same messages.
func (s *State) alone(config *ConsumerConfig, self *consumer) *apierr.Error {
	if s.config.Retention != WorkQueue || config.Direct {
		return nil
	}
	for _, c := range s.rivals(config) {
		switch {
		case c == self || c.config.Direct:
		case len(config.Filters()) == 0:
			return apierr.ConsumerWQMultipleUnfiltered.Err()
		case overlap(config.Filters(), c.config.Filters()):
			return apierr.ConsumerWQConsumerNotUnique.Err()
		}
	}
	return nil
}

// rivals are the consumers that may want what one with a configuration wants: of filters without wildcards,
// those whose filters match them, and else all.
func (s *State) rivals(config *ConsumerConfig) (list []*consumer) {
	x, subjects := &s.consumers.filters, config.Filters()
	if len(subjects) == 0 || slices.ContainsFunc(subjects, subject.HasWildcard) {
		return s.consumers.list
	}
	if x.all != nil {
		list = append(list, x.all.consumers...)
	}
	for _, text := range subjects {
		for _, p := range x.index.Match([]byte(text), nil) {
			for _, f := range p.list {
				list = append(list, f.consumers...)
			}
		}
	}
	return list
}

// overlap reports whether a message may match both of two lists of filters, of which an empty one matches all.
func overlap(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(f string) bool {
		return slices.ContainsFunc(b, func(g string) bool { return subject.Overlap(f, g) })
	})
}

// permits refuses limits that a consumer of the stream exceeds.
func (s *State) permits(config *Config) *apierr.Error {
	var names []string
	for _, c := range s.consumers.list {
		limits := &config.ConsumerLimits
		if limits.MaxAckPending > 0 && c.config.MaxAckPending > limits.MaxAckPending ||
			limits.InactiveThreshold > 0 && c.config.Inactive > limits.InactiveThreshold {
			names = append(names, c.config.Name)
		}
	}
	if names == nil {
		return nil
	}
	return apierr.StreamUpdate.With("change to limits violates consumers: " + strings.Join(names, ", "))
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
