package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"myelin/internal/vfs"
)

// Erase overwrites the record that occupies a sequence, so that no file of the set holds its subject,
// header and body any more, and returns when that is on the disk. It may be repeated, and must be after a
// crash. ErrNotFound says that there is nothing to erase. That a file system or disk keeps no copy
// elsewhere is not in our hands.
func (s *Set) Erase(seq uint64) error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	err := s.removeFiles(nil)
	if err == nil {
		err = s.erase(seq)
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !isDamage(err) {
		err = s.fail(err)
	}
	if err != nil {
		return fmt.Errorf("erase sequence %d: %w", seq, err)
	}
	return nil
}

func (s *Set) erase(seq uint64) error {
	v, ok, err := s.viewFor(seq)
	if err != nil {
		return err
	}
	if ok && seq > v.high && v.lost != nil {
		return v.lost
	}
	if !ok || seq < v.segment.first || seq > v.high {
		return ErrNotFound
	}
	g := v.segment
	p, err := s.locate(v, seq)
	if err != nil {
		return s.found(g, err)
	}
	if p.frame.kind == kindBlock {
		return s.eraseFromBlock(g, p)
	}
	if err := s.footGrowing(g); err != nil {
		return err
	}
	return s.overwrite(s.path(g.name()), g.sum, p)
}

// place is where a record is.
type place struct {
	frame       frame // of the record, or of its block
	offset      int64
	first, last uint64 // sequences of the record
}

// locate finds the record that occupies a sequence. One that stands alone may be half overwritten already.
func (s *Set) locate(v view, seq uint64) (place, error) {
	o, err := s.acquire(v, true)
	if err != nil {
		return place{}, err
	}
	defer s.cache.release(o)
	c := s.cursor(v, o.file, o.index, seq, nil, lookupBytes)
	f, at, err := c.seek()
	if errors.Is(err, io.EOF) || err == nil && f.seq > seq {
		return place{}, ErrNotFound
	}
	if err != nil || f.kind == kindRecord {
		return place{f, at, f.seq, f.last()}, err
	}
	r, err := c.find(seq)
	return place{f, at, r.Seq, r.Last()}, err
}

// footGrowing ends a file that is still growing with a footer: a record that is half overwritten when
// everything stops must not pass for a tail that was never synced.
func (s *Set) footGrowing(g *segment) error {
	if s.growing() != g {
		return nil
	}
	return s.closeFooted()
}

// overwrite erases the payload of a frame in place, then makes its checksums agree.
func (s *Set) overwrite(name string, seed uint32, p place) error {
	s.erasing.Lock()
	defer s.erasing.Unlock()
	file, err := s.fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	return errors.Join(overwriteFrame(file, seed, p.frame, p.offset), file.Close())
}

func overwriteFrame(file vfs.File, seed uint32, f frame, at int64) error {
	// There is a payload: no record comes without a subject.
	blank := bytes.Repeat([]byte{erasedByte}, int(f.length()-headSize))
	if _, err := file.WriteAt(blank, at+headSize); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	var head [headSize]byte
	f.sum = checksum(blank)
	f.put(head[:], seed, at)
	if _, err := file.WriteAt(head[:8], at); err != nil {
		return err
	}
	return file.Sync()
}

// eraseFromBlock rewrites a file without a record. The old one leaves the set for good before its block is
// overwritten, so that no crash brings it back with a block that cannot be read.
func (s *Set) eraseFromBlock(g *segment, p place) error {
	if err := s.sealGrowing(g); err != nil {
		return err
	}
	others := func(from uint64) (uint64, bool) {
		if p.first <= from && from <= p.last {
			return p.last + 1, p.last < math.MaxUint64
		}
		return from, true
	}
	next, err := s.rewrite([]*segment{g}, others)
	if err != nil {
		return err
	}
	s.mu.Lock()
	next.dead += g.dead
	s.mu.Unlock()
	s.cache.drop(g)
	temp := s.path(g.name() + ".tmp")
	if err := s.fs.Rename(s.path(g.name()), temp); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	if err := s.overwrite(temp, g.sum, p); err != nil {
		return err
	}
	if err := s.fs.Remove(temp); err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// sealGrowing seals a segment if it is still growing.
func (s *Set) sealGrowing(g *segment) error {
	if s.growing() != g {
		return nil
	}
	if s.writer == nil {
		if err := s.reopen(g); err != nil {
			return err
		}
	}
	return s.roll()
}
