package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

// An erased message is in no file any more, compressed or not, growing, resting or sealed, rewritten or not.
func TestEraseLeavesNothing(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed uint64) {
		disk := vfs.NewMem()
		rng := rand.New(rand.NewPCG(seed, 0))
		m := newModel(t, disk, rng, Options{SegmentBytes: 8 << 10, Compress: seed%2 == 1})
		needle := func(seq uint64) []byte { return fmt.Appendf(nil, "needle-%d-%x", seq, seq*0x9E3779B97F4A7C15) }
		for seq := uint64(1); seq <= 200; {
			var batch []Record
			for range 1 + rng.IntN(30) {
				r := record(seq, 1)
				r.Subject = append([]byte("s."), needle(seq)...)
				r.Body = append(append(r.Body, needle(seq)...), bytes.Repeat([]byte("filling"), 9)...)
				batch = append(batch, r)
				seq++
			}
			m.records, m.last = append(m.records, batch...), seq-1
			m.ok(m.set.Write(batch))
			if rng.IntN(4) == 0 {
				m.ok(m.set.Rest())
			}
		}
		for range 10 {
			r := &m.records[rng.IntN(len(m.records))]
			for range rng.IntN(20) {
				m.kill(&m.records[rng.IntN(len(m.records))])
			}
			m.kill(r)
			m.erased[r.Seq] = true
			if err := m.set.Erase(r.Seq); err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			if _, _, err := m.set.Read(r.Seq, nil); !errors.Is(err, ErrNotFound) {
				t.Fatalf("read of the erased sequence %d: %v", r.Seq, err)
			}
			for disk, what := range map[*vfs.Mem]string{disk: "file", disk.Crash(vfs.Policy{}): "file after a crash"} {
				names, err := disk.List(dir)
				m.ok(err)
				for _, name := range names {
					data, err := vfs.ReadFile(disk, filepath.Join(dir, name))
					m.ok(err)
					if bytes.Contains(data, needle(r.Seq)) {
						t.Fatalf("%s %s holds the erased sequence %d", what, name, r.Seq)
					}
				}
			}
			m.clean()
		}
		m.check(m.set, m.last)
		if damages, err := m.set.Check(); err != nil || len(damages) > 0 {
			t.Fatal(err, damages)
		}
	})
}
