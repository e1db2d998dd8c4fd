package wal

import (
	"errors"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// machine is a log on a disk that can be made to fail.
type machine struct {
	t     *testing.T
	disk  *vfs.Mem
	fs    *vfs.Fault
	clock *clock.Fake
	opts  Options
	*Log
}

func newMachine(t *testing.T, opts Options) *machine {
	m := &machine{t: t, disk: vfs.NewMem(), clock: clock.NewFake(time.Unix(1e9, 0)), opts: opts}
	m.opts.Clock = m.clock
	if err := errors.Join(m.disk.MakeDirs("store"), m.disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	m.restart()
	return m
}

// restart opens the log again, with all that was written.
func (m *machine) restart() {
	m.t.Helper()
	m.fs = vfs.NewFault(m.disk)
	l, err := open(m.fs, logDir, m.opts)
	if err != nil {
		m.t.Fatal(err)
	}
	m.Log = l
}

// crash opens the log again, with what was synced.
func (m *machine) crash() {
	m.t.Helper()
	m.disk = m.disk.Crash(vfs.Policy{})
	m.restart()
}

func (m *machine) try(records ...Record) error {
	return m.tryBatch(&Batch{Records: records})
}

func (m *machine) tryBatch(b *Batch) (err error) {
	m.t.Helper()
	b.Done = func(answer error) { err = answer }
	m.Append(b)
	m.gather()
	return err
}

// replayed is what the log gives after opening, as "group/index".
func (m *machine) entries(group uint64) (indexes []uint64, data []string) {
	m.t.Helper()
	err := m.Replay(func(r Record) error {
		if r.Group == group {
			indexes, data = append(indexes, r.Index), append(data, string(r.Data))
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return indexes, data
}

// A full disk refuses appends and nothing else: what is asked for with priority gets the reserve, and when there is space
// again all goes on.
func TestAFullDiskRefusesAndHeals(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1))
	m.maintain()
	m.fs.SetSpace(0)
	m.clock.Advance(time.Second)
	var err error
	index := uint64(0)
	for data := string(make([]byte, 1000)); err == nil; {
		if err = m.try(entry(1, 1, index+1, data)); err == nil {
			index++
		}
		m.maintain()
	}
	if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) || !m.Full() || m.Err() != nil {
		t.Fatalf("a full disk says %v, full is %v, and the log is %v", err, m.Full(), m.Err())
	}
	b := &Batch{Priority: true, Records: []Record{entry(1, 1, index+1, string(make([]byte, 2000)))}}
	if err := m.tryBatch(b); err != nil {
		t.Fatalf("with priority: %v", err)
	}
	index++
	if err := m.try(entry(1, 1, index+1, "x")); !errors.Is(err, ErrFull) {
		t.Fatalf("without priority the reserve is used: %v", err)
	}
	m.fs.SetSpace(-1)
	m.clock.Advance(retryEvery)
	if err := m.try(entry(1, 1, index+1, "x")); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	index++
	m.maintain()
	if m.Full() || m.pool.reserve == nil {
		t.Fatalf("full is %v, reserve %v", m.Full(), m.pool.reserve)
	}
	m.crash()
	if got, _ := m.entries(1); uint64(len(got)) != index {
		t.Fatalf("%d entries of %d", len(got), index)
	}
}

// A disk that is full for one large batch only, since all that is usual is in the pool, is found to have space again.
func TestAFullDiskHealsWithAFullPool(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1))
	m.maintain()
	m.spareWanted.Store(true)
	m.maintain()
	select {
	case <-m.tend: // which is done
	default:
	}
	m.fs.SetSpace(0)
	m.clock.Advance(time.Second)
	if err := m.try(entry(1, 1, 1, string(make([]byte, 4*small.SegmentBytes)))); !errors.Is(err, ErrFull) || !m.Full() {
		t.Fatalf("%v", err)
	}
	select {
	case <-m.tend:
	default:
		t.Fatal("nobody looks for space")
	}
	m.fs.SetSpace(-1)
	m.maintain()
	if m.Full() {
		t.Fatal("full for ever")
	}
}

// A checkpoint, which has priority, makes space on a full disk by itself.
func TestACheckpointMakesSpace(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1))
	m.maintain()
	m.fs.SetSpace(0)
	m.clock.Advance(time.Second)
	index := uint64(0)
	for round := range 20 {
		for data := string(make([]byte, 1000)); ; index++ {
			if err := m.try(entry(1, 1, index+1, data)); errors.Is(err, ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		b := &Batch{Priority: true, Records: []Record{{Kind: Checkpoint, Group: 1, Term: 1, Index: index}}}
		if err := m.tryBatch(b); err != nil {
			t.Fatalf("round %d: checkpoint: %v", round, err)
		}
	}
	if index < 200 {
		t.Fatalf("%d entries went through", index)
	}
}

// With no space from the start, a log opens, refuses, and heals.
func TestALogOpensOnAFullDisk(t *testing.T) {
	m := newMachine(t, small)
	m.fs.SetSpace(0)
	m.maintain()
	if err := m.try(lead(1, 1)); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v", err)
	}
	m.fs.SetSpace(-1)
	m.clock.Advance(retryEvery)
	if err := m.try(lead(1, 1)); err != nil {
		t.Fatal(err)
	}
}

// A write or a sync that fails ends the log: for those who waited, and for good. What was answered before is there after
// a restart.
func TestAFailedWriteOrSyncIsTheEnd(t *testing.T) {
	for _, kind := range []vfs.Kind{vfs.OpWrite, vfs.OpSync} {
		m := newMachine(t, small)
		commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "kept"))
		m.fs.Inject(vfs.Rule{Kinds: kind, Name: "*.wal", Times: 1, Err: syscall.EIO, Partial: 100})
		var answers []error
		for _, group := range []uint64{2, 3} {
			m.Append(&Batch{Records: []Record{lead(group, 1)}, Done: func(err error) { answers = append(answers, err) }})
		}
		m.gather()
		for _, err := range answers {
			if !errors.Is(err, ErrDead) || !errors.Is(err, syscall.EIO) {
				t.Errorf("%v: answered %v", kind, err)
			}
		}
		if len(answers) != 2 {
			t.Errorf("%v: %d answers", kind, len(answers))
		}
		m.fs.Heal()
		if err := m.try(entry(1, 1, 2, "after")); !errors.Is(err, ErrDead) {
			t.Errorf("%v: the dead log says %v", kind, err)
		}
		if _, err := m.TryCommit(&Batch{Records: []Record{entry(1, 1, 2, "after")}}); !errors.Is(err, ErrDead) {
			t.Errorf("%v: the dead log says %v in line", kind, err)
		}
		if !errors.Is(m.Err(), ErrDead) || !errors.Is(m.Close(), ErrDead) {
			t.Errorf("%v: the dead log seems alive", kind)
		}
		m.crash()
		if _, data := m.entries(1); !slices.Equal(data, []string{"kept"}) {
			t.Errorf("%v: after the restart there is %q", kind, data)
		}
	}
}

// An error while a segment is begun, at any operation, ends the log and loses nothing; while the pool is filled in the
// background, too.
func TestAFailureAtAnyOperation(t *testing.T) {
	for n := 0; ; n++ {
		m := newMachine(t, small)
		m.fs.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: n, Err: syscall.EIO})
		acked := uint64(0)
		err := m.try(lead(1, 1))
		for data := string(make([]byte, 1500)); err == nil && acked < 40; {
			if err = m.try(entry(1, 1, acked+1, data)); err == nil {
				acked++
			}
			m.maintain()
		}
		if err != nil && !errors.Is(err, ErrDead) {
			t.Fatalf("operation %d: %v", n, err)
		}
		m.crash()
		if got, _ := m.entries(1); uint64(len(got)) < acked || uint64(len(got)) > acked+1 || len(m.Damages()) > 0 {
			t.Fatalf("operation %d: %d entries of %d, damages %v", n, len(got), acked, m.Damages())
		}
		if err == nil {
			if n < 20 {
				t.Fatalf("only %d operations failed", n)
			}
			return
		}
	}
}

// A relaxed log answers before it syncs, and syncs when the time has come; a hard state it never answers unsynced.
func TestHardStatesAreSyncedInARelaxedLog(t *testing.T) {
	opts := small
	opts.SyncEvery = time.Second
	m := newMachine(t, opts)
	commitNow(t, m.Log, lead(1, 1))
	before := m.fs.Count(vfs.OpSync)
	commitNow(t, m.Log, entry(1, 1, 1, "a"))
	if m.fs.Count(vfs.OpSync) != before {
		t.Fatal("an entry was synced")
	}
	commitNow(t, m.Log, lead(2, 1))
	if m.fs.Count(vfs.OpSync) != before+1 {
		t.Fatal("a hard state was not synced")
	}
	commitNow(t, m.Log, entry(1, 1, 2, "b"))
	m.clock.Advance(time.Second)
	m.gather()
	if m.fs.Count(vfs.OpSync) != before+2 {
		t.Fatal("the time has come and nothing was synced")
	}
	commitNow(t, m.Log, entry(1, 1, 3, "c"))
	m.crash()
	if got, _ := m.entries(1); len(got) != 2 {
		t.Fatalf("after the crash there are %v", got)
	}
}

// What was written and never synced is cut, kept aside and reported; the log goes on behind it.
func TestTheTailIsKeptAside(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "kept"))
	s := m.active()
	end := s.end
	commitNow(t, m.Log, entry(1, 1, 2, "torn"))
	name := filepath.Join(logDir, s.name)
	overwrite(t, m.disk, s.name, end+blockHeaderBytes+recordHeaderBytes, []byte("TORN"))
	m.restart()
	cut := m.Cut()
	if cut == nil || cut.File != s.name || cut.Offset != end || cut.Bytes == 0 || cut.Err != nil {
		t.Fatalf("cut is %+v", cut)
	}
	whole, err := vfs.ReadFile(m.disk, name)
	if err != nil {
		t.Fatal(err)
	}
	aside, err := vfs.ReadFile(m.disk, filepath.Join(logDir, cut.Aside))
	if err != nil || string(aside) != string(whole[end:end+cut.Bytes]) {
		t.Fatalf("kept aside are %d bytes of %d: %v", len(aside), cut.Bytes, err)
	}
	commitNow(t, m.Log, entry(1, 1, 2, "again"))
	m.crash()
	if _, data := m.entries(1); !slices.Equal(data, []string{"kept", "again"}) || m.Cut() != nil {
		t.Fatalf("then there is %q, cut %+v", data, m.Cut())
	}
}

// What a log gives after the process died has not been synced yet, perhaps. Since others now rely on it, opening syncs it.
func TestWhatWasReadStays(t *testing.T) {
	opts := small
	opts.SyncEvery = time.Hour
	m := newMachine(t, opts)
	commitNow(t, m.Log, lead(1, 1))
	commitNow(t, m.Log, entry(1, 1, 1, "not synced"))
	for _, next := range []func(){m.restart, m.crash} {
		next()
		if _, data := m.entries(1); !slices.Equal(data, []string{"not synced"}) {
			t.Fatalf("there is %q", data)
		}
	}
}

// Where damage and the unsynced tail are one broken stretch, the part that had been synced is damage, and the rest is cut.
func TestDamageNextToTheTail(t *testing.T) {
	opts := small
	opts.SyncEvery = time.Hour
	m := newMachine(t, opts)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "synced"))
	s := m.active()
	first, synced := s.end-blockHeaderBytes-2*recordHeaderBytes-16, s.end
	commitNow(t, m.Log, entry(1, 1, 2, "torn"))
	commitNow(t, m.Log, entry(1, 1, 3, "whole"))
	overwrite(t, m.disk, s.name, first, slices.Repeat([]byte{0xa5}, blockHeaderBytes))
	overwrite(t, m.disk, s.name, synced, slices.Repeat([]byte{0xa5}, blockHeaderBytes))
	m.restart()
	if c := m.Cut(); c == nil || c.Offset != synced {
		t.Errorf("cut is %+v and not at %d", c, synced)
	}
	if d := m.Damages(); len(d) != 1 || d[0].Offset != first {
		t.Errorf("damages are %v and not at %d", d, first)
	}
}

// While the disk is slow nobody is made to wait for it in line.
func TestASlowDiskIsNotWaitedForInLine(t *testing.T) {
	m := newMachine(t, small)
	slow := time.Duration(0)
	m.fs.OnOp = func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			m.clock.Advance(slow)
		}
		return nil
	}
	inLine := func() bool {
		m.t.Helper()
		g := m.groups[1]
		b := &Batch{Records: []Record{entry(1, 1, g.last+1, "x")}}
		done, err := m.TryCommit(b)
		if !done {
			err = m.tryBatch(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	commitNow(t, m.Log, lead(1, 1))
	for _, step := range []struct {
		slow   time.Duration
		inLine bool
	}{{0, true}, {time.Second, true}, {time.Second, false}, {0, false}, {0, true}} {
		if slow = step.slow; inLine() != step.inLine {
			t.Errorf("with a sync of %v, in line is %v", step.slow, !step.inLine)
		}
	}
}
