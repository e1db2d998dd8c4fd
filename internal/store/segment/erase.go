package segment

import (
	"errors"
	"fmt"
	"slices"
)

// Erase overwrites the records that occupy sequences, so that no file of the set holds their subjects, headers
// and bodies any more, and returns when that is on the disk. Sequences without a record are passed over. It may be
// repeated, and must be after a crash or an error; each record should have been reported to Dead before.
//
// It works on one file at a time, ascending, and lets others write in between: many records of a file cost
// little more than one. A *Damage among the errors says where records may be that cannot be found; all others
// are erased all the same. That a file system or disk keeps no copy elsewhere is not in our hands.
func (s *Set) Erase(seqs ...uint64) error {
	rest := slices.Clone(seqs)
	slices.Sort(rest)
	rest = slices.Compact(rest)
	var damages []error
	for len(rest) > 0 {
		done, err := s.eraseNext(rest)
		if err != nil {
			err = fmt.Errorf("erase sequence %d: %w", rest[0], err)
		}
		if err != nil && !isDamage(err) {
			return err
		}
		damages, rest = append(damages, err), rest[done:]
	}
	return errors.Join(damages...)
}

// eraseNext erases the first of the sequences, which ascend, and those that belong to the same file. It returns how many
// are dealt with: some, unless it fails with something else than damages.
func (s *Set) eraseNext(seqs []uint64) (done int, err error) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writable(); err != nil {
		return 0, err
	}
	if err := s.removeFiles(nil); err != nil {
		return 0, s.fail(err)
	}
	v, ok, err := s.viewFor(seqs[0])
	if err != nil {
		return 0, err
	}
	if !ok {
		return len(seqs), nil
	}
	from, _ := slices.BinarySearch(seqs, v.segment.first)
	to := through(seqs, v.high)
	done = through(seqs, v.upTo)
	var lost error
	if done > to && v.lost != nil {
		lost = v.lost
	}
	if from < to {
		if err = s.eraseIn(v, seqs[from:to]); err != nil && !isDamage(err) {
			return 0, s.fail(err)
		}
	}
	return done, errors.Join(lost, err)
}

// through is how many of the sequences, which ascend, are not behind the last one.
func through(seqs []uint64, last uint64) int {
	n, found := slices.BinarySearch(seqs, last)
	if found {
		n++
	}
	return n
}

// eraseIn erases records of one file. It is rewritten without them when one is in a block, or when they are so many
// that this writes less.
func (s *Set) eraseIn(v view, seqs []uint64) error {
	t, damage := s.locate(v, seqs)
	if damage != nil && !isDamage(damage) {
		return damage
	}
	g := v.segment
	var err error
	switch {
	case len(t.blocks) > 0 || t.many(v.size) && s.intact(g):
		err = s.eraseByRewrite(g, t)
	case len(t.records) > 0:
		if err = s.footGrowing(g); err == nil {
			err = s.overwrite(s.path(g.name()), t.records, g.sum, true)
		}
	}
	if err != nil && !isDamage(err) {
		return err
	}
	return errors.Join(damage, err)
}

// intact says that no damage was found in a file.
func (s *Set) intact(g *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.bad == nil && !g.unreadable
}

// footGrowing ends a file that is still growing with a footer: a record that is half overwritten when
// everything stops must not pass for a tail that was never synced.
func (s *Set) footGrowing(g *segment) error {
	if s.growing() != g {
		return nil
	}
	return s.closeFooted()
}

// eraseByRewrite rewrites a file without records. The old one leaves the set for good before it is
// overwritten, so that no crash brings it back with a block that cannot be read.
func (s *Set) eraseByRewrite(g *segment, t targets) error {
	if err := s.sealGrowing(g); err != nil {
		return err
	}
	next, err := s.rewrite([]*segment{g}, t.others)
	if err != nil {
		return err
	}
	s.mu.Lock()
	next.dead += max(g.dead-t.bytes, 0)
	s.mu.Unlock()
	s.cache.drop(g)
	temp := s.path(g.name() + ".tmp")
	if err := s.fs.Rename(s.path(g.name()), temp); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	// Nobody reads it any more, so that its checksums need not agree.
	if err := s.overwrite(temp, append(t.records, t.blocks...), g.sum, false); err != nil {
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
