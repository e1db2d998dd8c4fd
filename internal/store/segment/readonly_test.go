package segment

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"myelin/internal/vfs"
)

// contents is all that a set shows: records, and damages by place.
func contents(t *testing.T, set *Set, damages []Damage) (seen []uint64, places []string) {
	t.Helper()
	for from := uint64(0); ; {
		err := set.Scan(from, func(r *Record) bool { seen = append(seen, r.Seq); return true })
		var d *Damage
		if err == nil || errors.As(err, &d) && d.Next <= from {
			break
		}
		if !errors.As(err, &d) {
			t.Fatal(err)
		}
		from = d.Next
	}
	for i := range damages {
		places = append(places, damages[i].Error())
	}
	return seen, places
}

// A set that is opened for reading only shows what one shows that may cut and tidy up, and touches nothing.
func TestReadOnlyShowsTheSame(t *testing.T) {
	seeds(t, 30, func(t *testing.T, seed uint64) {
		disk, m := written(t, seed, seed%4 == 3, seed%2 == 0)
		for i := range m.records {
			if i%3 > 0 {
				m.kill(&m.records[i])
			}
		}
		if seed%2 > 0 {
			for range m.rng.IntN(20) {
				m.write()
			}
			m.clean()
		}
		names, err := disk.List(dir)
		m.ok(err)
		disk = disk.Crash(vfs.PowerLoss(seed))
		if seed%3 == 0 {
			name := filepath.Join(dir, names[m.rng.IntN(len(names))])
			if data, err := vfs.ReadFile(disk, name); err == nil && len(data) > 0 {
				data[m.rng.IntN(len(data))] ^= 4
				m.ok(vfs.WriteFile(disk, name, data))
			}
		}
		m.ok(vfs.WriteFile(disk, filepath.Join(dir, "00000000000000000001-00000000ff.seg.tmp"), []byte("unfinished")))
		still := vfs.NewFault(disk)
		options := m.options
		options.ReadOnly = true
		looked, damages, err := Open(still, dir, options)
		m.ok(err)
		seen, places := contents(t, looked, damages)
		for what, err := range map[string]error{
			"write": looked.Write([]Record{record(looked.Last()+1, 1)}), "sync": looked.Sync(), "rest": looked.Rest(),
			"drop": looked.Drop(1 << 40), "erase": looked.Erase(1),
		} {
			if !errors.Is(err, ErrReadOnly) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := looked.Clean(m.live()); !errors.Is(err, ErrReadOnly) {
			t.Errorf("clean: %v", err)
		}
		m.ok(looked.Close())
		if n := still.Count(vfs.OpChange); n > 0 {
			t.Fatalf("%d changes", n)
		}
		opened, damages, err := Open(disk, dir, m.options)
		m.ok(err)
		want, wantPlaces := contents(t, opened, damages)
		if !reflect.DeepEqual(seen, want) || !reflect.DeepEqual(places, wantPlaces) || looked.Last() != opened.Last() {
			t.Fatalf("seen %v, %q\nopened %v, %q", seen, places, want, wantPlaces)
		}
	})
}

// The stream is known from any whole header.
func TestIdentify(t *testing.T) {
	disk, m := written(t, 1, false, true)
	names, err := disk.List(dir)
	m.ok(err)
	m.ok(vfs.WriteFile(disk, filepath.Join(dir, names[0]), []byte("no header")))
	m.ok(vfs.WriteFile(disk, filepath.Join(dir, "0.txt"), nil))
	if id, ok, err := Identify(disk, dir); err != nil || !ok || id != m.options.Stream {
		t.Fatal(id, ok, err)
	}
	for _, name := range names[1:] {
		m.ok(disk.Remove(filepath.Join(dir, name)))
	}
	for _, where := range []string{dir, "nowhere"} {
		if id, ok, err := Identify(disk, where); err != nil || ok {
			t.Fatal(id, ok, err)
		}
	}
}
