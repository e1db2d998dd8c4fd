package stream

import (
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/header"
	"myelin/internal/subject"
)

// Headers of schedules.
const (
	schedulePrefix  = "Nats-Schedule"
	scheduleTarget  = "Nats-Schedule-Target"
	scheduleSource  = "Nats-Schedule-Source"
	scheduleTTL     = "Nats-Schedule-TTL"
	scheduleRollup  = "Nats-Schedule-Rollup"
	scheduleNext    = "Nats-Schedule-Next"
	scheduler       = "Nats-Scheduler"
	rollup          = "Nats-Rollup"
	purgesScheduler = "purge"
)

// schedulable looks at what a message says about schedules: that it is one, or that it ends another.
func (s *State) schedulable(p *publish, fx *Effects) *apierr.Error {
	if len(p.schedule) > 0 {
		if !s.config.AllowSchedules {
			return apierr.MessageSchedulesDisabled.Err()
		}
		return s.schedule(p, fx)
	}
	switch {
	case len(p.scheduler) == 0 && len(p.scheduleNext) == 0:
		return nil
	case string(p.scheduleNext) != purgesScheduler, !subject.ValidLiteral(string(p.scheduler)), string(p.scheduler) == string(p.Subject):
		return apierr.MessageSchedulesSchedulerInvalid.Err()
	case !s.config.AllowSchedules:
		return apierr.MessageSchedulesDisabled.Err()
	}
	if last := s.LastOf(p.scheduler); last > 0 {
		if _, ok := s.schedules.lookup(last); !ok {
			return apierr.MessageSchedulesSchedulerInvalid.Err()
		}
	}
	return nil
}

// schedule decides about a message that is a schedule, and replaces the one that its subject has.
func (s *State) schedule(p *publish, fx *Effects) *apierr.Error {
	get := func(key string) []byte { return header.Get(p.Header, key) }
	zone, target, source := get(scheduleZone), get(scheduleTarget), get(scheduleSource)
	if zone != nil {
		if _, ok := s.zones.find(string(zone)); !ok {
			return apierr.MessageSchedulesTimeZoneInvalid.Err()
		}
	}
	t, ok := s.readTiming(string(p.schedule), string(zone))
	if !ok {
		return apierr.MessageSchedulesPatternInvalid.Err()
	}
	due, ok := t.first(s.now)
	if !ok {
		return apierr.MessageSchedulesPatternInvalid.Err()
	}
	if ttl := get(scheduleTTL); len(ttl) > 0 {
		if _, ok := parseTTL(string(ttl)); !ok {
			return apierr.MessageSchedulesTTLInvalid.Err()
		}
		if !s.config.AllowTTL {
			return apierr.MessageTTLDisabled.Err()
		}
	}
	isTarget := func(name []byte) bool { return s.captures(name) && string(name) != string(p.Subject) }
	switch to := get(scheduleRollup); {
	case len(to) > 0 && string(to) != "sub":
		return apierr.MessageSchedulesRollupInvalid.Err()
	case len(source) > 0 && (!isTarget(source) || string(source) == string(target)):
		return apierr.MessageSchedulesSourceInvalid.Err()
	case !isTarget(target):
		return apierr.MessageSchedulesTargetInvalid.Err()
	case len(p.rollup) > 0 && string(p.rollup) != "sub":
		return apierr.MessageSchedulesRollupInvalid.Err()
	}
	p.due, p.plan = nanos(due), scheduleText(p.schedule, zone, source)
	p.scheduler = nil
	if len(p.rollup) == 0 {
		p.setHeader(rollup, []byte("sub"), fx)
		p.rollup = []byte("sub")
	}
	return nil
}

// captures reports whether a message can be published to a subject of the stream's.
func (s *State) captures(name []byte) bool {
	text := string(name)
	return subject.ValidLiteral(text) && slices.ContainsFunc(s.config.Subjects, func(pattern string) bool {
		return subject.Matches(pattern, text)
	})
}
