package stream

import (
	"fmt"
	"slices"
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/subject"
)

// Origin is a stream that this one copies from, and how far that has come.
type Origin struct {
	Number   uint64  // names it in commands; another one once the origin is another
	Key      string  // tells it apart from the others of its configuration, for good
	Mirror   bool    // or one of the sources
	Source   *Source // its configuration
	Identity string  // of the incarnation that is followed
	Seq      uint64  // of the last message that was taken or skipped
}

// progress is how far copying from an origin has come.
type progress struct {
	number   uint64
	key      string // Source.identity
	identity string
	seq      uint64
}

// origin is one that the configuration names.
type origin struct {
	progress
	mirror     bool
	source     *Source
	transforms []transform
	name       string // as copies name it
	filters    string // likewise
	dests      string
}

// transform is a subject transform of a source; it only filters if to is nil.
type transform struct {
	from string
	to   *subject.Transform
}

// origins are those of the configuration in its order, the mirror or the sources. One that the configuration
// names no longer is remembered for a while: if it comes back, it goes on where it was.
type origins struct {
	list   []origin
	former []progress // the last to leave is last
	next   uint64     // number for the next new one
}

// maxFormerOrigins is how many of them are remembered.
const maxFormerOrigins = 64

// separatesFilters stands between the filters and destinations of one source, as in stock servers.
const separatesFilters = "\f"

// adopt makes the list that of a configuration.
func (x *origins) adopt(c *Config) {
	before := x.list
	x.list = nil
	if c.Mirror != nil {
		x.add(c.Mirror, true, &before)
	}
	for i := range c.Sources {
		x.add(&c.Sources[i], false, &before)
	}
	for _, o := range before {
		x.former = append(x.former, o.progress)
	}
	if n := len(x.former) - maxFormerOrigins; n > 0 {
		x.former = slices.Delete(x.former, 0, n)
	}
}

// add lists an origin, with the progress that it had before.
func (x *origins) add(source *Source, mirror bool, before *[]origin) {
	o := newOrigin(source, mirror)
	if i := slices.IndexFunc(*before, func(b origin) bool { return b.key == o.key && b.mirror == mirror }); i >= 0 {
		o.progress = (*before)[i].progress
		*before = slices.Delete(*before, i, i+1)
	} else if i := slices.IndexFunc(x.former, func(p progress) bool { return p.key == o.key }); i >= 0 && !mirror {
		o.progress = x.former[i]
		x.former = slices.Delete(x.former, i, i+1)
	} else {
		x.next++
		o.number = x.next
	}
	x.list = append(x.list, o)
}

func newOrigin(source *Source, mirror bool) origin {
	o := origin{progress: progress{key: source.identity()}, mirror: mirror, source: source, name: source.markName()}
	or := func(text string) string {
		if text == "" {
			return ">"
		}
		return text
	}
	filters, dests := []string{or(source.FilterSubject)}, []string{">"}
	for i, t := range source.Transforms {
		if i == 0 {
			filters, dests = nil, nil
		}
		filters, dests = append(filters, or(t.Src)), append(dests, or(t.Dest))
		compiled := transform{from: or(t.Src)}
		if t.Dest != "" {
			compiled.to, _ = subject.NewTransform(compiled.from, t.Dest) // Check has seen to it
		}
		o.transforms = append(o.transforms, compiled)
	}
	o.filters, o.dests = strings.Join(filters, separatesFilters), strings.Join(dests, separatesFilters)
	return o
}

func (x *origins) find(number uint64) *origin {
	for i := range x.list {
		if x.list[i].number == number {
			return &x.list[i]
		}
	}
	return nil
}

// Origins are the streams that this one copies from, in the order of its configuration.
func (s *State) Origins() []Origin {
	list := make([]Origin, 0, len(s.origins.list))
	for i := range s.origins.list {
		o := &s.origins.list[i]
		list = append(list, Origin{o.number, o.key, o.mirror, o.source, incarnationOf(o.identity), o.seq})
	}
	return list
}

// FormerOrigins are those that the configuration does not name any more and that are remembered, without what it said of
// them.
func (s *State) FormerOrigins() []Origin {
	list := make([]Origin, 0, len(s.origins.former))
	for _, p := range s.origins.former {
		list = append(list, Origin{Number: p.number, Key: p.key, Identity: incarnationOf(p.identity), Seq: p.seq})
	}
	return list
}

// skip notes that an origin has nothing to copy up to a sequence.
func (s *State) skip(c Skip) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	if c.Origin == Backup {
		s.last = max(s.last, c.Seq)
		return Reply{}
	}
	o := s.origins.find(c.Origin)
	if o == nil {
		return refuse(apierr.BadRequest)
	}
	o.seq = max(o.seq, c.Seq)
	if c.Gone && o.mirror {
		s.last = max(s.last, c.Seq)
	}
	return Reply{}
}

// follow notes which incarnation of an origin is copied.
func (s *State) follow(c Follow) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	o := s.origins.find(c.Origin)
	names := c.Identity + c.Shown
	if o == nil || len(names) > maxIdentityBytes || strings.ContainsAny(names, " \t\r\n") {
		return refuse(apierr.BadRequest)
	}
	same := c.Identity == incarnationOf(o.identity)
	if same && o.seq > 0 {
		return Reply{}
	}
	if !same {
		s.origins.next++
		o.number = s.origins.next
	}
	o.identity, o.seq = c.Identity, c.From
	if c.Shown != "" {
		o.identity += shownMark + c.Shown
	}
	return Reply{}
}

// The origins in a snapshot:
//
//	uvarint  number that was given last
//	...      for each of the configuration, in its order: number, identity (with what marks call it), sequence
//	uvarint  former ones, oldest first, and for each: key, number, identity, sequence

func (x *origins) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, x.next)
	for i := range x.list {
		dst = x.list[i].progress.snapshot(dst)
	}
	dst = bin.AppendUvarint(dst, uint64(len(x.former)))
	for _, p := range x.former {
		dst = p.snapshot(bin.AppendString(dst, p.key))
	}
	return dst
}

func (p *progress) snapshot(dst []byte) []byte {
	return bin.AppendUvarint(bin.AppendString(bin.AppendUvarint(dst, p.number), p.identity), p.seq)
}

// restore reads the progress of those that adopt has listed.
func (x *origins) restore(r *bin.Reader) {
	x.next = r.Uvarint()
	for i := range x.list {
		x.list[i].progress.restore(r, x.next)
	}
	n := r.Count(4)
	if n > maxFormerOrigins {
		r.Fail(fmt.Errorf("%w: %d former origins", errSnapshot, n))
		return
	}
	for range n {
		p := progress{key: r.String()}
		p.restore(r, x.next)
		x.former = append(x.former, p)
	}
}

func (p *progress) restore(r *bin.Reader, last uint64) {
	p.number, p.identity, p.seq = r.Uvarint(), r.String(), r.Uvarint()
	if p.number == 0 || p.number > last {
		r.Fail(errSnapshot)
	}
}
