package stream

import (
	"myelin/internal/apierr"
	"myelin/internal/subject"
)

// tickMessages and tickIDs bound what one Tick removes, so that none takes long. Deadline asks for another
// while there is more.
const (
	tickMessages = 1 << 15
	tickIDs      = 1 << 15
)

// remove takes out the record at p and says so.
func (s *State) remove(p place, reason Reason, fx *Effects) {
	seq := s.table.seq(p)
	fx.gone(seq, seq+uint64(s.table.span(p))-1, reason)
	s.left(seq, s.table.at(p).subject-1, fx)
	s.table.remove(p)
}

// manyRecords is how many records of a stream it takes, as a part of all, for a sweep over all of them to be
// quicker than to remove each.
const manyRecords = 64

// rollUp removes what the message stored last replaces: earlier ones, of its subject, of what that matches, or all. The limits
// came first, and may have removed even that message.
func (s *State) rollUp(p *publish, fx *Effects) {
	if isRollup(p.rollup, "all") {
		s.rollUpAll(p.seq, fx)
	} else if pattern := string(p.Subject); subject.HasWildcard(pattern) {
		// Clients of key-value stores remove several keys by one message.
		s.purgeMatching(Purge{Filter: pattern, Before: p.seq}, RolledUp, fx)
	} else if id, ok := s.table.subjects.find(p.Subject); ok {
		s.rollUpSubject(id, p.seq, fx)
	}
}

func (s *State) rollUpAll(end uint64, fx *Effects) {
	s.sweep(RolledUp, fx, func(_ *record, seq, _ uint64) verdict { return dropUnless(seq >= end) })
}

func (s *State) rollUpSubject(id uint32, end uint64, fx *Effects) {
	t := &s.table
	if t.subjects.at(id).messages > t.messages/manyRecords+blockRecords {
		s.sweep(RolledUp, fx, func(r *record, seq, _ uint64) verdict {
			if seq < end && r.subject != id+1 {
				return keep
			}
			return dropUnless(seq >= end)
		})
		return
	}
	for first := t.subjects.at(id).first; first < end; first = t.subjects.at(id).first {
		oldest, _ := t.find(first)
		s.remove(oldest, RolledUp, fx)
		if t.subjects.at(id).messages == 0 {
			return
		}
	}
}

func dropUnless(end bool) verdict {
	if end {
		return stop
	}
	return drop
}

// trimSubject removes the oldest messages of a subject that has too many.
func (s *State) trimSubject(id uint32, fx *Effects) {
	limit := uint64(s.config.MaxMsgsPer)
	for entry := s.table.subjects.at(id); entry.messages > limit; {
		p, _ := s.table.find(entry.first)
		s.remove(p, Evicted, fx)
	}
}

// trim removes the oldest messages of a stream that has too many, or too many bytes.
func (s *State) trim(fx *Effects) {
	for s.overfull() {
		p, ok := s.table.first()
		if !ok {
			return
		}
		s.remove(p, Evicted, fx)
	}
}

// overfull reports whether a stream has too many messages or bytes. One that discards new messages keeps
// what it has.
func (s *State) overfull() bool {
	c, t := s.config, &s.table
	return c.Discard != DiscardNew &&
		(c.MaxMsgs > 0 && t.messages > uint64(c.MaxMsgs) || c.MaxBytes > 0 && t.bytes > uint64(c.MaxBytes))
}

// enforce applies changed limits. It walks over the records, and not over the subjects, since their order is
// the same everywhere.
func (s *State) enforce(fx *Effects) {
	t := &s.table
	if limit := uint64(s.config.MaxMsgsPer); limit > 0 && t.subjects.most() > limit {
		s.sweep(Evicted, fx, func(r *record, _, _ uint64) verdict {
			if t.subjects.at(r.subject-1).messages > limit {
				return drop
			}
			return keep
		})
	}
	if s.overfull() {
		s.sweep(Evicted, fx, func(*record, uint64, uint64) verdict { return dropUnless(!s.overfull()) })
	}
}

// tick removes messages over their age and ids over the duplicate window.
func (s *State) tick(fx *Effects) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	for range tickMessages {
		p, at, ok := s.expiring()
		if !ok || at > s.now {
			break
		}
		s.expire(p, fx)
	}
	s.dedupe.prune(s.now-int64(s.config.DuplicateWindow), tickIDs)
	return Reply{}
}

// expiring returns the record that expires next, by its age or by its own time, and when.
func (s *State) expiring() (p place, at int64, ok bool) {
	p, at, ok = s.table.due()
	if age := int64(s.config.MaxAge); age > 0 {
		if oldest, aging := s.table.aging(); aging {
			if by := s.table.at(oldest).time + age; !ok || by < at {
				return oldest, by, true
			}
		}
	}
	return p, at, ok
}

// Deadline is when the next message expires. Ids wait for twice their window: most leave with later
// appends, so that only the last ones need a Tick.
func (s *State) Deadline() int64 {
	if s.config == nil {
		return 0
	}
	_, deadline, _ := s.expiring()
	for _, at := range [...]int64{s.nextSummons(), s.fast.deadline()} {
		if at > 0 && (deadline == 0 || at < deadline) {
			deadline = at
		}
	}
	if oldest, ok := s.dedupe.oldest(); ok {
		if d := oldest + 2*int64(s.config.DuplicateWindow); deadline == 0 || d < deadline {
			deadline = d
		}
	}
	return deadline
}
