package segment

import (
	"math"
	"testing"

	"myelin/internal/vfs"
)

// An owner that says where records have died, and not which, has the same files rewritten in the end; what it does not
// name is not asked about.
func TestRecount(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MakeDirs("data"); err != nil {
		t.Fatal(err)
	}
	s, _, err := Open(fs, dir, Options{SegmentBytes: 4000})
	if err != nil {
		t.Fatal(err)
	}
	size := map[uint64]int64{}
	for seq := uint64(1); seq <= 200; seq++ {
		r := record(seq, 1)
		size[seq] = r.size()
		if err := s.Write([]Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	live := func(first, last uint64) (bytes int64) {
		asked++
		for seq := first; seq <= last; seq++ {
			if seq > 100 || seq%4 == 0 {
				bytes += size[seq]
			}
		}
		return bytes
	}
	next := func(from uint64) (uint64, bool) {
		if from <= 100 {
			from = (from + 3) &^ 3
		}
		return from, from <= 200
	}
	files := s.Stats().Files
	s.Recount(1, 10, live)
	if asked != 1 {
		t.Errorf("%d of %d files were asked about", asked, files)
	}
	s.Recount(1, math.MaxUint64, live)
	if dead, want := s.Stats().DeadBytes, s.Stats().RecordBytes-live(1, 200); dead != want {
		t.Errorf("%d bytes are dead, want %d", dead, want)
	}
	for more := true; more; {
		if more, err = s.Clean(next); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Stats().RecordBytes; got > live(1, 200)+4000 {
		t.Errorf("%d bytes of records are left of which %d live", got, live(1, 200))
	}
	for seq, ok := next(1); ok; seq, ok = next(seq + 1) {
		if r, _, err := s.Read(seq, nil); err != nil || r.Seq != seq {
			t.Fatalf("reading %d: %v", seq, err)
		}
	}
}
