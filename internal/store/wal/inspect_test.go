package wal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"myelin/internal/vfs"
)

// Inspect finds what Open finds, on whole logs, damaged ones, and what crashes leave, and touches nothing.
func TestInspectFindsWhatOpenFinds(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, small)
		w.quiet = true
		for range 40 {
			w.step()
		}
		torn := w.disk.Crash(vfs.PowerLoss(seed))
		p := newPatient(t, seed, seed%2 == 0)
		broken := p.copy()
		k := p.chain[w.rng.IntN(len(p.chain))]
		overwrite(t, broken, k.name, w.rng.Int64N(k.limit/512)*512, slices.Repeat([]byte{0xa5}, 512))
		for what, disk := range map[string]*vfs.Mem{"torn": torn, "whole": p.copy(), "broken": broken} {
			still := vfs.NewFault(disk)
			looked, err := Inspect(still, logDir, w.opts)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			seen, err := contents(looked)
			if err != nil {
				t.Fatal(err)
			}
			if n := still.Count(vfs.OpChange | vfs.OpLock); n > 0 {
				t.Fatalf("%s: %d changes", what, n)
			}
			opened, err := open(disk, logDir, w.opts)
			if err != nil {
				t.Fatal(err)
			}
			want, err := contents(opened)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(seen, want) || !reflect.DeepEqual(looked.Damages(), opened.Damages()) || !reflect.DeepEqual(looked.Groups(), opened.Groups()) {
				t.Fatalf("%s: seen %v, %v\nopened %v, %v", what, seen, looked.Damages(), want, opened.Damages())
			}
			a, b := looked.Cut(), opened.Cut()
			if (a == nil) != (b == nil) || a != nil && (a.File != b.File || a.Offset != b.Offset || a.Bytes != b.Bytes) {
				t.Fatalf("%s: cut %+v and %+v", what, a, b)
			}
		}
	})
}

func TestAnInspectedLogTakesNothing(t *testing.T) {
	p := newPatient(t, 1, true)
	l, err := Inspect(p.disk, logDir, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	var answer error
	l.Append(&Batch{Records: []Record{lead(99, 1)}, Done: func(err error) { answer = err }})
	if !errors.Is(answer, ErrClosed) {
		t.Fatal(answer)
	}
	if done, _ := l.TryCommit(&Batch{Records: []Record{lead(99, 1)}}); done {
		t.Fatal("it takes a commit")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(p.disk, filepath.Join(logDir, "nowhere"), p.opts); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// Of a refused group, what stands before the damage can be read. Opened for use, the log gives nothing of it.
func TestInspectReadsWhatIsLeftOfARefusedGroup(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "a"), entry(1, 1, 2, "b"))
	commitNow(t, m.Log, lead(2, 1), entry(2, 1, 1, "of another"))
	at := m.active().end + blockHeaderBytes
	commitNow(t, m.Log, entry(1, 1, 3, "is lost"), entry(1, 1, 4, "c"))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	flipBit(t, m.disk, filepath.Join(logDir, m.active().name), (at+recordHeaderBytes)*8)
	l, err := Inspect(m.disk, logDir, m.opts)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	if err := l.Replay(func(r Record) error { read = append(read, string(r.Data)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read, []string{"a", "b", "of another"}) || !slices.Equal(refusedGroups(l), []uint64{1}) {
		t.Fatalf("read %q, refused are %v", read, refusedGroups(l))
	}
	m.restart()
	if indexes, _ := m.entries(1); len(indexes) > 0 {
		t.Fatalf("a refused group gives %v", indexes)
	}
}
