package stream

import (
	"bytes"

	"myelin/internal/apierr"
)

// bringBack stores a message of a backup. It was judged when it was published: what its header says of that is
// over, and what it says of the message itself holds, as far as the stream honours it. Limits are kept, and
// remove what was over them.
func (s *State) bringBack(c *Copy, offset uint32, fx *Effects) Reply {
	if c.Seq <= s.last {
		return Reply{Duplicate: true}
	}
	p := publish{Append: c.Append, seq: c.Seq, time: min(max(c.Time, 0), latest)}
	if len(p.Header) > 0 {
		p.read(p.Header)
	}
	if _, ok := parseTTL(string(p.ttl)); !ok {
		p.ttl = nil
	}
	if s.config.AllowCounter {
		value, ok := readValue(p.Body)
		if _, sources := readSources(p.counted); !ok || !sources {
			return Reply{Err: apierr.MessageCounterBroken.Err()}
		}
		p.after = count{value, p.counted}
	}
	if s.config.AllowSchedules && len(p.schedule) > 0 && s.schedule(&p, fx) != nil {
		p.due = 0 // its time is over
	}
	p.rollup, p.scheduler = nil, nil // what they removed is not in the backup
	if err := s.measure(&p, fx); err != nil {
		return Reply{Err: err}
	}
	s.resume(p.source)
	s.insert(&p, offset, fx)
	return Reply{Seq: p.seq}
}

// resume goes on copying a source behind what a mark in a backup says. It does not name the incarnation: the
// source may be restored, too.
func (s *State) resume(mark []byte) {
	parts := bytes.Split(mark, []byte(" "))
	if len(parts) < 5 {
		return
	}
	seq, ok := sequence(parts[1])
	for i := range s.origins.list {
		o := &s.origins.list[i]
		if ok && !o.mirror && o.name == string(parts[0]) && o.filters == string(parts[2]) && o.dests == string(parts[3]) {
			o.seq = max(o.seq, seq)
		}
	}
}
