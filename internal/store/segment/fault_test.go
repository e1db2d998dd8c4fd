package segment

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"myelin/internal/vfs"
)

// Each operation that writes fails once, in a random history: everything stays readable, nothing more is
// written, and the set that is opened then has all that was synced and goes on.
func TestFailedWrites(t *testing.T) {
	seeds(t, 30, func(t *testing.T, seed uint64) {
		for skip := 2; skip < 60; skip += 1 + int(seed%3) {
			disk := vfs.NewMem()
			process := vfs.NewFault(disk)
			options := Options{SegmentBytes: 4096, Compress: seed%3 == 2}
			m := newModel(t, process, rand.New(rand.NewPCG(seed, 0)), options)
			cause := []error{syscall.EIO, syscall.ENOSPC}[skip%2]
			process.Inject(vfs.Rule{Kinds: vfs.OpWrite | vfs.OpSync | vfs.OpSyncDir | vfs.OpCreate, Skip: skip, Times: 1, Err: cause, Partial: skip * 7})
			certain, failed := uint64(0), error(nil)
			for round := 0; failed == nil && round < 100; round++ {
				shown := m.set.Last()
				m.last = max(m.last, shown)
				batch := []Record{record(m.last+1, 1), record(m.last+2, 9)}
				m.last += 10
				m.records = append(m.records, batch...)
				if failed = m.set.Write(batch); failed == nil {
					certain = m.last
				} else {
					break
				}
				if m.rng.IntN(3) == 0 {
					if failed = m.set.Sync(); failed == nil {
						m.synced = m.last
					}
				}
			}
			if !errors.Is(failed, cause) || !errors.Is(failed, ErrFailed) {
				t.Fatalf("operation %d failed with %v: the set says %v", skip, cause, failed)
			}
			m.check(m.set, certain)
			ops := process.Count(vfs.OpChange)
			next := []Record{record(m.last+1, 1)}
			for _, err := range []error{m.set.Write(next), m.set.Sync(), m.set.Rest(), m.set.Erase(m.records[0].Seq)} {
				if !errors.Is(err, ErrFailed) {
					t.Fatalf("after a failure: %v", err)
				}
			}
			if process.Count(vfs.OpChange) != ops {
				t.Fatal("the disk was touched after a failure")
			}
			_ = m.set.Close()
			options = m.options
			options.Synced = m.synced
			set, _, err := Open(process, dir, options)
			m.ok(err)
			m.check(set, m.synced)
			kept := set.Last()
			m.ok(errors.Join(set.Write(next), set.Sync()))
			set, _, err = Open(disk.Crash(vfs.Policy{}), dir, options)
			m.ok(err)
			m.records = append(m.records, next...)
			if set.Last() != next[0].Seq {
				t.Fatalf("last is %d after a crash, was %d", set.Last(), next[0].Seq)
			}
			for _, r := range m.records {
				if r.Seq <= kept {
					if got, _, err := set.Read(r.Seq, nil); err != nil || !same(&got, &r) {
						t.Fatalf("sequence %d, found after the failure, is gone after the sync: %v", r.Seq, err)
					}
				}
			}
		}
	})
}

// The disk is full for a while: Clean fails without harm, also when it is what would make space, and goes
// on later.
func TestFullDisk(t *testing.T) {
	disk := vfs.NewMem()
	process := vfs.NewFault(disk)
	m := newModel(t, process, rand.New(rand.NewPCG(1, 0)), Options{SegmentBytes: 8 << 10})
	for range 60 {
		m.write()
	}
	m.sync()
	for i := range m.records {
		if i%3 > 0 {
			m.kill(&m.records[i])
		}
	}
	process.SetSpace(1000)
	if more, err := m.set.Clean(m.live()); !more || !vfs.IsFull(err) {
		t.Fatal(more, err)
	}
	m.check(m.set, m.last)
	if err := m.set.Write([]Record{{Seq: m.last + 1, Subject: []byte("a"), Body: make([]byte, 2000)}}); !vfs.IsFull(err) || !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	m.check(m.set, m.last)
	_ = m.set.Close()
	m.options.Synced = m.synced
	set, damages, err := Open(process, dir, m.options)
	if err != nil || len(damages) != 1 || damages[0].Cut == 0 {
		t.Fatal(err, damages)
	}
	process.SetSpace(-1)
	m.set = set
	m.clean()
	m.write()
	m.sync()
	m.check(m.set, m.last)
}

// An error of the disk while reading is no damage, and does not last. What cannot be read through a mapping is read
// otherwise.
func TestFailedReads(t *testing.T) {
	disk, m := written(t, 1, false, true)
	process := vfs.NewFault(disk)
	set, _, err := Open(process, dir, m.options)
	m.ok(err)
	for skip := range 4 {
		process.Inject(vfs.Rule{Kinds: vfs.OpRead | vfs.OpOpen, Skip: skip, Times: 2, Err: syscall.EIO})
		failures := 0
		for i := range m.records {
			r := &m.records[i]
			got, _, err := set.Read(r.Seq, nil)
			if errors.Is(err, syscall.EIO) {
				failures++
			} else if err != nil || !same(&got, r) {
				t.Fatal(err)
			}
		}
		if failures < 1 || failures > 2 || len(set.Damages()) > 0 {
			t.Fatalf("%d failures, damages %v", failures, set.Damages())
		}
		process.Heal()
	}
	process.Inject(vfs.Rule{Kinds: vfs.OpRead, Times: 1, Err: syscall.EIO})
	if err := set.Scan(0, func(*Record) bool { return true }); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if _, _, err := Open(process, dir, m.options); err != nil {
		t.Fatal(err)
	}
}
