package stream

import (
	"slices"
	"strconv"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

// delete removes one message, or the batch that a sequence belongs to.
func (s *State) delete(c Delete, fx *Effects) Reply {
	switch {
	case s.config == nil:
		return refuse(apierr.StreamNotFound)
	case s.config.Sealed:
		return refuse(apierr.StreamSealed)
	case s.config.DenyDelete:
		return Reply{Err: apierr.StreamMsgDeleteFailed.With("message delete not permitted")}
	}
	p, ok := s.table.find(c.Seq)
	if !ok {
		return Reply{Err: s.missing(c.Seq)}
	}
	reason := Deleted
	if c.Erase {
		reason = Erased
	}
	s.remove(p, reason, fx)
	return Reply{}
}

// missing says in a stock server's words that there is no message, which depend on its kind of storage.
func (s *State) missing(seq uint64) *apierr.Error {
	switch {
	case s.config.Storage == File && seq > s.last:
		return apierr.StreamMsgDeleteFailed.With("stream store EOF")
	case s.config.Storage == File && (seq == 0 || seq < s.Info().First):
		return apierr.StreamMsgDeleteFailed.With("no message found")
	}
	return apierr.SequenceNotFound.With(strconv.FormatUint(seq, 10))
}

// purge removes messages; with a sequence beyond the last one, the stream goes on there.
func (s *State) purge(c Purge, fx *Effects) Reply {
	switch {
	case s.config == nil:
		return refuse(apierr.StreamNotFound)
	case s.config.Sealed:
		return refuse(apierr.StreamSealed)
	case s.config.DenyPurge:
		return Reply{Err: apierr.StreamPurgeFailed.With("stream purge not permitted")}
	case c.Before > 0 && c.Keep > 0:
		return refuse(apierr.BadRequest)
	}
	before := s.table.messages
	if c.Filter == "" || c.Filter == ">" {
		s.purgeAll(c, fx)
	} else {
		s.purgeMatching(c, fx)
	}
	return Reply{Removed: before - s.table.messages}
}

func (s *State) purgeAll(c Purge, fx *Effects) {
	t := &s.table
	switch {
	case c.Keep > 0:
		for p, ok := t.first(); ok && t.messages-uint64(t.span(p)) >= c.Keep; p, ok = t.first() {
			s.remove(p, Purged, fx)
		}
	case c.Before > 0 && c.Before <= s.last:
		for p, ok := t.first(); ok && t.seq(p)+uint64(t.span(p)) <= c.Before; p, ok = t.first() {
			s.remove(p, Purged, fx)
		}
	default:
		if p, ok := t.first(); ok {
			fx.gone(t.seq(p), s.last, Purged)
			t.clear()
		}
		if c.Before > 0 {
			s.last = max(s.last, c.Before-1)
		} else {
			s.floor = s.last + 1
		}
	}
}

// purgeMatching removes in the order of sequences, whatever order the subjects are in.
func (s *State) purgeMatching(c Purge, fx *Effects) {
	t := &s.table
	var seqs []uint64
	total := uint64(0)
	for _, id := range t.matching(c.Filter) {
		total += t.subjects.at(id).messages
		for seq := t.subjects.at(id).first; seq != 0; {
			p, _ := t.find(seq)
			seqs = append(seqs, seq)
			seq = t.next(t.at(p), seq)
		}
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		p, _ := t.find(seq)
		span := uint64(t.span(p))
		if c.Keep > 0 && total-span < c.Keep || c.Before > 0 && seq+span > c.Before {
			return
		}
		s.remove(p, Purged, fx)
		total -= span
	}
}

// matching returns the numbers of the subjects that pattern matches, in no order that means anything.
func (t *table) matching(pattern string) (ids []uint32) {
	if !subject.HasWildcard(pattern) {
		if id, ok := t.subjects.find([]byte(pattern)); ok {
			ids = append(ids, id)
		}
		return ids
	}
	t.subjects.each(func(id uint32) {
		if subject.Matches(pattern, string(t.subjects.text(id))) {
			ids = append(ids, id)
		}
	})
	return ids
}
