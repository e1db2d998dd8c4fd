package stream

import "myelin/internal/apierr"

// Rehearse says what would become of a published message, as far as that depends on what its header asks for and on the limit
// for one message; command is an encoded Append. The reply is an error, a duplicate, or nothing. It also says under which subject
// the message would be stored, and whether it would stay. now is in nanoseconds since 1970. No more than caches change: it must not be called
// while others read.
func (s *State) Rehearse(command []byte, now int64) (r Reply, subject []byte, stays bool) {
	view, fx := *s, Effects{}
	view.now = max(s.now, now)
	view.random = func(uint32) uint32 { return 0 }
	var p publish
	if _, ok := p.cut(command); !ok || s.config == nil {
		return Reply{}, nil, true
	}
	switch {
	case s.config.Sealed:
		return refuse(apierr.StreamSealed), nil, true
	case s.config.Mirror != nil:
		return refuse(apierr.BadRequest), nil, true
	}
	p.seq, p.time = s.last+1, view.now
	view.rename(&p, &fx)
	if len(p.Header) > 0 {
		p.read(p.Header)
		if r = view.instructed(&p, &fx); r.Err != nil || r.Duplicate {
			return r, p.Subject, true
		}
	}
	if s.config.AllowCounter {
		r.Err = p.count(view.lastCount(p.Subject), &fx)
	}
	if r.Err == nil && view.tooLarge(&p) {
		r.Err = apierr.StreamMessageExceedsMaximum.Err()
	}
	return r, p.Subject, !s.unwanted(p.Subject)
}
