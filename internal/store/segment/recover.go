package segment

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"myelin/internal/vfs"
)

// load takes stock of the directory: what Open does.
func (s *Set) load() error {
	names, err := s.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			if s.options.ReadOnly {
				continue
			}
			if err := s.fs.Remove(s.path(name)); err != nil {
				return fmt.Errorf("remove %s, which was not finished: %w", name, err)
			}
			continue
		}
		first, generation, ok := parseName(name)
		if !ok {
			s.report(&Damage{File: name, Err: errName})
			continue
		}
		s.segments = append(s.segments, newSegment(header{stream: s.options.Stream, first: first, generation: generation}))
		s.generation = max(s.generation, generation)
	}
	for i, seg := range s.segments {
		if err := s.loadSegment(seg, i == len(s.segments)-1); err != nil {
			return fmt.Errorf("open segment %s: %w", seg.name(), err)
		}
	}
	return s.settle()
}

// list returns the names in the directory, none when it does not exist.
func (s *Set) list() ([]string, error) {
	names, err := s.fs.List(s.dir)
	if notExist(err) {
		return nil, nil
	}
	return names, err
}

// loadSegment finds out what is in a file: by its trailer, or by reading it through.
func (s *Set) loadSegment(seg *segment, last bool) error {
	file, err := s.fs.Open(s.path(seg.name()))
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	w := &window{file: file, seed: seg.sum, end: size, step: headerSize}
	b, err := w.bytes(0, headerSize)
	h := header{}
	if err == nil {
		h, err = parseHeader(b)
	}
	if err == nil && (h.stream != seg.stream || h.first != seg.first || h.generation != seg.generation) {
		err = errForeign
	}
	seg.replaced = h.replaced
	if err != nil && !isDamage(err) {
		return err
	}
	if errors.Is(err, errForeign) || errors.Is(err, errVersion) {
		seg.sealed, seg.unreadable, seg.size = true, true, size
		seg.hurt(s.report(&Damage{File: seg.name(), Err: err}))
		return nil
	}
	if err := s.unlock(seg, h, err != nil, w); err != nil {
		return err
	}
	if t, err := readTrailer(w, size, last); err == nil {
		seg.summary, seg.footer, seg.replaced = t.summary, t.at, t.replaced
		seg.synced, seg.footed = size, size
	} else if !isDamage(err) {
		return err
	} else if err := s.scanSegment(seg, w, last); err != nil {
		return err
	}
	if err != nil && seg.records > 0 {
		seg.hurt(s.report(&Damage{File: seg.name(), Next: seg.low, Err: err}))
	}
	seg.sealed = !last || seg.bad != nil || seg.replaced > 0
	return nil
}

// unlock finds the key of a file.
func (s *Set) unlock(seg *segment, h header, damaged bool, w *window) (err error) {
	if damaged {
		return seg.findMark(w, s.options.Keys)
	}
	seg.mark = h.mark
	seg.box, err = seg.header.box(s.options.Keys)
	return err
}

// readTrailer reads the end of a file. Of the last file it checks the whole footer: the end of one that was
// being written may have come to the disk without its beginning.
func readTrailer(w *window, size int64, whole bool) (trailer, error) {
	if size < headerSize+headSize+trailerSize {
		return trailer{}, errTrailer
	}
	b, err := w.bytes(size-trailerSize, trailerSize)
	if err != nil {
		return trailer{}, err
	}
	t, err := parseTrailer(b, size, w.seed)
	if err == nil && whole {
		_, err = w.index(t.at)
	}
	return t, err
}

// index reads the index frame at the offset.
func (w *window) index(at int64) (index, error) {
	f, err := w.head(at)
	if err != nil {
		return nil, err
	}
	if f.kind != kindIndex {
		return nil, errIndex
	}
	payload, err := w.payload(f, at)
	if err != nil {
		return nil, err
	}
	return parseIndex(payload, f, at)
}

// scanSegment reads a file without a trailer through, reports its damage, and cuts the tail that was
// never synced when it is the last file.
func (s *Set) scanSegment(seg *segment, w *window, last bool) error {
	w.step = scanBytes
	found, err := scanFile(w, seg.name(), s.options.Synced)
	if err != nil {
		return err
	}
	size := w.end
	if last {
		if found, err = s.cutTail(seg, w, found); err != nil {
			return err
		}
	} else if len(found.damages) == 0 {
		found.damages = []Damage{{File: seg.name(), Offset: size, Err: errTrailer}}
	}
	for i := range found.damages {
		seg.hurt(s.report(&found.damages[i]))
	}
	seg.summary, seg.synced = found.summary, found.size
	if last && seg.bad == nil {
		seg.index = found.index
	}
	return nil
}

// cutTail decides what of the last file was never synced, cuts it, and returns what remains.
func (s *Set) cutTail(seg *segment, w *window, found scan) (scan, error) {
	size, proven := w.end, found.proven
	if seg.first <= s.options.Synced && found.high < s.options.Synced {
		proven = size
		found.damages = append(found.damages, Damage{File: seg.name(), Offset: size, Err: errMissing})
	}
	cut := slices.IndexFunc(found.damages, func(d Damage) bool { return d.Offset >= proven && d.Err != errMissing })
	if cut >= 0 {
		d := found.damages[cut]
		d.Cut, d.Next = size-d.Offset, 0
		s.report(&d)
		w.end = d.Offset
		var err error
		if found, err = scanFile(w, seg.name(), s.options.Synced); err != nil {
			return found, err
		}
	}
	if found.records == 0 && len(found.damages) == 0 {
		return found, nil // settle removes it
	}
	if err := s.rewriteTail(seg, found.proven, w.end, size); err != nil {
		s.failed = fmt.Errorf("%w: recover segment %s: %w", ErrFailed, seg.name(), err)
	}
	return found, nil
}

// rewriteTail cuts a file to end bytes, and writes those from proven on once more: that they can be read
// does not mean that they are on the disk, when a sync failed before.
func (s *Set) rewriteTail(seg *segment, proven, end, size int64) error {
	if proven == end && end == size || s.options.ReadOnly {
		return nil
	}
	file, err := s.fs.OpenReadWrite(s.path(seg.name()))
	if err != nil {
		return err
	}
	defer file.Close()
	if end < size {
		if err := file.Truncate(end); err != nil {
			return err
		}
	}
	buf := make([]byte, min(scanBytes, end-proven))
	for at := proven; at < end; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), end-at)]
		if _, err := file.ReadAt(b, at); err != nil {
			return err
		}
		if _, err := file.WriteAt(b, at); err != nil {
			return err
		}
	}
	return file.Sync()
}

// settle removes what is left over: files that were rewritten, and a last file in which nothing was
// synced. It sets those aside that overlap for no known reason.
func (s *Set) settle() error {
	if n := len(s.segments); n > 0 {
		if g := s.segments[n-1]; g.records == 0 && g.bad == nil {
			if err := s.removeEmpty(g); err != nil {
				return err
			}
			s.segments = s.segments[:n-1]
		}
	}
	var gone []*segment
	for _, g := range s.segments {
		if slices.ContainsFunc(s.segments, func(n *segment) bool { return n.supersedes(g) }) {
			gone = append(gone, g)
		}
	}
	s.segments = without(s.segments, gone)
	if len(gone) > 0 && !s.options.ReadOnly {
		// What replaced them must have its name for good first.
		if err := s.fs.SyncDir(s.dir); err != nil {
			return err
		}
	}
	if err := s.removeFiles(gone); err != nil {
		return err
	}
	for i, g := range s.segments {
		if i > 0 && !g.unreadable && g.first <= s.segments[i-1].last() {
			g.unreadable, g.sealed = true, true
			g.hurt(s.report(&Damage{File: g.name(), Err: fmt.Errorf("%w: it overlaps %s", errForeign, s.segments[i-1].name())}))
		}
	}
	return nil
}

// removeEmpty removes a last file in which nothing was synced.
func (s *Set) removeEmpty(g *segment) error {
	if s.options.ReadOnly {
		return nil
	}
	if err := s.fs.Remove(s.path(g.name())); err != nil {
		return fmt.Errorf("remove segment %s, which is empty: %w", g.name(), err)
	}
	return nil
}

// supersedes says whether g was made by rewriting old among others, and is whole.
func (g *segment) supersedes(old *segment) bool {
	return g.footer > 0 && !g.unreadable && !old.unreadable && g.generation > old.generation &&
		g.first <= old.first && old.first <= g.replaced
}

func without(list, gone []*segment) []*segment {
	return slices.DeleteFunc(list, func(g *segment) bool { return slices.Contains(gone, g) })
}

// removeFiles removes the files of segments that are no longer in the list, with those that it could not remove
// earlier, and makes that durable.
func (s *Set) removeFiles(gone []*segment) error {
	if s.options.ReadOnly {
		return nil
	}
	s.leftover = append(s.leftover, gone...)
	if len(s.leftover) == 0 {
		return nil
	}
	s.cache.drop(s.leftover...)
	var failed error
	s.leftover = slices.DeleteFunc(s.leftover, func(g *segment) bool {
		err := s.fs.Remove(s.path(g.name()))
		if err == nil || notExist(err) {
			return true
		}
		failed = errors.Join(failed, fmt.Errorf("remove segment %s: %w", g.name(), err))
		return false
	})
	if failed == nil {
		failed = s.fs.SyncDir(s.dir)
	}
	return failed
}

func (s *Set) path(name string) string { return filepath.Join(s.dir, name) }

// readIndex returns the index of a file as far as the view shows it: by its footer, or by reading it through.
func (s *Set) readIndex(v view, file vfs.File) (index, error) {
	w := &window{file: file, seed: v.segment.sum, end: v.size, step: lookupBytes}
	if v.footer > 0 {
		x, err := w.index(v.footer)
		if err == nil || !isDamage(err) {
			return x, err
		}
		s.report(&Damage{File: v.segment.name(), Offset: v.footer, Err: err})
	}
	w.step = scanBytes
	found, err := scanFile(w, v.segment.name(), 0)
	return found.index, err
}
