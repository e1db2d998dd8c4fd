package segment

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// Live tells the first sequence at or after one whose record is still wanted, false when there is none. It
// knows all that was reported to Dead before it was handed over; of what dies later it need not know.
// It is called without a lock held.
type Live func(from uint64) (seq uint64, ok bool)

// cleaning is a rewrite under way: what dies meanwhile may be in the new file.
type cleaning struct {
	first, last uint64
	dead        []death
}

type death struct {
	seq   uint64
	bytes int64
}

// Dead says that nobody wants a record any more, with its Size. It is only an account, which
// starts at zero when a set is opened: see Reconcile. Report each record once.
func (s *Set) Dead(seq uint64, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.holderLocked(seq); g != nil {
		g.dead += bytes
	}
	if c := s.cleaning; c != nil && c.first <= seq && seq <= c.last {
		c.dead = append(c.dead, death{seq, bytes})
	}
}

// holderLocked is the segment in whose range a sequence lies.
func (s *Set) holderLocked(seq uint64) *segment {
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].first > seq })
	if i == 0 || seq > s.segments[i-1].last() {
		return nil
	}
	return s.segments[i-1]
}

// Drop removes the files whose records all come before a sequence. Quarantined files stay.
func (s *Set) Drop(before uint64) error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.options.ReadOnly {
		return ErrReadOnly
	}
	if err := s.dropLast(before); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	var gone []*segment
	for _, g := range s.segments {
		if !g.unreadable && g.last() < before && g.sealed {
			gone = append(gone, g)
		}
	}
	s.segments = without(slices.Clone(s.segments), gone)
	s.mu.Unlock()
	return s.removeFiles(gone)
}

// dropLast seals the last file, so that it can go, when all of it comes before a sequence.
func (s *Set) dropLast(before uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	g := s.growing()
	if g == nil || g.last() >= before {
		return nil
	}
	s.mu.Lock()
	s.written = max(s.written, g.last())
	g.sealed = true
	s.mu.Unlock()
	w := s.writer
	if w == nil {
		return nil
	}
	s.writer = nil
	w.release()
	return w.file.Close()
}

// rewritten is about how large a file with so many live bytes becomes.
func rewritten(live int64) int64 {
	return headerSize + live + live/indexSpacing*entrySize + headSize + entrySize + trailerSize
}

// Clean does one step of reclaiming space when there is need: it removes a file that holds nothing live, or
// rewrites one of which at least half would be saved, with its small neighbours. It reports whether there
// was need; call it until there is none. Then the files take less than twice what is live and one segment.
// Since each step saves at least as much as it writes, all of them together write no more than what was
// ever written by Write (small neighbours aside). Steps need room for one more file.
func (s *Set) Clean(live Live) (bool, error) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.options.ReadOnly {
		return false, ErrReadOnly
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false, ErrClosed
	}
	victims := s.victimsLocked()
	s.mu.Unlock()
	if len(victims) == 0 {
		return false, nil
	}
	if _, err := s.rewrite(victims, live); err != nil {
		return true, err
	}
	return true, s.removeFiles(victims)
}

// victimsLocked chooses files that lie side by side.
func (s *Set) victimsLocked() []*segment {
	lo := slices.IndexFunc(s.segments, func(g *segment) bool { return g.usable() && rewritten(g.live()) <= g.size/2 })
	if lo < 0 {
		return nil
	}
	hi, sum := lo+1, s.segments[lo].live()
	joins := func(i int) bool {
		if i < 0 || i >= len(s.segments) || sum == 0 {
			return false
		}
		g := s.segments[i]
		return g.usable() && g.size <= s.options.SegmentBytes/8 && g.live() <= 2*sum && sum+g.live() <= s.options.SegmentBytes
	}
	for {
		switch {
		case joins(lo - 1):
			lo--
			sum += s.segments[lo].live()
		case joins(hi):
			sum += s.segments[hi].live()
			hi++
		default:
			return slices.Clone(s.segments[lo:hi])
		}
	}
}

// rewrite replaces files that lie side by side, in the list, by one with the records of theirs that live.
// Their files are still there then.
func (s *Set) rewrite(victims []*segment, live Live) (*segment, error) {
	first, last := victims[0].first, victims[len(victims)-1].last()
	job := &cleaning{first: first, last: last}
	s.mu.Lock()
	s.cleaning = job
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.cleaning = nil
		s.mu.Unlock()
	}()
	next, err := s.nextSegment(first, last)
	if err != nil {
		return nil, err
	}
	copied, err := s.copyLive(next, victims, live)
	if err != nil {
		return nil, fmt.Errorf("rewrite segment %s: %w", victims[0].name(), err)
	}
	s.mu.Lock()
	list := slices.Clone(s.segments)
	at := slices.Index(list, victims[0])
	list = slices.Delete(list, at, at+len(victims))
	if len(copied) > 0 {
		list = slices.Insert(list, at, next)
		for _, d := range job.dead {
			if _, ok := slices.BinarySearch(copied, d.seq); ok {
				next.dead += d.bytes
			}
		}
	}
	s.written = max(s.written, last)
	s.segments = list
	s.mu.Unlock()
	return next, nil
}

// copyLive writes the live records of files into a new one, which is there under its name and durable then.
// Without any there is none. It returns the sequences copied.
func (s *Set) copyLive(next *segment, victims []*segment, live Live) (copied []uint64, err error) {
	temp := s.path(next.name() + ".tmp")
	var w *writer
	defer func() {
		if err != nil && w != nil {
			w.release()
			err = errors.Join(err, s.fs.Remove(temp))
		}
	}()
	for _, g := range victims {
		err = s.eachLive(g, live, func(r *Record) error {
			if w == nil {
				file, err := s.fs.Create(temp)
				if err != nil {
					return err
				}
				w = s.newWriter(next, file)
			}
			copied = append(copied, r.Seq)
			return w.add(r)
		})
		if err != nil {
			break
		}
	}
	if err == nil {
		err = s.options.settle()
	}
	if w == nil {
		return nil, err
	}
	if err == nil {
		next.sealed = true
		err = w.foot()
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return nil, err
	}
	if err = s.fs.Rename(temp, s.path(next.name())); err != nil {
		return nil, err
	}
	w = nil
	if err = s.fs.SyncDir(s.dir); err != nil {
		s.leftover = append(s.leftover, next)
	}
	return copied, err
}

// eachLive visits the live records of a file.
func (s *Set) eachLive(g *segment, live Live, visit func(*Record) error) error {
	v := s.viewOf(g)
	at, ok := live(g.first)
	if !ok || at > v.high {
		return nil
	}
	o, err := s.acquire(v, true)
	if err != nil {
		return err
	}
	defer s.cache.release(o)
	c := s.cursor(v, o.file, o.index, at, nil, scanBytes)
	for ok && at <= v.high {
		c.from = max(c.from, at) // what is not wanted is not read: it may be half erased
		r, err := c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.found(g, err)
		}
		if at < r.Seq {
			at, ok = live(r.Seq)
		}
		if !ok || at > r.Last() {
			continue
		}
		if err := visit(r); err != nil {
			return err
		}
		if r.Last() == math.MaxUint64 {
			return nil
		}
		at, ok = live(r.Last() + 1)
	}
	return nil
}
