package stream

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

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
	if c.Filter == "" {
		c.Filter = ">"
	}
	if c.Filter == ">" {
		s.purgeAll(c, fx)
	} else {
		s.purgeMatching(c, Purged, fx)
	}
	if s.table.messages < before || c.Filter == ">" {
		s.passed(c.Filter)
	}
	return Reply{Removed: before - s.table.messages}
}

func (s *State) purgeAll(c Purge, fx *Effects) {
	t := &s.table
	switch {
	case c.Keep > 0:
		s.sweep(Purged, fx, func(_ *record, _, span uint64) verdict { return dropUnless(t.messages-span < c.Keep) })
	case c.Before > 0 && c.Before <= s.last:
		s.sweep(Purged, fx, func(_ *record, seq, span uint64) verdict { return dropUnless(seq+span > c.Before) })
	default:
		s.purgeEverything(fx)
		if c.Before > 0 {
			s.last = max(s.last, c.Before-1)
		} else {
			s.floor = s.last + 1
		}
	}
}

// purgeEverything takes as long for one message as for millions.
func (s *State) purgeEverything(fx *Effects) {
	if p, ok := s.table.first(); ok {
		fx.gone(s.table.seq(p), s.last, Purged)
		s.emptied(fx)
		s.table.clear()
	}
}

// purgeMatching removes in the order of sequences, whatever order the subjects are in.
func (s *State) purgeMatching(c Purge, reason Reason, fx *Effects) {
	t := &s.table
	ids := t.matching(c.Filter)
	total := uint64(0)
	for _, id := range ids {
		total += t.subjects.at(id).messages
	}
	ends := func(seq, span uint64) bool {
		return c.Keep > 0 && total-span < c.Keep || c.Before > 0 && seq+span > c.Before
	}
	if total == t.messages && c.Keep == 0 && c.Before == 0 {
		s.purgeEverything(fx)
		return
	}
	if total > t.messages/manyRecords+blockRecords {
		matches := make([]bool, t.subjects.used)
		for _, id := range ids {
			matches[id] = true
		}
		s.sweep(reason, fx, func(r *record, seq, span uint64) verdict {
			switch {
			case total == 0:
				return stop
			case !matches[r.subject-1]:
				return keep
			case ends(seq, span):
				return stop
			}
			total -= span
			return drop
		})
		return
	}
	for _, seq := range t.sequences(ids) {
		p, _ := t.find(seq)
		span := uint64(t.span(p))
		if ends(seq, span) {
			return
		}
		s.remove(p, reason, fx)
		total -= span
	}
}

// sequences returns those of all records of subjects, ascending.
func (t *table) sequences(ids []uint32) (seqs []uint64) {
	for _, id := range ids {
		last := t.subjects.at(id).last
		for seq := t.subjects.at(id).first; ; {
			seqs = append(seqs, seq)
			if seq == last {
				break
			}
			p, _ := t.find(seq)
			seq = t.next(t.at(p), seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// matching returns the numbers of the subjects that pattern matches, in no order that means anything.
func (t *table) matching(pattern string) (ids []uint32) {
	if !subject.HasWildcard(pattern) {
		if id, ok := t.subjects.find([]byte(pattern)); ok {
			ids = append(ids, id)
		}
		return ids
	}
	cut := literalPrefix(pattern)
	prefix, rest := []byte(pattern[:cut]), pattern[cut:]
	if bytes.HasPrefix(prefix, []byte(".")) || bytes.Contains(prefix, []byte("..")) {
		return nil // no subject has an empty token
	}
	t.subjects.like(pattern, func(id uint32, text []byte) {
		tail, ok := bytes.CutPrefix(text, prefix)
		if ok && (rest == ">" && len(tail) > 0 || subject.Matches(rest, string(tail))) {
			ids = append(ids, id)
		}
	})
	return ids
}

// literalPrefix is how many bytes of a pattern stand before its first wildcard, of which it has one.
func literalPrefix(pattern string) (n int) {
	for {
		token, _, _ := strings.Cut(pattern[n:], ".")
		if token == "*" || token == ">" {
			return n
		}
		n += len(token) + 1
	}
}
