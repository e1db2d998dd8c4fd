package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// copiers are those of one stream.
type copiers struct {
	mu     sync.Mutex
	list   []*copier // in the order of the configuration
	closed bool
}

// originKey tells the origins of a stream apart, whatever else changes about them.
func originKey(o *stream.Origin) string {
	parts := []string{"source", o.Source.Name, o.Source.FilterSubject}
	if o.Mirror {
		parts[0] = "mirror"
	}
	if x := o.Source.External; x != nil {
		parts = append(parts, "from", x.API)
	}
	if x := o.Source.Consumer; x != nil {
		parts = append(parts, "by", x.Name)
	}
	for _, t := range o.Source.Transforms {
		parts = append(parts, "to", t.Src, t.Dest)
	}
	return strings.Join(parts, "\n")
}

// mindOrigins makes the copiers of a stream those that its state asks for, and wakes them. The caller has
// locked the stream's name.
func (s *Stream) mindOrigins() {
	var wanted []stream.Origin
	s.View(func(state *stream.State) { wanted = state.Origins() })
	s.copiers.mu.Lock()
	before := s.copiers.list
	s.copiers.list = nil
	for i := range wanted {
		if s.copiers.closed {
			break
		}
		key := originKey(&wanted[i])
		at := slices.IndexFunc(before, func(c *copier) bool { return c.key == key })
		if at < 0 {
			s.copiers.list = append(s.copiers.list, newCopier(s, key, &wanted[i]))
			continue
		}
		s.copiers.list = append(s.copiers.list, before[at])
		before = slices.Delete(slices.Clone(before), at, at+1)
	}
	now := slices.Clone(s.copiers.list)
	s.copiers.mu.Unlock()
	for _, c := range before {
		s.engine.followers.remove(c)
		c.close()
		c.leave()
	}
	for _, c := range now {
		s.engine.followers.add(c)
		c.wake()
	}
}

// leaveOrigins ends the copiers of a stream for good, and returns them.
func (s *Stream) leaveOrigins() []*copier {
	s.copiers.mu.Lock()
	list := s.copiers.list
	s.copiers.list, s.copiers.closed = nil, true
	s.copiers.mu.Unlock()
	for _, c := range list {
		s.engine.followers.remove(c)
		c.close()
	}
	return list
}

// followers knows who copies which stream, be it there or not.
type followers struct {
	engine *Engine
	mu     sync.Mutex
	by     map[streamName][]*copier // slices never change
}

type streamName struct{ account, name string }

func (f *followers) add(c *copier) {
	f.change(c, func(list []*copier) []*copier {
		if slices.Contains(list, c) {
			return list
		}
		return append(slices.Clone(list), c)
	})
}

func (f *followers) remove(c *copier) {
	f.change(c, func(list []*copier) []*copier {
		return slices.DeleteFunc(slices.Clone(list), func(x *copier) bool { return x == c })
	})
}

func (f *followers) change(c *copier, change func([]*copier) []*copier) {
	if c.external { // a stream of that name in this account is another one
		return
	}
	of := streamName{c.dest.Account(), c.name}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := change(f.by[of])
	if f.by[of] = list; len(list) == 0 {
		delete(f.by, of)
	}
	if s := f.engine.Stream(of.account, of.name); s != nil {
		s.followers.Store(&list)
	}
}

// changed tells those who copy a stream that it appeared, went, or has another configuration.
func (f *followers) changed(s *Stream) {
	f.mu.Lock()
	list := f.by[streamName{s.Account(), s.Name()}]
	s.followers.Store(&list)
	f.mu.Unlock()
	for _, c := range list {
		c.wake()
	}
}

// wakeFollowers tells those who copy the stream that there may be more. It is called within a turn.
func (s *Stream) wakeFollowers() {
	s.grew = false
	for _, c := range s.followed() {
		c.wake()
	}
}

// followed are those who copy the stream.
func (s *Stream) followed() []*copier {
	if list := s.followers.Load(); list != nil {
		return *list
	}
	return nil
}

// OriginStatus says how a stream is with copying from an origin.
type OriginStatus struct {
	Mirror bool // or one of the sources
	Source *stream.Source
	Lag    uint64        // messages that are still to be copied; at most, if only some of the origin's are
	Active time.Duration // since the origin was last found well; -1: never
	Err    *apierr.Error // why nothing is copied now, or nil
}

// Origins are what the stream copies from, in the order of its configuration.
func (s *Stream) Origins() []OriginStatus {
	s.copiers.mu.Lock()
	list := slices.Clone(s.copiers.list)
	s.copiers.mu.Unlock()
	var all []stream.Origin
	s.View(func(state *stream.State) { all = state.Origins() })
	status := make([]OriginStatus, len(all))
	for i := range all {
		status[i] = OriginStatus{Mirror: all[i].Mirror, Source: all[i].Source, Active: -1}
		key := originKey(&all[i])
		if at := slices.IndexFunc(list, func(c *copier) bool { return c.key == key }); at >= 0 {
			list[at].describe(&all[i], &status[i])
		}
	}
	return status
}

// describe completes the status of an origin.
func (c *copier) describe(o *stream.Origin, status *OriginStatus) {
	if status.Err = c.obstacle(o, nil); c.external {
		c.describeAbroad(o, status)
		return
	}
	from := c.engine.Stream(c.dest.Account(), c.name)
	status.Err = c.obstacle(o, from)
	c.mu.Lock()
	heard, after := c.heard, o.Seq
	if c.flights == 0 && c.refused == nil && c.seenOf == o.Number { // all that was seen is taken, or not wanted
		after = max(after, c.seen)
	}
	if status.Err == nil {
		status.Err = c.err
	}
	c.mu.Unlock()
	now := c.engine.clock.Now().UnixNano()
	if heard > 0 {
		status.Active = max(0, time.Duration(now-heard))
	}
	if from == nil {
		return
	}
	followed := o.Identity == incarnation(from)
	if !followed {
		after = c.beginning(o, from)
	}
	if followed || status.Err == nil {
		status.Lag = c.behind(from, after, o.Source)
	}
	if !followed { // not yet
		return
	}
	if status.Err == nil {
		status.Active = 0 // it is well right now
		status.Err = from.fallenBehind(o)
	}
}

// fallenBehind is the error of an origin that does not have what was copied: as when a mirror's origin was
// created again.
func (s *Stream) fallenBehind(o *stream.Origin) *apierr.Error {
	last := s.Info().Last
	if o.Seq <= last || o.Seq < o.Source.StartSeq {
		return nil
	}
	return apierr.StreamGeneralError.With(fmt.Sprintf(
		"origin ends at sequence %d, and nothing is copied until it has passed %d", last, o.Seq))
}

// behind counts the messages after a sequence that are to be copied.
func (c *copier) behind(from *Stream, after uint64, source *stream.Source) (n uint64) {
	found := false
	if !c.own || from.Config().Retention != stream.Limits {
		from.View(func(state *stream.State) {
			var view stream.ConsumerView
			if view, found = state.Consumer(c.reader); found {
				n = state.Source(view.Number).CountFrom(max(after, view.Delivered.Stream) + 1)
			}
		})
	}
	if found {
		return n
	}
	return from.behind(after, filterOf(source))
}

// behind counts the messages after a sequence that a filter takes. It looks at lookRecords of them, and counts
// what comes after those as if it were all wanted.
func (s *Stream) behind(after uint64, wanted filter) (n uint64) {
	s.View(func(state *stream.State) {
		last := state.Info().Last
		for range lookRecords {
			if len(wanted) == 0 || after >= last {
				break
			}
			r, ok := state.Next(after+1, "")
			if !ok {
				return
			}
			if wanted.takes(r.Subject) {
				n++
			}
			after = r.Seq + uint64(r.Span) - 1
		}
		if after < last {
			records, _ := state.Live(after+1, last)
			n += uint64(records)
		}
	})
	return n
}
