package stream

import "myelin/internal/apierr"

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
	s.table.remove(p)
}

// rollUp removes what the message stored last replaces: earlier ones, of its subject or all. The limits
// came first, and may have removed even that message.
func (s *State) rollUp(p *publish, fx *Effects) {
	t := &s.table
	everything := isRollup(p.rollup, "all")
	for {
		oldest, ok := t.first()
		if !everything {
			var id uint32
			if id, ok = t.subjects.find(p.Subject); ok {
				oldest, _ = t.find(t.subjects.at(id).first)
			}
		}
		if !ok || t.seq(oldest) >= p.seq {
			return
		}
		s.remove(oldest, RolledUp, fx)
	}
}

// trimSubject removes the oldest messages of a subject that has too many.
func (s *State) trimSubject(id uint32, fx *Effects) {
	limit := uint64(s.config.MaxMsgsPer)
	for entry := s.table.subjects.at(id); entry.messages > limit; {
		p, _ := s.table.find(entry.first)
		s.remove(p, Evicted, fx)
	}
}

// trim removes the oldest messages of a stream that has too many, or too many bytes. One that discards new
// messages keeps what it has.
func (s *State) trim(fx *Effects) {
	c, t := s.config, &s.table
	if c.Discard == DiscardNew {
		return
	}
	for c.MaxMsgs > 0 && t.messages > uint64(c.MaxMsgs) || c.MaxBytes > 0 && t.bytes > uint64(c.MaxBytes) {
		p, ok := t.first()
		if !ok {
			return
		}
		s.remove(p, Evicted, fx)
	}
}

// enforce applies changed limits.
func (s *State) enforce(fx *Effects) {
	if s.config.MaxMsgsPer > 0 {
		s.trimSubjects(fx)
	}
	s.trim(fx)
}

// trimSubjects walks over the records, and not over the subjects, since their order is the same everywhere.
func (s *State) trimSubjects(fx *Effects) {
	limit, seq := uint64(s.config.MaxMsgsPer), uint64(0)
	for {
		p, ok := s.table.from(seq)
		if !ok {
			return
		}
		seq = s.table.seq(p) + uint64(s.table.span(p))
		if s.table.subjects.at(s.table.at(p).subject-1).messages > limit {
			s.remove(p, Evicted, fx)
		}
		if seq == 0 { // the very last sequence there is
			return
		}
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
	if oldest, ok := s.dedupe.oldest(); ok {
		if d := oldest + 2*int64(s.config.DuplicateWindow); deadline == 0 || d < deadline {
			deadline = d
		}
	}
	return deadline
}
