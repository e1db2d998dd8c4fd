package segment

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/vfs"
)

// written returns a file system with a set of several files, closed or left after a Sync.
func written(t *testing.T, seed uint64, compress, closed bool) (*vfs.Mem, *model) {
	t.Helper()
	disk := vfs.NewMem()
	m := newModel(t, disk, rand.New(rand.NewPCG(seed, 0)), Options{Stream: [16]byte{7}, SegmentBytes: 4096, Compress: compress})
	for range 20 {
		m.write()
		if m.rng.IntN(2) == 0 {
			m.sync()
		}
	}
	m.sync()
	if closed {
		m.ok(m.set.Close())
	}
	return disk, m
}

// harm is what reading a set after some damage has shown.
type harm struct {
	lost    []uint64 // sequences of records that cannot be read
	damages []Damage
}

// examine opens a set, and reads it in all ways. Each record is whole or reported.
func (m *model) examine(fs vfs.FS, synced uint64) harm {
	m.t.Helper()
	options := m.options
	options.Synced = synced
	set, damages, err := Open(fs, dir, options)
	m.ok(err)
	defer func() { m.ok(set.Close()) }()
	seen := map[uint64]bool{}
	var d *Damage
	for from := uint64(0); ; from = d.Next {
		err := set.Scan(from, func(r *Record) bool { seen[r.Seq] = true; return true })
		if err == nil || errors.As(err, &d) && d.Next == 0 {
			break
		}
		if !errors.As(err, &d) || d.Next <= from {
			m.t.Fatalf("scan from %d: %v", from, err)
		}
	}
	h := harm{damages: damages}
	var buf []byte
	for i := range m.records {
		r := &m.records[i]
		var got Record
		got, buf, err = set.Read(r.Last(), buf)
		switch {
		case err == nil && !same(&got, r):
			m.t.Fatalf("sequence %d reads as %+v", r.Seq, got)
		case err == nil != seen[r.Seq]:
			m.t.Fatalf("sequence %d: read says %v, scan %v", r.Seq, err, seen[r.Seq])
		case err == nil:
			continue
		case !errors.As(err, &d) && len(damages) == 0:
			m.t.Fatalf("sequence %d is lost without a damage: %v", r.Seq, err)
		}
		h.lost = append(h.lost, r.Seq)
	}
	if all, err := set.Check(); err == nil {
		h.damages = all
	}
	for _, d := range h.damages {
		if d.File == "" || d.Err == nil {
			m.t.Fatalf("the damage %+v does not say where and what", d)
		}
	}
	return h
}

// A flipped bit anywhere is found and reported with its file; it costs the record or block that it is in,
// and no other.
func TestFlippedBit(t *testing.T) {
	seeds(t, 40, func(t *testing.T, seed uint64) {
		disk, m := written(t, seed, seed%4 == 3, seed%2 == 0)
		names, err := disk.List(dir)
		m.ok(err)
		name := names[m.rng.IntN(len(names))]
		data, err := vfs.ReadFile(disk, filepath.Join(dir, name))
		m.ok(err)
		at := m.rng.IntN(len(data))
		for _, at := range []int{at, m.rng.IntN(headerSize), len(data) - 1 - m.rng.IntN(trailerSize)} {
			harmed := disk.Crash(vfs.ProcessDeath)
			file, err := harmed.OpenReadWrite(filepath.Join(dir, name))
			m.ok(err)
			_, err = file.WriteAt([]byte{data[at] ^ 1<<m.rng.IntN(8)}, int64(at))
			m.ok(errors.Join(err, file.Close()))
			h := m.examine(harmed, m.synced)
			if len(h.damages) == 0 || h.damages[0].File != name || h.damages[0].Offset > int64(at) {
				t.Fatalf("bit of byte %d of %s: reported %v", at, name, h.damages)
			}
			if len(h.lost) > 1 && !m.options.Compress {
				t.Fatalf("bit of byte %d of %s: lost %v, %v", at, name, h.lost, h.damages)
			}
			again, err := vfs.ReadFile(harmed, filepath.Join(dir, name))
			if m.ok(err); len(again) < len(data) && len(h.lost) > 0 {
				t.Fatalf("bit of byte %d of %s: a file of %d bytes was cut to %d", at, name, len(data), len(again))
			}
		}
	})
}

// A file cut short keeps what is left of it; that records are missing at its end is known.
func TestTruncatedFile(t *testing.T) {
	seeds(t, 40, func(t *testing.T, seed uint64) {
		disk, m := written(t, seed, seed%4 == 3, seed%2 == 0)
		names, err := disk.List(dir)
		m.ok(err)
		name := names[m.rng.IntN(len(names))]
		file, err := disk.OpenReadWrite(filepath.Join(dir, name))
		m.ok(err)
		size, err := file.Size()
		m.ok(err)
		cut := m.rng.Int64N(size)
		m.ok(errors.Join(file.Truncate(cut), file.Close()))
		h := m.examine(disk, m.synced)
		if len(h.damages) == 0 || h.damages[0].File != name {
			t.Fatalf("%s was cut to %d of %d bytes: reported %v", name, cut, size, h.damages)
		}
		first, _, _ := parseName(name)
		for _, seq := range h.lost {
			if seq < first {
				t.Fatalf("%s was cut, and %d is lost", name, seq)
			}
		}
	})
}

// A file that is gone is missed as soon as the owner says what should live.
func TestMissingFile(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		disk, m := written(t, seed, false, true)
		names, err := disk.List(dir)
		m.ok(err)
		gone := m.rng.IntN(len(names))
		m.ok(disk.Remove(filepath.Join(dir, names[gone])))
		options := m.options
		options.Synced = m.synced
		set, damages, err := Open(disk, dir, options)
		if err != nil || len(damages) > 0 {
			t.Fatal(err, damages)
		}
		missing := set.Reconcile(func(first, last uint64) (bytes int64) {
			for i := range m.records {
				if r := &m.records[i]; r.Seq >= first && r.Seq <= last {
					bytes += r.size()
				}
			}
			return bytes
		})
		if len(missing) != 1 || !strings.Contains(missing[0].Error(), "no file holds sequences") {
			t.Fatalf("without %s of %v: %v", names[gone], names, missing)
		}
		if stats := set.Stats(); stats.DeadBytes != 0 {
			t.Fatalf("%d bytes count as dead", stats.DeadBytes)
		}
	})
}

// Files of another stream, of a later version, under a wrong name, or of no known kind are left alone.
func TestForeignFiles(t *testing.T) {
	disk, m := written(t, 1, false, true)
	names, err := disk.List(dir)
	m.ok(err)
	later := header{stream: m.options.Stream, generation: 900, first: 1 << 40}.append(nil)
	later[8] = version + 1
	sum := checksum(later[:60])
	later[60], later[61], later[62], later[63] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	copied, err := vfs.ReadFile(disk, filepath.Join(dir, names[1]))
	m.ok(err)
	foreign := map[string][]byte{
		newSegment(header{generation: 900, first: 1 << 40}).name(): later,
		newSegment(header{generation: 901, first: 1 << 41}).name(): copied,
		newSegment(header{generation: 902, first: 1 << 42}).name(): header{stream: [16]byte{9}, generation: 902, first: 1 << 42}.append(nil),
		"notes.txt": []byte("hello"),
	}
	for name, data := range foreign {
		m.ok(vfs.WriteFile(disk, filepath.Join(dir, name), data))
	}
	set, damages, err := Open(disk, dir, m.options)
	if err != nil || len(damages) != len(foreign) {
		t.Fatal(err, damages)
	}
	for _, d := range damages {
		if _, ok := foreign[d.File]; !ok || d.Cut > 0 {
			t.Errorf("reported %v", &d)
		}
	}
	if r, _, err := set.Read(m.records[0].Seq, nil); err != nil || !same(&r, &m.records[0]) {
		t.Fatal(err)
	}
	var d *Damage
	if _, _, err := set.Read(1<<40+5, nil); !errors.As(err, &d) {
		t.Fatalf("a sequence that the foreign file may hold: %v", err)
	}
	m.ok(set.Write([]Record{record(1<<43, 1)}))
	m.ok(set.Drop(1 << 43))
	for range 10 {
		_, err := set.Clean(func(uint64) (uint64, bool) { return 0, false })
		m.ok(err)
	}
	m.ok(set.Close())
	for name, want := range foreign {
		if got, err := vfs.ReadFile(disk, filepath.Join(dir, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
}
