package segment

import (
	"errors"
	"fmt"
	"path/filepath"
)

// openLast makes ready for a record: the last file when it takes more, or a new one.
func (s *Set) openLast(r *Record) error {
	if seg := s.growing(); seg != nil {
		if seg.mark == s.options.Keys.Mark() && seg.size+r.size() <= s.options.SegmentBytes {
			return s.reopen(seg)
		}
		if err := s.reopen(seg); err != nil {
			return err
		}
		if err := s.roll(); err != nil {
			return err
		}
	}
	return s.create(r.Seq)
}

// growing is the last file if it takes more records, else nil.
func (s *Set) growing() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.segments); n > 0 && !s.segments[n-1].sealed {
		return s.segments[n-1]
	}
	return nil
}

// reopen makes a file at rest ready for more.
func (s *Set) reopen(seg *segment) error {
	if seg.index == nil {
		o, err := s.acquire(s.viewOf(seg), true)
		if err != nil {
			return err
		}
		x := append(index(nil), o.index...)
		s.cache.release(o)
		s.mu.Lock()
		seg.index = x
		s.mu.Unlock()
	}
	file, err := s.fs.OpenReadWrite(s.path(seg.name()))
	if err != nil {
		return fmt.Errorf("open segment %s: %w", seg.name(), err)
	}
	s.writer = s.newWriter(seg, file)
	return nil
}

// create begins a new file. The names of all files before are durable then, so that a crash leaves no hole in
// the order of records.
func (s *Set) create(first uint64) error {
	if err := s.fs.MakeDirs(s.dir); err != nil {
		return err
	}
	if err := s.syncNames(); err != nil {
		return err
	}
	seg, err := s.nextSegment(first, 0)
	if err != nil {
		return err
	}
	file, err := s.fs.Create(s.path(seg.name()))
	if err != nil {
		return fmt.Errorf("create segment %s: %w", seg.name(), err)
	}
	s.dirty = true
	s.writer = s.newWriter(seg, file)
	s.mu.Lock()
	s.segments = append(s.segments, seg)
	s.mu.Unlock()
	return nil
}

// nextSegment returns a segment of the next generation, which seals as the options say now.
func (s *Set) nextSegment(first, replaced uint64) (g *segment, err error) {
	s.mu.Lock()
	s.generation++
	g = newSegment(header{stream: s.options.Stream, generation: s.generation, first: first, replaced: replaced, mark: s.options.Keys.Mark()})
	s.mu.Unlock()
	g.box, err = g.header.box(s.options.Keys)
	return g, err
}

// roll seals the last file. Its footer is only written once its name is durable: a footer found at the end
// of the last file stands for both.
func (s *Set) roll() error {
	w := s.writer
	if err := s.syncNames(); err != nil {
		return err
	}
	if err := w.foot(); err != nil {
		return err
	}
	w.publish(func(g *segment) { g.sealed = true })
	s.writer = nil
	return w.file.Close()
}

// syncNames makes the names of the files durable, and that of their directory.
func (s *Set) syncNames() error {
	if !s.dirty {
		return nil
	}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
		if err := s.fs.SyncDir(dir); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	s.dirty = false
	return nil
}

// Sync returns when all that was written is on the disk, names and content.
func (s *Set) Sync() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	return s.fail(s.sync())
}

func (s *Set) sync() error {
	if s.writer != nil {
		if err := s.writer.sync(); err != nil {
			return err
		}
	}
	return s.syncNames()
}

// Rest is for a stream that nobody writes to for a while: it syncs, and closes the file. The next Write
// opens it again.
func (s *Set) Rest() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	return s.fail(s.rest(restFactor))
}

// restFactor is how many times the bytes of a footer must have been written since the last one for it to
// be worth its place when the stream rests. Otherwise the index stays in memory.
const restFactor = 8

func (s *Set) rest(factor int64) error {
	if err := s.sync(); err != nil || s.writer == nil {
		return err
	}
	w := s.writer
	footer := headSize + int64(len(w.index))*entrySize + trailerSize
	if w.unfooted() >= factor*footer {
		if err := w.foot(); err != nil {
			return err
		}
	}
	s.writer = nil
	return w.file.Close()
}

// Close syncs and ends the use of the set. After a failure it only closes.
func (s *Set) Close() error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.writable()
	if err == nil {
		err = s.fail(s.closeFooted())
	}
	if s.writer != nil {
		s.writer.release()
		err = errors.Join(err, s.writer.file.Close())
		s.writer = nil
	}
	s.mu.Lock()
	list := s.segments
	s.closed = true
	s.mu.Unlock()
	s.cache.drop(list...)
	if errors.Is(err, ErrClosed) || errors.Is(err, ErrReadOnly) {
		return nil
	}
	return err
}

// closeFooted writes a footer for the last file, so that it need not be read through to open it.
func (s *Set) closeFooted() error {
	if seg := s.growing(); seg != nil && seg.index != nil && s.writer == nil {
		if err := s.reopen(seg); err != nil {
			return err
		}
	}
	return s.rest(0)
}
