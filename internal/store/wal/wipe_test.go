package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"myelin/internal/vfs"
)

// holds returns the files of the log with a text in them.
func holds(t *testing.T, disk *vfs.Mem, text string) (names []string) {
	t.Helper()
	all, err := disk.List(logDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		data, err := vfs.ReadFile(disk, filepath.Join(logDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			names = append(names, name)
		}
	}
	return names
}

// wiped is a call of Wipe whose outcome can be looked at.
type wiped struct {
	answers int
	err     error
}

func (m *machine) wipe() *wiped {
	w := &wiped{}
	m.askWipe(func(err error) { w.answers, w.err = w.answers+1, err })
	m.maintain()
	return w
}

func (m *machine) checkpointAll() {
	m.t.Helper()
	for _, id := range m.Pinning(1) {
		g := m.groups[id]
		if err := m.tryBatch(&Batch{Priority: true, Records: []Record{{Kind: Checkpoint, Group: id, Term: g.lastTerm, Index: g.last}}}); err != nil {
			m.t.Fatal(err)
		}
	}
	m.maintain()
}

// What nobody needs any more is in no file when Wipe answers: neither in segments that were used again since,
// nor in spare ones, nor in what was cut. It waits for those who still need what stands beside it.
func TestWipeLeavesNothing(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		m := newMachine(t, small)
		for round := range 4 {
			text := fmt.Sprintf("needle of round %d", round)
			commitNow(t, m.Log, lead(1, uint64(round+1)), entry(1, uint64(round+1), uint64(round+1), text))
			fillSegments(t, m.Log, 2, seed)
			commitNow(t, m.Log, lead(3, uint64(round+1)), entry(3, uint64(round+1), uint64(round+1), "is needed"))
			if round == 2 { // the last one is torn, and cut with what it holds
				torn := m.active()
				commitNow(t, m.Log, entry(1, uint64(round+1), uint64(round+2), text+" and its end"))
				overwrite(t, m.disk, torn.name, torn.end-8, make([]byte, 8))
				m.restart()
				if m.Cut() == nil || len(holds(t, m.disk, text)) < 2 {
					t.Fatal("nothing was cut")
				}
			}
			m.maintain()
			commitNow(t, m.Log, Record{Kind: Checkpoint, Group: 1, Term: uint64(round + 1), Index: m.groups[1].last})
			w := m.wipe()
			if w.answers > 0 {
				t.Fatalf("wiped with entries of other groups beside it: %v", w.err)
			}
			if len(holds(t, m.disk, text)) == 0 {
				t.Fatal("there was nothing to wipe")
			}
			m.checkpointAll()
			if w.answers != 1 || w.err != nil {
				t.Fatalf("%d answers, %v", w.answers, w.err)
			}
			for what, disk := range map[string]*vfs.Mem{"": m.disk, " after a crash": m.disk.Crash(vfs.Policy{})} {
				if names := holds(t, disk, text); len(names) > 0 {
					t.Fatalf("round %d: %v hold it%s", round, names, what)
				}
			}
			if m.wiping {
				t.Fatal("it goes on overwriting")
			}
			commitNow(t, m.Log, entry(2, m.groups[2].term, m.groups[2].last+1, "goes on"))
			if round%2 == 1 {
				m.crash()
			}
		}
	})
}

// With nothing in the log, or nothing new since the last time, there is nothing to wait for and no segment to begin.
func TestWipeOfNothing(t *testing.T) {
	m := newMachine(t, small)
	if w := m.wipe(); w.answers != 1 || w.err != nil {
		t.Fatalf("an empty log: %+v", w)
	}
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "needle"), Record{Kind: Checkpoint, Group: 1, Term: 1, Index: 1})
	if w := m.wipe(); w.answers != 1 || w.err != nil || len(holds(t, m.disk, "needle")) > 0 {
		t.Fatalf("an idle log: %+v", w)
	}
	before := m.active().number
	if w := m.wipe(); w.answers != 1 || w.err != nil || m.active().number != before {
		t.Fatalf("the second time: %+v, in segment %d after %d", w, m.active().number, before)
	}
	m.crash()
	if g := m.groups[1]; g == nil || g.checkpointIndex != 1 || len(m.Damages()) > 0 {
		t.Fatalf("the group is %+v, %v", g, m.Damages())
	}
}

// Whatever keeps Wipe from its promise is its answer, given once; it can be asked for again.
func TestAWipeThatFails(t *testing.T) {
	begin := func() *machine {
		m := newMachine(t, small)
		m.maintain()
		commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "needle"))
		return m
	}
	t.Run("dead", func(t *testing.T) {
		m := begin()
		m.askWipe(func(error) {})
		m.fs.Inject(vfs.Rule{Kinds: vfs.OpSync, Err: syscall.EIO})
		if err := m.try(entry(1, 1, 2, "x")); err == nil {
			t.Fatal("synced")
		}
		if w := m.wipe(); w.answers != 1 || !errors.Is(w.err, ErrDead) {
			t.Fatalf("%+v", w)
		}
	})
	t.Run("closed", func(t *testing.T) {
		m := begin()
		w := m.wipe()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if w.answers != 1 || !errors.Is(w.err, ErrClosed) {
			t.Fatalf("%+v", w)
		}
		if w := (&wiped{}); true {
			m.Wipe(func(err error) { w.answers, w.err = w.answers+1, err })
			if w.answers != 1 || !errors.Is(w.err, ErrClosed) {
				t.Fatalf("after the end: %+v", w)
			}
		}
		if m.Pinning(1) != nil {
			t.Fatal("a closed log is held")
		}
	})
	t.Run("full", func(t *testing.T) {
		m := begin()
		m.fs.SetSpace(0)
		for m.pool.spare() != nil { // also none is left to begin another
		}
		w := m.wipe()
		if w.answers == 0 { // it could use the reserve
			m.checkpointAll()
		}
		if w.answers != 1 || w.err != nil && !errors.Is(w.err, ErrFull) {
			t.Fatalf("%+v", w)
		}
		m.fs.SetSpace(-1)
		m.clock.Advance(time.Second)
		w = m.wipe()
		m.checkpointAll()
		if w.answers != 1 || w.err != nil || len(holds(t, m.disk, "needle")) > 0 {
			t.Fatalf("when there is space: %+v", w)
		}
	})
	t.Run("overwriting", func(t *testing.T) {
		m := begin()
		w := m.wipe()
		name := m.segments[0].name
		m.fs.Inject(vfs.Rule{Kinds: vfs.OpWrite, Name: name, Err: syscall.EIO})
		m.checkpointAll()
		if w.answers != 1 || !errors.Is(w.err, syscall.EIO) {
			t.Fatalf("%+v", w)
		}
		if m.Err() != nil {
			t.Fatalf("the log is dead for it: %v", m.Err())
		}
	})
	t.Run("refused", func(t *testing.T) {
		p := newPatient(t, 1, true)
		disk := p.copy()
		if err := disk.Remove(filepath.Join(logDir, p.chain[1].name)); err != nil {
			t.Fatal(err)
		}
		l, err := open(disk, logDir, p.opts)
		if err != nil {
			t.Fatal(err)
		}
		var got error
		l.askWipe(func(err error) { got = err })
		l.maintain()
		var d *Damage
		if !errors.As(got, &d) || d.Group == 0 {
			t.Fatal(got)
		}
	})
}

// Many ask at once, while others append.
func TestWipesUnderLoad(t *testing.T) {
	l, err := Open(vfs.NewMem(), "wal", small)
	if err != nil {
		t.Fatal(err)
	}
	commitNow(t, l, lead(1, 1))
	answers := make(chan error, 20)
	for i := range uint64(20) {
		index := 2*i + 1
		appended := make(chan error, 1)
		l.Append(&Batch{Done: func(err error) { appended <- err }, Records: []Record{
			entry(1, 1, index, strings.Repeat("x", 3000)), entry(1, 1, index+1, "y"),
			{Kind: Checkpoint, Group: 1, Term: 1, Index: index + 1},
		}})
		l.Wipe(func(err error) { answers <- err })
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
