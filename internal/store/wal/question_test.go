package wal

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"myelin/internal/vfs"
)

// Those who hold the log are named, and no others; when they have a checkpoint the log lets go of all but what
// was asked for.
func TestPinningNamesWhoHoldsTheLog(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(7, 1), entry(7, 1, 1, "pins"))
	commitNow(t, m.Log, lead(8, 1)) // a hard state pins nothing
	fillSegments(t, m.Log, 1, 2)
	commitNow(t, m.Log, lead(9, 1), entry(9, 1, 1, "in a later one"))
	fillSegments(t, m.Log, 1, 3)
	segments := len(m.segments)
	if got := m.Pinning(segments); got != nil {
		t.Fatalf("%v hold more than all", got)
	}
	if got := m.Pinning(segments - 1); !slices.Equal(got, []uint64{1, 7}) {
		t.Fatalf("the oldest segment is held by %v", got)
	}
	for _, n := range []int{0, 1} {
		if got := m.Pinning(n); !slices.Equal(got, []uint64{1, 7, 9}) {
			t.Fatalf("all but the newest are held by %v", got)
		}
	}
	for _, id := range m.Pinning(1) {
		g := m.groups[id]
		commitNow(t, m.Log, Record{Kind: Checkpoint, Group: id, Term: g.term, Index: g.last})
	}
	if len(m.segments) != 1 || m.Pinning(1) != nil {
		t.Fatalf("%d segments are left, held by %v", len(m.segments), m.Pinning(1))
	}
	live, total := m.Bytes()
	if live != m.active().end || total < m.active().size || m.Stats().Segments != 1 {
		t.Fatalf("%d of %d bytes, %+v", live, total, m.Stats())
	}
}

// A refused group holds everything, and a checkpoint would not help: it is not named.
func TestPinningDoesNotNameRefusedGroups(t *testing.T) {
	p := newPatient(t, 1, true)
	disk := p.copy()
	for _, k := range p.chain[:2] {
		if err := disk.Remove(logDir + "/" + k.name); err != nil {
			t.Fatal(err)
		}
	}
	l, err := open(disk, logDir, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	ill := refusedGroups(l)
	for _, id := range l.Pinning(1) {
		if slices.Contains(ill, id) {
			t.Fatalf("%d is refused, and named", id)
		}
	}
	if len(ill) == 0 {
		t.Fatal("nobody is refused")
	}
}

// In a relaxed log, what was answered may be lost, and what a Sync was answered for may not. A Sync with nothing before
// it is answered too, also on a full disk, and one that fails says so.
func TestSyncIsABarrier(t *testing.T) {
	opts := small
	opts.SyncEvery = time.Hour
	m := newMachine(t, opts)
	sync := func() error {
		var answers []error
		m.Sync(func(err error) { answers = append(answers, err) })
		m.gather()
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		return answers[0]
	}
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "with the hard state"))
	before := m.Stats()
	m.fs.SetSpace(0)
	commitNow(t, m.Log, entry(1, 1, 2, "before"))
	if err := sync(); err != nil {
		t.Fatal(err)
	}
	commitNow(t, m.Log, entry(1, 1, 3, "after"))
	after := m.Stats()
	if after.Syncs != before.Syncs+1 || after.Commits != before.Commits+2 || after.Records != before.Records+2 || after.Bytes <= before.Bytes {
		t.Fatalf("%+v\nbecame %+v", before, after)
	}
	m.crash()
	if indexes, _ := m.entries(1); !slices.Equal(indexes, []uint64{1, 2}) {
		t.Fatalf("entries %v are left", indexes)
	}
	commitNow(t, m.Log, entry(1, 1, 3, "again"))
	m.fs.Inject(vfs.Rule{Kinds: vfs.OpSync, Err: syscall.EIO})
	if err := sync(); !errors.Is(err, ErrDead) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("a sync that failed gives %v", err)
	}
	if err := sync(); !errors.Is(err, ErrDead) {
		t.Fatalf("the next gives %v", err)
	}
}

// A sync by the time that has come leaves nothing to do for the next barrier.
func TestSyncOfWhatIsSynced(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "a"))
	syncs := m.fs.Count(vfs.OpSync)
	m.Sync(func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	m.gather()
	if n := m.fs.Count(vfs.OpSync); n != syncs {
		t.Fatalf("%d syncs for nothing", n-syncs)
	}
}

// The longest sync is remembered, the last one too.
func TestSyncsAreTimed(t *testing.T) {
	m := newMachine(t, small)
	took := time.Duration(0)
	m.fs.OnOp = func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			m.clock.Advance(took)
		}
		return nil
	}
	commitNow(t, m.Log, lead(1, 1))
	for i, took2 := range []time.Duration{time.Millisecond, time.Second, time.Microsecond} {
		took = took2
		if err := m.try(entry(1, 1, uint64(i+1), "x")); err != nil {
			t.Fatal(err)
		}
	}
	if s := m.Stats(); s.LastSync != time.Microsecond || s.LongestSync != time.Second {
		t.Fatalf("%+v", s)
	}
}
