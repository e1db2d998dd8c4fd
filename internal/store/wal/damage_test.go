package wal

import (
	"errors"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"myelin/internal/vfs"
)

// A bit that is turned over, wherever it is, refuses the group whose record it is in, and only that one, and the
// error says where it is.
func TestABitRefusesTheGroupThatItIsIn(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		p := newPatient(t, seed, true)
		w := newWorld(t, seed, small)
		for range 150 {
			k := p.chain[w.rng.IntN(len(p.chain))]
			at := w.rng.Int64N(k.limit)
			disk := p.copy()
			flipBit(t, disk, filepath.Join(logDir, k.name), at*8+w.rng.Int64N(8))
			var hit placed
			touched := p.touched(func(r placed) bool {
				in := r.file == k.name && r.off <= at && at < r.end
				if in {
					hit = r
				}
				return in
			})
			l := p.check(t, disk, touched)
			for id := range touched {
				d := l.groups[id].damage
				if d.File != k.name || d.Offset != hit.off {
					t.Errorf("the damage at %d of %s is reported as %v", hit.off, k.name, d)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d: byte %d of %s", seed, at, k.name)
			}
		}
	})
}

// A sector that is overwritten refuses the groups whose records, or blocks, it was part of. Where the newest segment is hit
// no later segment tells who is whole, but the table does with which the log was closed.
func TestASectorRefusesTheGroupsThatItHeld(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		p := newPatient(t, seed, true)
		w := newWorld(t, seed, small)
		for range 100 {
			n := w.rng.IntN(len(p.chain))
			k := p.chain[n]
			at := w.rng.Int64N(k.limit/512) * 512
			if at < p.afterFirstTable(n) || n == len(p.chain)-1 && at+512 > p.closing(k.name) {
				continue
			}
			disk := p.copy()
			overwrite(t, disk, k.name, at, slices.Repeat([]byte{0xa5}, 512))
			lost := func(from, to int64) bool { return from < at+512 && at < to }
			touched := p.touched(func(r placed) bool {
				return r.file == k.name && (lost(r.off, r.end) || lost(r.block, r.block+blockHeaderBytes))
			})
			p.check(t, disk, touched)
			if t.Failed() {
				t.Fatalf("seed %d: sector at %d of %s", seed, at, k.name)
			}
		}
	})
}

// A segment that is cut short refuses the groups with records behind the cut.
func TestATruncatedSegmentRefusesWhatItHeld(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		p := newPatient(t, seed, true)
		w := newWorld(t, seed, small)
		for n, k := range p.chain[:len(p.chain)-1] {
			from := p.afterFirstTable(n)
			at := from + w.rng.Int64N(k.limit-from)
			if r := p.records[w.rng.IntN(len(p.records))]; r.file == k.name && r.end > from {
				at = r.end // what fills it up to a multiple of 8 is no loss
			}
			disk := p.copy()
			truncate(t, disk, k.name, at)
			p.check(t, disk, p.touched(func(r placed) bool { return r.file == k.name && r.end > at }))
			if t.Failed() {
				t.Fatalf("seed %d: %s cut at %d of %d", seed, k.name, at, k.limit)
			}
		}
	})
}

// A place that cannot be read is like one that is overwritten. At the end of the log it is an error of Open: nobody knows
// whether anything was there.
func TestAPlaceThatCannotBeRead(t *testing.T) {
	p := newPatient(t, 1, true)
	for n, k := range p.chain {
		at := int64(2 * chunkBytes)
		fs := vfs.NewFault(p.copy())
		reads := 0
		fs.OnOp = func(op vfs.Op) error {
			if op.Kind != vfs.OpRead || filepath.Base(op.Name) != k.name {
				return nil
			}
			reads++
			if reads == 2 || reads == 5 { // all of it, behind the header; the third chunk of it
				return syscall.EIO
			}
			return nil
		}
		if n == len(p.chain)-1 && at+chunkBytes > k.limit {
			if _, err := open(fs, logDir, p.opts); !errors.Is(err, errUnreadable) {
				t.Errorf("opened with an unreadable end: %v", err)
			}
			continue
		}
		lost := func(from, to int64) bool { return from < at+chunkBytes && at < to }
		p.check(t, fs, p.touched(func(r placed) bool {
			return r.file == k.name && (lost(r.off, r.end) || lost(r.block, r.block+blockHeaderBytes))
		}))
	}
}

// A segment that is missing refuses the groups that had records in it. Of the oldest, those matter that the groups still
// need; the rest is said again by the next one.
func TestAMissingSegmentRefusesWhatItHeld(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		p := newPatient(t, seed, true)
		for n, k := range p.chain[:len(p.chain)-1] {
			disk := p.copy()
			if err := disk.Remove(filepath.Join(logDir, k.name)); err != nil {
				t.Fatal(err)
			}
			touched := p.touched(func(r placed) bool { return r.file == k.name })
			if n == 0 {
				touched = p.neededIn(t, k.name)
			}
			p.check(t, disk, touched)
			if t.Failed() {
				t.Fatalf("seed %d: without %s", seed, k.name)
			}
		}
	})
}

// Nothing says what the end of the newest segment held when it is gone. All groups are refused then, rather than one of
// them going on with a past of which a part was forgotten.
func TestWithoutTheNewestSegmentAllAreRefused(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		for name, harm := range map[string]func(disk *vfs.Mem, newest string){
			"missing":        func(disk *vfs.Mem, newest string) { _ = disk.Remove(filepath.Join(logDir, newest)) },
			"cut short":      func(disk *vfs.Mem, newest string) { truncate(t, disk, newest, pageBytes+blockHeaderBytes) },
			"without header": func(disk *vfs.Mem, newest string) { overwrite(t, disk, newest, 0, slices.Repeat([]byte{7}, pageBytes)) },
		} {
			p := newPatient(t, seed, seed%2 == 0)
			disk := p.copy()
			harm(disk, p.chain[len(p.chain)-1].name)
			l, err := open(disk, logDir, p.opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(l.groups) == 0 {
				t.Errorf("%s: no groups", name)
			}
			for id, g := range l.groups {
				if g.damage == nil {
					t.Errorf("seed %d: %s: group %d is not refused", seed, name, id)
				}
			}
		}
	})
}

// A refused group stays refused, through new segments and restarts, and keeps what is needed to look into it, until it is
// dropped. The others go on meanwhile.
func TestARefusedGroupStaysRefusedUntilDropped(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		p := newPatient(t, seed, true)
		broken := p.chain[1]
		disk := p.copy()
		if err := disk.Remove(filepath.Join(logDir, broken.name)); err != nil {
			t.Fatal(err)
		}
		l, err := open(disk, logDir, p.opts)
		if err != nil {
			t.Fatal(err)
		}
		ill, first := refusedGroups(l), l.segments[0].number
		if len(ill) == 0 {
			return // nobody had anything there
		}
		for range 3 {
			fillSegments(t, l, 99, 3)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if l, err = open(disk, logDir, p.opts); err != nil {
				t.Fatal(err)
			}
			if got := refusedGroups(l); !slices.Equal(got, ill) {
				t.Fatalf("seed %d: refused are %v and were %v", seed, got, ill)
			}
			if l.segments[0].number != first {
				t.Fatalf("seed %d: segment %d was released", seed, first)
			}
		}
		for _, id := range ill {
			if _, err := l.TryCommit(&Batch{Records: []Record{{Kind: HardState, Group: id, Term: 1 << 40}}}); !isDamage(err, id) {
				t.Fatalf("an append to a refused group: %v", err)
			}
			if _, err := l.TryCommit(&Batch{Records: []Record{{Kind: Drop, Group: id}}}); err != nil {
				t.Fatal(err)
			}
		}
		fillSegments(t, l, 99, 3)
		if l, err = open(disk.Crash(vfs.Policy{}), logDir, p.opts); err != nil {
			t.Fatal(err)
		}
		if got := refusedGroups(l); len(got) > 0 {
			t.Fatalf("seed %d: %v are refused after they were dropped", seed, got)
		}
	})
}

func refusedGroups(l *Log) (ids []uint64) {
	for _, g := range l.Groups() {
		if g.Damage != nil {
			ids = append(ids, g.ID)
		}
	}
	return ids
}
