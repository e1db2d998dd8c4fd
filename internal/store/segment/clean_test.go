package segment

import (
	"errors"
	"math/rand/v2"
	"testing"

	"myelin/internal/vfs"
)

// ledger measures what a set does to its disk.
type ledger struct {
	*model
	process *vfs.Fault
	wrote   int64 // bytes by everything
	given   int64 // bytes of records given to Write
	first   int   // first record of the model that may live
}

func newLedger(t *testing.T, seed uint64, compress bool) *ledger {
	l := &ledger{process: vfs.NewFault(vfs.NewMem())}
	l.process.OnOp = func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			l.wrote += int64(op.Bytes)
		}
		return nil
	}
	l.model = newModel(t, l.process, rand.New(rand.NewPCG(seed, 0)), Options{SegmentBytes: 64 << 10, Compress: compress})
	return l
}

func (l *ledger) add(n int) {
	l.t.Helper()
	var batch []Record
	for range n {
		l.last++
		r := record(l.last, 1)
		l.given += r.size()
		batch = append(batch, r)
	}
	l.records = append(l.records, batch...)
	l.ok(l.set.Write(batch))
	l.ok(l.set.Sync())
}

// balance asserts the bounds of Clean: the disk holds less than twice what lives and one segment; and all
// that was ever written is at most twice what was given, and what the files need around their records.
func (l *ledger) balance() {
	l.t.Helper()
	for more := true; more; {
		var err error
		more, err = l.set.Clean(l.live())
		l.ok(err)
	}
	stats := l.set.Stats()
	names, err := l.process.List(dir)
	l.ok(err)
	disk := int64(0)
	for _, name := range names {
		info, err := l.process.Stat(dir + "/" + name)
		l.ok(err)
		disk += info.Size()
	}
	if disk != stats.DiskBytes || len(names) != stats.Files {
		l.t.Fatalf("%d bytes in %d files are there, %d in %d known", disk, len(names), stats.DiskBytes, stats.Files)
	}
	live := int64(0)
	for i := l.first; i < len(l.records); i++ {
		if r := &l.records[i]; !l.dead[r.Seq] {
			live += r.size()
		}
	}
	if want := stats.RecordBytes - stats.DeadBytes; want != live {
		l.t.Fatalf("%d bytes live by the account, %d in truth", want, live)
	}
	around := live/50 + int64(stats.Files)*512
	if limit := 2*(live+around) + l.options.SegmentBytes; disk > limit {
		l.t.Fatalf("%d bytes on the disk for %d live ones in %d files", disk, live, stats.Files)
	}
	if limit := 2*l.given + l.given/10 + l.options.SegmentBytes; l.wrote > limit {
		l.t.Fatalf("%d bytes were written for %d given", l.wrote, l.given)
	}
}

// Records die at random, some never.
func TestCleanRandomDeletes(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		l := newLedger(t, seed, seed%3 == 2)
		keep := l.rng.IntN(10) // of ten, so many are never deleted
		for round := range 60 {
			l.add(1 + l.rng.IntN(300))
			for range l.rng.IntN(400) {
				if r := &l.records[l.rng.IntN(len(l.records))]; int(r.Seq%10) >= keep {
					l.kill(r)
				}
			}
			if round%4 == 0 {
				l.balance()
			}
		}
		l.balance()
		l.check(l.set, l.last)
		t.Logf("seed %d: %d bytes given, %d written, %+v", seed, l.given, l.wrote, l.set.Stats())
	})
}

// A work queue: nearly everything dies in order, soon after it was written, but for a few messages that get
// stuck, for a while or for good; bursts are consumed from both ends.
func TestCleanWorkQueue(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		l := newLedger(t, seed, false)
		var stuck []int
		for round := range 120 {
			l.add(1 + l.rng.IntN(400))
			until := max(l.first, len(l.records)-l.rng.IntN(600))
			for i := l.first; i < until; i++ {
				if l.rng.IntN(200) == 0 {
					stuck = append(stuck, i)
				} else {
					l.kill(&l.records[i])
				}
			}
			for len(stuck) > 100 {
				l.kill(&l.records[stuck[0]])
				stuck = stuck[1:]
			}
			l.first = until
			if len(stuck) > 0 {
				l.first = stuck[0]
			}
			if round%3 == 0 {
				l.balance()
			}
		}
		l.balance()
		l.check(l.set, l.last)
		if stats := l.set.Stats(); stats.Files > 20 {
			t.Errorf("%d files hold %d records", stats.Files, stats.Records)
		}
		t.Logf("seed %d: %d bytes given, %d written, %+v", seed, l.given, l.wrote, l.set.Stats())
		for i := range l.records {
			l.kill(&l.records[i])
		}
		l.ok(l.set.Drop(l.last + 1))
		if stats := l.set.Stats(); stats.Files != 0 || l.set.Last() != l.last {
			t.Fatalf("%+v after everything was dropped, last is %d", stats, l.set.Last())
		}
	})
}

// What dies while its file is being rewritten is counted once.
func TestDeadDuringClean(t *testing.T) {
	l := newLedger(t, 1, false)
	l.add(3000)
	for i := range 900 {
		if i%10 > 2 {
			l.kill(&l.records[i])
		}
	}
	live, calls := l.live(), 0
	more, err := l.set.Clean(func(from uint64) (uint64, bool) {
		calls++
		if calls == 50 {
			for i := range 100 {
				l.kill(&l.records[i])
			}
		}
		return live(from)
	})
	if !more || err != nil || calls < 50 {
		t.Fatal(more, err, calls)
	}
	l.balance()
	l.check(l.set, l.last)
}

// Sealed files do not change, and the set opens to what it was with accounts that its owner restores.
func TestReconcile(t *testing.T) {
	l := newLedger(t, 3, false)
	l.add(2000)
	for range 700 {
		l.kill(&l.records[l.rng.IntN(len(l.records))])
	}
	before := l.set.Stats()
	l.ok(l.set.Close())
	set, damages, err := Open(l.process, dir, Options{SegmentBytes: 64 << 10, Synced: l.last})
	if err != nil || len(damages) > 0 {
		t.Fatal(err, damages)
	}
	missing := set.Reconcile(func(first, last uint64) (bytes int64) {
		for i := range l.records {
			if r := &l.records[i]; r.Seq >= first && r.Seq <= last && !l.dead[r.Seq] {
				bytes += r.size()
			}
		}
		return bytes
	})
	after := set.Stats()
	if after.DiskBytes = before.DiskBytes; len(missing) > 0 || after != before {
		t.Fatalf("%+v before, %+v after, missing %v", before, after, missing)
	}
	if err := set.Write([]Record{record(l.last, 1)}); !errors.Is(err, ErrOrder) {
		t.Fatalf("the last sequence again: %v", err)
	}
}

// A file that turns out to be damaged when it is rewritten stays as it is; the others are rewritten.
func TestCleanLeavesDamage(t *testing.T) {
	l := newLedger(t, 4, false)
	l.add(3000)
	names, err := l.process.List(dir)
	l.ok(err)
	name := dir + "/" + names[1]
	file, err := l.process.OpenReadWrite(name)
	l.ok(err)
	_, err = file.WriteAt([]byte("!!"), 30_000)
	l.ok(errors.Join(err, file.Close()))
	before, err := vfs.ReadFile(l.process, name)
	l.ok(err)
	for i := range l.records {
		if i%5 > 0 {
			l.kill(&l.records[i])
		}
	}
	found := 0
	for more := true; more; {
		more, err = l.set.Clean(l.live())
		if d := (*Damage)(nil); errors.As(err, &d) && d.File == names[1] {
			found++
		} else {
			l.ok(err)
		}
	}
	after, err := vfs.ReadFile(l.process, name)
	l.ok(err)
	if stats := l.set.Stats(); found != 1 || string(after) != string(before) || stats.DiskBytes > 3*l.options.SegmentBytes {
		t.Fatalf("found %d damages, the set is %+v", found, stats)
	}
}
