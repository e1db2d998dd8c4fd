package stream

import (
	"slices"
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/seqset"
	"myelin/internal/subject"
)

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
