package meta

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// origins finds whether the streams that c copies from forbid it, as far as they exist and belong to the same
// account, and gives a mirror the direct reads of its origin. Origins may come later or never.
func (s *State) origins(account string, c *stream.Config, pedantic bool) *apierr.Error {
	if c.Mirror != nil {
		if origin := s.origin(account, c.Mirror); origin != nil {
			if err := mirrors(origin.Config, c, pedantic); err != nil {
				return err
			}
		}
	}
	for i := range c.Sources {
		origin := s.origin(account, &c.Sources[i])
		if origin != nil && tooSmall(c, origin.Config) {
			return apierr.SourceMaxMessageSizeTooBig.Err()
		}
	}
	if s.cyclic(account, c) {
		return apierr.StreamInvalidConfig.With("detected cycle")
	}
	return nil
}

// mirrors finds whether c can be a mirror of origin.
func mirrors(origin, c *stream.Config, pedantic bool) *apierr.Error {
	if tooSmall(c, origin) {
		return apierr.MirrorMaxMessageSizeTooBig.Err()
	}
	if c.MirrorDirect != origin.AllowDirect {
		if pedantic {
			return apierr.Pedantic.With("origin stream has direct get set, mirror has it disabled")
		}
		c.MirrorDirect = origin.AllowDirect
	}
	return nil
}

// tooSmall reports whether messages of the origin may be larger than c takes. An origin that sets no limit
// passes, as it does in stock.
func tooSmall(c, origin *stream.Config) bool {
	return c.MaxMsgSize > 0 && origin.MaxMsgSize > 0 && c.MaxMsgSize < origin.MaxMsgSize
}

// origin is the stream that a source names, nil if there is none or it is elsewhere.
func (s *State) origin(account string, from *stream.Source) *Stream {
	if from.External != nil {
		return nil
	}
	return s.Stream(account, from.Name)
}

// cyclic reports whether messages of c would come back into it by way of streams that exist, or come twice: by one of its
// origins and then again by a later one that takes them from that. (The other order is let through, as in stock servers.) A
// source that takes what passes a filter closes no cycle: two streams may each take from the other what was published there.
func (s *State) cyclic(account string, c *stream.Config) bool {
	closed := map[string]bool{c.Name: true}
	for _, e := range edges(nil, c) {
		if e.origin == c.Name {
			if !e.filtered {
				return true
			}
			continue
		}
		closed[e.origin] = true
		if s.leads(account, e.origin, closed) {
			return true
		}
	}
	return false
}

// leads reports whether a stream takes messages, be it by way of others, from one of a set.
func (s *State) leads(account, name string, to map[string]bool) bool {
	visited := map[string]bool{}
	for next := []edge{{origin: name}}; len(next) > 0; {
		e := next[len(next)-1]
		next = next[:len(next)-1]
		x := s.Stream(account, e.origin)
		if x == nil || visited[e.origin] {
			continue
		}
		visited[e.origin] = true
		start := len(next)
		next = edges(next, x.Config)
		for i := start; i < len(next); {
			switch {
			case !to[next[i].origin]:
				i++
			case !next[i].filtered:
				return true
			default:
				next = append(next[:i], next[i+1:]...)
			}
		}
	}
	return false
}

// edge leads from a stream to one of the same account that it copies from.
type edge struct {
	origin   string
	filtered bool // by a source; what a mirror filters does not count
}

func edges(dst []edge, c *stream.Config) []edge {
	if m := c.Mirror; m != nil && m.External == nil {
		dst = append(dst, edge{m.Name, false})
	}
	for i := range c.Sources {
		if x := &c.Sources[i]; x.External == nil {
			dst = append(dst, edge{x.Name, x.FilterSubject != ""})
		}
	}
	return dst
}
