package segment

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

// A random history of everything that a set can do is stopped before each operation that changes the disk,
// with the power gone: all that was synced must be there, nothing may count as damaged, and the set must
// take more.
func TestCrashAnywhere(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		disk := vfs.NewMem()
		process := vfs.NewFault(disk)
		options := Options{Stream: [16]byte{7}, SegmentBytes: 2048 << rng.IntN(4), Compress: seed%3 == 2}
		m := newModel(t, process, rng, options)
		ops := uint64(0)
		process.OnOp = func(op vfs.Op) error {
			if op.Kind&vfs.OpChange == 0 {
				return nil
			}
			if g := m.set.growing(); op.Kind&(vfs.OpWrite|vfs.OpTruncate) != 0 && len(m.fragile) == 0 &&
				filepath.Ext(op.Name) != ".tmp" && (g == nil || filepath.Base(op.Name) != g.name()) {
				t.Errorf("%s was sealed, and is written to", op.Name)
			}
			ops++
			policy := vfs.PowerLoss(seed<<32 + ops)
			if ops%4 == 0 {
				policy.Content, policy.Names = vfs.Lost, vfs.Lost
			}
			m.afterCrash(disk.Crash(policy), ops)
			return nil
		}
		for range 60 {
			m.step()
		}
		m.ok(m.set.Close())
		m.synced = m.last
		m.afterCrash(disk.Crash(vfs.Policy{}), 0)
	})
}

// afterCrash opens what a crash has left, with another crash in between at times.
func (m *model) afterCrash(disk *vfs.Mem, n uint64) {
	m.t.Helper()
	options := m.options
	if n%2 == 0 {
		options.Synced = m.synced
	}
	if n%5 == 0 {
		again := vfs.NewFault(disk)
		again.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: int(n/5) % 4, Err: vfs.ErrKilled})
		if set, _, err := Open(again, dir, options); err == nil {
			_ = set.Close()
		}
		disk = disk.Crash(vfs.PowerLoss(n))
	}
	set, damages, err := Open(disk, dir, options)
	m.ok(err)
	for i := range damages {
		if damages[i].Cut == 0 {
			m.t.Fatalf("after crash %d, synced %d: %v", n, m.synced, &damages[i])
		}
	}
	m.check(set, m.synced)
	m.ok(set.Erase(m.fragile...))
	for _, seq := range m.fragile {
		if _, _, err := set.Read(seq, nil); !errors.Is(err, ErrNotFound) {
			m.t.Fatalf("erased again, and reads as %v", err)
		}
	}
	next := record(max(set.Last(), m.last)+1, 1)
	m.ok(set.Write([]Record{next}))
	m.ok(set.Close())
	if set, damages, err = Open(disk.Crash(vfs.Policy{}), dir, options); err != nil || len(damages) > 0 {
		m.t.Fatal("open after a clean end:", err, damages)
	}
	if got, _, err := set.Read(next.Seq, nil); err != nil || !same(&got, &next) {
		m.t.Fatalf("read what was written after crash %d: %v", n, err)
	}
}
