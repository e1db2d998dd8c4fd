package meta

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// origins finds whether the streams that c copies from forbid it, as far as they exist and belong to the same
// account, and gives a mirror the direct reads of its origin. Origins may come later or never.
func (s *State) origins(account string, c *stream.Config, pedantic bool) *apierr.Error {
	if m := c.Mirror; m != nil && m.External == nil {
		if origin := s.Stream(account, m.Name); origin != nil {
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

// cyclic reports whether messages of c would come back into it by way of streams that exist. Those have no
// cycle among themselves.
func (s *State) cyclic(account string, c *stream.Config) bool {
	visited := map[string]bool{}
	next := names(nil, c)
	for len(next) > 0 {
		name := next[len(next)-1]
		next = next[:len(next)-1]
		if name == c.Name {
			return true
		}
		if visited[name] {
			continue
		}
		visited[name] = true
		if x := s.Stream(account, name); x != nil {
			next = names(next, x.Config)
		}
	}
	return false
}

// names appends the streams of the same account that c copies from.
func names(dst []string, c *stream.Config) []string {
	if m := c.Mirror; m != nil && m.External == nil {
		dst = append(dst, m.Name)
	}
	for i := range c.Sources {
		if c.Sources[i].External == nil {
			dst = append(dst, c.Sources[i].Name)
		}
	}
	return dst
}
