package segment

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"sort"

	"myelin/internal/vfs"
)

// view is what a reader may see of a segment: it was written, and does not change but by erasing.
type view struct {
	segment *segment
	size    int64
	high    uint64 // last sequence
	index   index
	footer  int64
	upTo    uint64  // last sequence that this file may hold: those up to the next file
	lost    *Damage // what made records above high unreadable
}

// viewLocked is the view of the file at position i.
func (s *Set) viewLocked(i int) view {
	g := s.segments[i]
	v := view{segment: g, size: g.size, high: g.last(), index: g.index, footer: g.footer, upTo: g.last()}
	if g.lost != nil {
		d := *g.lost
		v.lost, v.upTo = &d, max(s.lastLocked(), g.first)
		if i+1 < len(s.segments) {
			d.Next, v.upTo = s.segments[i+1].first, s.segments[i+1].first-1
		}
	}
	if g.unreadable {
		v.size, v.high = 0, 0
	}
	return v
}

// viewOf is the view of a segment of which the caller knows that it is there.
func (s *Set) viewOf(g *segment) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return view{segment: g, size: g.size, high: g.last(), index: g.index, footer: g.footer, upTo: g.last()}
}

// viewFor is the view of the first file that may hold a sequence from the given one on; false when there is
// none.
func (s *Set) viewFor(seq uint64) (view, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return view{}, false, ErrClosed
	}
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].first > seq })
	for i = max(i-1, 0); i < len(s.segments); i++ {
		if v := s.viewLocked(i); v.upTo >= seq {
			return v, true, nil
		}
	}
	return view{}, false, nil
}

// acquire returns the open file of a view, and its index when the view has none and one is wanted.
func (s *Set) acquire(v view, indexed bool) (*opened, error) {
	serves := func(o *opened) bool {
		return !indexed || v.index != nil || o.index != nil && o.footer == v.footer
	}
	opens := false
	o, err := s.cache.acquire(v.segment, serves, func() (*opened, error) {
		opens = true
		file, err := s.fs.Open(s.path(v.segment.name()))
		if err != nil {
			return nil, fmt.Errorf("open segment %s: %w", v.segment.name(), err)
		}
		o := &opened{segment: v.segment, file: file, footer: v.footer}
		if indexed && v.index == nil {
			if o.index, err = s.readIndex(v, file); err != nil {
				return nil, errors.Join(fmt.Errorf("read index of segment %s: %w", v.segment.name(), err), file.Close())
			}
			if o.index == nil {
				o.index = index{}
			}
		}
		return o, nil
	})
	if opens && err == nil && !s.keeps(v.segment) {
		s.cache.drop(v.segment) // it was removed before it was there to be dropped; we still read it
	}
	return o, err
}

// keeps says that a segment is part of a set that is open.
func (s *Set) keeps(seg *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && slices.Contains(s.segments, seg)
}

// cursor returns a cursor over a view, before the first record that ends at seq or later.
func (s *Set) cursor(v view, file vfs.File, x index, seq uint64, buf []byte, step int) cursor {
	if v.index != nil {
		x = v.index
	}
	near := x.around(seq)
	return cursor{
		segment: v.segment, seal: newSealing(v.segment.box), from: seq, offset: near.from, near: near, set: s,
		window: window{file: file, seed: v.segment.sum, end: v.size, step: step, buf: buf[:0]},
	}
}

// Read returns the record that occupies a sequence. Its parts lie in buf, or in a larger buffer that is
// returned in its place. Errors: ErrNotFound; a *Damage, when the record may be lost; those of the file
// system.
func (s *Set) Read(seq uint64, buf []byte) (Record, []byte, error) {
	for {
		v, ok, err := s.viewFor(seq)
		if err == nil && !ok {
			err = ErrNotFound
		}
		if err != nil {
			return Record{}, buf, fmt.Errorf("read sequence %d: %w", seq, err)
		}
		if seq > v.high && v.lost != nil {
			return Record{}, buf, fmt.Errorf("read sequence %d: %w", seq, v.lost)
		}
		if seq < v.segment.first || seq > v.high {
			return Record{}, buf, fmt.Errorf("read sequence %d: %w", seq, ErrNotFound)
		}
		o, err := s.acquire(v, true)
		if s.outdated(v.segment, err) {
			continue
		}
		if err != nil {
			return Record{}, buf, fmt.Errorf("read sequence %d: %w", seq, err)
		}
		c := s.cursor(v, o.file, o.index, seq, buf, lookupBytes)
		c.window.mapping = s.cache.lookup(o, s.mappedBytes(v.size))
		c.only()
		r, err := c.find(seq)
		s.cache.release(o)
		if _, gone := s.replaced(v.segment, err); gone {
			continue
		}
		if err != nil {
			err = fmt.Errorf("read sequence %d: %w", seq, s.found(v.segment, err))
		}
		return r, c.window.buf[:cap(c.window.buf)], err
	}
}

// find returns the record that occupies a sequence.
func (c *cursor) find(seq uint64) (Record, error) {
	if c.leap() {
		return c.record, nil
	}
	f, at, err := c.seek()
	if errors.Is(err, io.EOF) || err == nil && f.seq > seq {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	c.offset = at
	r, err := c.next()
	switch {
	case errors.Is(err, io.EOF) || err == nil && r.Seq > seq:
		return Record{}, ErrNotFound // in a gap of a block, or erased
	case err != nil:
		return Record{}, err
	}
	return *r, nil
}

// outdated says that a file could not be opened because it was removed since it was seen.
func (s *Set) outdated(seg *segment, err error) bool {
	return notExist(err) && !s.has(seg)
}

// replaced says that a damage is in a file that is no longer part of the set: it was overwritten there on
// purpose.
func (s *Set) replaced(seg *segment, err error) (*Damage, bool) {
	if err == nil {
		return nil, false
	}
	var d *Damage
	if !errors.As(err, &d) || s.has(seg) {
		return nil, false
	}
	return d, true
}

func (s *Set) has(seg *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.segments, seg)
}

// settleErasing returns when the frame that is being erased, if any, is whole again.
func (s *Set) settleErasing() {
	s.erasing.RLock()
	defer s.erasing.RUnlock()
}

// found notes an error that is a damage, for upkeep to keep off the file.
func (s *Set) found(seg *segment, err error) error {
	var d *Damage
	if errors.As(err, &d) {
		s.report(d)
		s.mu.Lock()
		if seg.bad == nil {
			seg.bad = d
		}
		s.mu.Unlock()
	}
	return err
}

// Scan calls visit with each record from the one that occupies or follows a sequence, ascending, until it
// returns false. A record is valid until visit returns; visit may call the set. What is written meanwhile
// may be seen or not. A *Damage ends the scan where records may be lost; one can go on from its Next.
func (s *Set) Scan(from uint64, visit func(*Record) bool) error {
	var buf []byte
	for {
		v, ok, err := s.viewFor(from)
		if err != nil || !ok {
			return err
		}
		o, err := s.acquire(v, true)
		if s.outdated(v.segment, err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("scan from sequence %d: %w", from, err)
		}
		c := s.cursor(v, o.file, o.index, from, buf, scanBytes)
		more, err := c.all(visit)
		s.cache.release(o)
		if d, gone := s.replaced(v.segment, err); gone {
			from, buf = max(from, d.from), c.window.buf
			continue
		}
		if err != nil || !more {
			return s.onward(v.segment, s.found(v.segment, err))
		}
		if v.lost != nil {
			return v.lost
		}
		if v.upTo == math.MaxUint64 {
			return nil
		}
		from, buf = max(c.from, v.upTo+1), c.window.buf
	}
}

// onward completes a *Damage that reaches to the end of its file with the first sequence of the file behind.
func (s *Set) onward(seg *segment, err error) error {
	var d *Damage
	if !errors.As(err, &d) || d.Next > 0 {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].first > seg.first })
	if i < len(s.segments) {
		behind := *d
		behind.Next = s.segments[i].first
		return &behind
	}
	return err
}

// all visits what is left; it reports whether more is wanted.
func (c *cursor) all(visit func(*Record) bool) (bool, error) {
	for {
		r, err := c.next()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil || !visit(r) {
			return false, err
		}
	}
}

// Check reads everything, opens what is encrypted, and returns all damage found since the set was opened.
func (s *Set) Check() ([]Damage, error) {
	s.mu.Lock()
	list := slices.Clone(s.segments)
	s.mu.Unlock()
	for _, g := range list {
		if g.unreadable {
			continue
		}
		if err := s.check(s.viewOf(g)); err != nil && !s.outdated(g, err) {
			return s.Damages(), err
		}
	}
	return s.Damages(), nil
}

func (s *Set) check(v view) error {
	o, err := s.acquire(v, true)
	if err != nil {
		return err
	}
	defer s.cache.release(o)
	opens := newSealing(v.segment.box)
	w := &window{file: o.file, seed: v.segment.sum, end: v.size, step: scanBytes, opens: &opens}
	s.erasing.RLock()
	found, err := scanFile(w, v.segment.name(), 0)
	s.erasing.RUnlock()
	if !s.has(v.segment) {
		return err
	}
	for i := range found.damages {
		_ = s.found(v.segment, &found.damages[i])
	}
	return err
}

// Identify returns the stream whose files are in a directory, by the first file with a header that is whole. It
// reports false when there is none.
func Identify(fs vfs.FS, dir string) (stream [16]byte, ok bool, err error) {
	names, err := fs.List(dir)
	if notExist(err) {
		return stream, false, nil
	}
	for _, name := range names {
		if _, _, named := parseName(name); !named {
			continue
		}
		file, err := fs.Open(filepath.Join(dir, name))
		if err != nil {
			return stream, false, err
		}
		b := make([]byte, headerSize)
		n, err := file.ReadAt(b, 0)
		if err = errors.Join(ignoreEOF(err), file.Close()); err != nil {
			return stream, false, err
		}
		if h, err := parseHeader(b[:n]); err == nil {
			return h.stream, true, nil
		}
	}
	return stream, false, err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
