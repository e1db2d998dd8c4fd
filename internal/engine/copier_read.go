package engine

import (
	"errors"

	"myelin/internal/apierr"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// lookRecords bounds how many messages are looked at while the origin's state is held.
const lookRecords = 1024

// filter is what a stream takes from an origin: subjects that match any of the patterns, or all if there are
// none.
type filter []string

func filterOf(source *stream.Source) (f filter) {
	patterns := []string{source.FilterSubject}
	if len(source.Transforms) > 0 {
		patterns = nil
	}
	for _, t := range source.Transforms {
		patterns = append(patterns, t.Src)
	}
	for _, pattern := range patterns {
		if pattern == "" || pattern == ">" {
			return nil
		}
		f = append(f, pattern)
	}
	return f
}

func (f filter) takes(literal []byte) bool {
	for _, pattern := range f {
		if subject.Matches(pattern, string(literal)) {
			return true
		}
	}
	return len(f) == 0
}

// selection is what was found in an origin.
type selection struct {
	picks []uint64 // sequences of messages to copy, ascending
	seen  uint64   // nothing else is to be copied up to this sequence
	end   bool     // which is the origin's last
}

// choose finds what comes next. It looks at the state alone, and reads no message.
func (c *copier) choose(from *Stream, wanted filter, by *reading) (s selection) {
	maxMessages, bytes := c.atOnce(), uint64(0)
	c.mu.Lock()
	s.seen = max(c.seen, by.delivered)
	c.mu.Unlock()
	from.View(func(state *stream.State) {
		next, ok := following(state, by)
		if !ok {
			return // the reader went, and who notes that wakes the copier
		}
		for range lookRecords {
			r, ok := next(s.seen + 1)
			if !ok {
				s.seen, s.end = max(s.seen, state.Info().Last), true
				return
			}
			if by.number > 0 || wanted.takes(r.Subject) {
				if bytes += uint64(r.Size); len(s.picks) > 0 && bytes > copyBytes {
					return
				}
				s.picks = append(s.picks, r.Seq)
			}
			s.seen = r.Seq + uint64(r.Span) - 1
			if len(s.picks) == maxMessages {
				return
			}
		}
	})
	return s
}

// following returns what finds the next message to look at: of all, or of those that the reader is to be given. ok is
// false if there is no such reader.
func following(state *stream.State, by *reading) (next func(from uint64) (stream.Record, bool), ok bool) {
	if by.number == 0 {
		return func(from uint64) (stream.Record, bool) { return state.Next(from, "") }, true
	}
	source := state.Source(by.number)
	if source == nil {
		return nil, false
	}
	return func(from uint64) (m stream.Record, ok bool) {
		seq, ok := source.Next(from)
		if !ok {
			return m, false
		}
		return state.Get(seq)
	}, true
}

// sparse is how far apart messages are on average, in sequences, when they are read one by one rather than
// with all between.
const sparse = 4

// load makes commands of the messages that were picked and still live, and remembers the last of them.
func (c *copier) load(from *Stream, picks []uint64) (*parcel, error) {
	p := c.parcel()
	first, last := picks[0], picks[len(picks)-1]
	add := func(r *segment.Record) {
		copied := stream.Copy{Origin: c.number, Seq: r.Seq, After: c.sent, Time: r.Time, Append: stream.Append{
			Span: max(r.Span, 1), Subject: r.Subject, Header: r.Header, Body: r.Body,
		}}
		p.add(copied.Encode(p.data))
		c.sent = r.Last()
	}
	i := 0
	if (last-first)/sparse < uint64(len(picks)) {
		// What a scan does not find is looked for again, by itself.
		_ = from.home.Scan(first, func(r *segment.Record) bool {
			if r.Seq == picks[i] {
				add(r)
				i++
			}
			return i < len(picks) && r.Seq < picks[i]
		})
	}
	for ; i < len(picks); i++ {
		r, buf, err := from.home.Read(picks[i], c.buf)
		c.buf = buf
		switch {
		case err == nil:
			add(&r)
		case !from.lives(picks[i]): // it went meanwhile
		case c.lost(from, picks[i], err):
		default:
			p.free()
			return nil, err
		}
	}
	return p, nil
}

// lost reports whether a message that should be there is lost for good, and says so. It is left out: nobody can
// have it any more.
func (c *copier) lost(from *Stream, seq uint64, err error) bool {
	var damage *segment.Damage
	if !errors.As(err, &damage) && !errors.Is(err, segment.ErrNotFound) {
		return false
	}
	c.engine.log.Errorf("Stream '%s > %s' goes without message %d of '%s', which cannot be read: %v",
		c.dest.Account(), c.dest.Name(), seq, from.Name(), err)
	return true
}

// unreadable has the origin be read again later, unless it was deleted meanwhile.
func (c *copier) unreadable(from *Stream, err error) {
	if c.engine.Stream(from.Account(), from.Name()) != from {
		c.wake()
		return
	}
	c.retry(apierr.StreamGeneralError.With(err.Error()))
}
