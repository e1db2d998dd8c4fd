package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// testKeys are none, one of each cipher, one that follows the first, and one of another store.
var testKeys = sync.OnceValue(func() []*seal.Keys {
	list := make([]*seal.Keys, 5)
	for i, k := range []struct {
		cipher        seal.Cipher
		key, previous string
	}{{seal.ChaCha20, "", ""}, {seal.ChaCha20, "first", ""}, {seal.AES, "first", ""}, {seal.AES, "second", "first"}, {seal.ChaCha20, "other", ""}} {
		keys, err := seal.New(k.cipher, k.key, k.previous)
		if err != nil {
			panic(err)
		}
		list[i] = keys
	}
	return list
})

// Nothing of what was appended can be read in any file of a sealed log, also not in what was cut from its end.
func TestNothingIsReadableInASealedLog(t *testing.T) {
	for _, keys := range testKeys()[1:3] {
		opts := small
		opts.Keys = keys
		m := newMachine(t, opts)
		commitNow(t, m.Log, lead(1, 1))
		for i := range uint64(50) {
			commitNow(t, m.Log, entry(1, 1, i+1, strings.Repeat("needle in a haystack ", 40)))
		}
		m.fs.Inject(vfs.Rule{Kinds: vfs.OpSync, Err: vfs.ErrKilled})
		if err := m.try(entry(1, 1, 51, "a needle")); err == nil {
			t.Fatal("synced")
		}
		overwrite(t, m.disk, m.active().name, m.active().end-16, make([]byte, 8)) // the last one is torn
		m.restart()
		if m.Cut() == nil || m.Cut().Aside == "" {
			t.Fatal("nothing was cut")
		}
		names, err := m.disk.List(logDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := vfs.ReadFile(m.disk, filepath.Join(logDir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("needle")) {
				t.Errorf("%s holds the text", name)
			}
		}
		if _, data := m.entries(1); len(data) != 50 || !strings.HasPrefix(data[49], "needle") {
			t.Fatalf("%d entries", len(data))
		}
	}
}

// Encryption is turned on, its key is changed, its cipher too, and it is turned off again: the log is read each
// time, and the last opening decides how it goes on.
func TestKeysOfALogChange(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 1))
	var want []uint64
	reopen := func(keys *seal.Keys) {
		t.Helper()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		m.opts.Keys = keys
		m.crash()
		if got, _ := m.entries(1); !slices.Equal(got, want) || len(m.Damages()) > 0 {
			t.Fatalf("entries %v instead of %v, %v", got, want, m.Damages())
		}
	}
	off, err := seal.New(seal.AES, "", "second")
	if err != nil {
		t.Fatal(err)
	}
	for round, keys := range []*seal.Keys{nil, testKeys()[1], testKeys()[2], testKeys()[3]} {
		reopen(keys)
		for range 5 {
			want = append(want, uint64(len(want)+1))
			commitNow(t, m.Log, entry(1, 1, uint64(len(want)), fmt.Sprintf("of round %d", round)))
		}
	}
	commitNow(t, m.Log, Record{Kind: Checkpoint, Group: 1, Term: 1, Index: 15}) // what the first key has sealed is gone
	want = want[15:]
	commitNow(t, m.Log, entry(1, 1, 21, "last"))
	want = append(want, 21)
	reopen(off)
	commitNow(t, m.Log, entry(1, 1, 22, "in plain"))
	want = append(want, 22)
	reopen(off)
}

// A key that is not the right one is said to be just that: no damage, nothing cut, nothing changed on the disk.
func TestAWrongKeyIsNoDamage(t *testing.T) {
	for closed := range 2 {
		w := newWorld(t, 1, small)
		w.quiet = true
		for range 60 {
			w.step()
		}
		if closed == 1 {
			if err := w.log.Close(); err != nil {
				t.Fatal(err)
			}
		}
		disk := w.disk.Crash(vfs.PowerLoss(3))
		opts := w.opts
		for _, keys := range []*seal.Keys{nil, testKeys()[4]} {
			fs := vfs.NewFault(disk)
			opts.Keys = keys
			_, err := open(fs, logDir, opts)
			if !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), segmentPrefix) {
				t.Fatalf("opened with a wrong key: %v", err)
			}
			if n := fs.Count(vfs.OpWrite | vfs.OpRename | vfs.OpRemove | vfs.OpTruncate | vfs.OpCreate); n > 0 {
				t.Fatalf("%d changes", n)
			}
		}
		l, err := open(disk, logDir, w.opts)
		if err != nil {
			t.Fatal(err)
		}
		w.judge(l)
	}
}

// An entry that somebody has put in the place of another, with all checksums made right, refuses its group.
func TestAForgedEntryRefusesItsGroup(t *testing.T) {
	opts := small
	opts.Keys = testKeys()[1]
	m := newMachine(t, opts)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "pay 1"), entry(1, 1, 2, "pay 2"))
	commitNow(t, m.Log, lead(2, 1), entry(2, 1, 1, "other"))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	s := m.active()
	name := filepath.Join(logDir, s.name)
	data, err := vfs.ReadFile(m.disk, name)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Clone(data)
	first := bytes.Index(data, []byte{0x4d, 0x42, 0x4c, 0x4b}) + blockHeaderBytes // the table is empty
	at := int64(first + blockHeaderBytes + recordHeaderBytes + hardStateBytes)
	h := decodeRecordHeader(data[at:])
	behind := at + recordHeaderBytes + int64(padded(int(h.length)))
	copy(data[at+recordHeaderBytes:behind], data[behind+recordHeaderBytes:])
	h.bodySum = checksum(0, data[at+recordHeaderBytes:at+recordHeaderBytes+int64(h.length)])
	h.put(data[at:], s.seed, at)
	if err := vfs.WriteFile(m.disk, name, data); err != nil {
		t.Fatal(err)
	}
	m.restart()
	if ill := refusedGroups(m.Log); !slices.Equal(ill, []uint64{1}) {
		t.Fatalf("refused are %v: %v", ill, m.Damages())
	}
	if d := m.Damages()[0]; d.Offset != at || d.Reason != seal.ErrForged.Error() {
		t.Fatalf("%v", d)
	}
}
