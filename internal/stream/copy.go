package stream

import (
	"math"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

const latest = math.MaxInt64 / 2 // no message is younger; leaves room for ages

// copy decides about a message of an origin. What its header says to a stream was said to the origin, but
// for what goes with the message: its id, its time to live, its rollup.
func (s *State) copy(fields []byte, offset uint32, fx *Effects) Reply {
	var c Copy
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	at, ok := c.decode(fields)
	if !ok || c.Seq == 0 || uint64(c.Span) > math.MaxUint64-max(c.Seq, s.last) {
		return refuse(apierr.BadRequest)
	}
	o := s.origins.find(c.Origin)
	switch {
	case s.config.Sealed:
		return refuse(apierr.StreamSealed)
	case c.Origin == Backup:
		return s.bringBack(&c, offset+uint32(at), fx)
	case o == nil, c.Seq > o.seq && c.After > o.seq:
		return refuse(apierr.BadRequest)
	}
	end := c.Seq + uint64(c.Span) - 1
	if c.Seq <= o.seq || o.mirror && c.Seq <= s.last {
		o.seq = max(o.seq, end)
		return Reply{Duplicate: true}
	}
	p := publish{Append: c.Append, seq: s.last + 1, time: s.now}
	if o.mirror {
		p.seq, p.time = c.Seq, min(max(c.Time, 0), latest)
	}
	reply := s.adapt(&p, o, c.Seq, fx)
	if reply.Err == nil && !reply.Duplicate {
		reply = s.copied(&p, o, offset+uint32(at), fx)
	}
	if reply.Err == nil {
		o.seq = end
	}
	return reply
}

// copied stores a message that was adapted.
func (s *State) copied(p *publish, o *origin, offset uint32, fx *Effects) Reply {
	if s.config.AllowCounter {
		value, ok := readValue(p.Body)
		if len(p.increment) == 0 || !ok {
			return Reply{Duplicate: true} // it counts nothing, and never will
		}
		if err := p.countCopy(s.lastCount(p.Subject), value, o.source.Name, string(p.original), fx); err != nil {
			return Reply{Err: err}
		}
	}
	if err := s.admit(p, fx); err != nil {
		return Reply{Err: err}
	}
	if err := s.store(p, offset, fx); err != nil {
		return Reply{Err: err}
	}
	return Reply{Seq: p.seq}
}

// adapt makes of an origin's message one of this stream; a duplicate is not wanted.
func (s *State) adapt(p *publish, o *origin, seq uint64, fx *Effects) Reply {
	p.original = p.Subject
	if !o.rename(p, s.random, fx) {
		return Reply{Duplicate: true}
	}
	s.rename(p, fx)
	o.mark(p, seq, fx)
	if len(p.Header) == 0 {
		return Reply{}
	}
	p.read(p.Header)
	p.scheduler = nil
	if window := s.config.DuplicateWindow; !o.mirror && len(p.id) > 0 && window > 0 {
		if seq, ok := s.dedupe.lookup(p.id, s.now-int64(window)); ok {
			return Reply{Seq: seq, Duplicate: true}
		}
	}
	if s.rollupPermitted(p) != nil {
		p.rollup = nil
	}
	if _, ok := parseTTL(string(p.ttl)); !ok {
		p.ttl = nil
	}
	return Reply{}
}

// rename applies the transforms of a source; it reports false for what none of them is for.
func (o *origin) rename(p *publish, random func(uint32) uint32, fx *Effects) bool {
	for _, t := range o.transforms {
		if t.to == nil {
			if subject.Matches(t.from, string(p.Subject)) {
				return true
			}
			continue
		}
		start := len(fx.made)
		made, ok := t.to.Apply(fx.made, p.Subject, random)
		if !ok {
			continue
		}
		if n := len(made) - start; n > 0 && n <= maxSubjectBytes {
			fx.made = made
			p.Subject, p.changed = made[start:len(made):len(made)], true
		}
		return true
	}
	return len(o.transforms) == 0
}
