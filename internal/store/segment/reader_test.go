package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// Reading on gives what Read gives, whatever was read before, in files that are plain and packed and still grow.
func TestReader(t *testing.T) {
	for _, c := range []struct {
		compress bool
		fs       vfs.FS
		dir      string
	}{{false, vfs.NewMem(), dir}, {true, vfs.NewMem(), dir}, {false, vfs.OS{}, t.TempDir()}, {true, vfs.OS{}, t.TempDir()}} {
		t.Run(fmt.Sprintf("%T compress=%v", c.fs, c.compress), func(t *testing.T) {
			set, _, err := Open(c.fs, c.dir, Options{SegmentBytes: 16 << 10, Compress: c.compress})
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			r := set.Reader()
			defer r.Close()
			seq, wrote, onward := uint64(1), uint64(0), 0
			for range 5000 {
				if rng.IntN(10) == 0 {
					var batch []Record
					for range 1 + rng.IntN(40) {
						wrote += 1 + uint64(rng.IntN(10)/8*rng.IntN(200)) // with gaps
						batch = append(batch, record(wrote, 1))
					}
					if err := set.Write(batch); err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(20) == 0 {
					seq = rng.Uint64N(wrote + 2)
				}
				want, _, wantErr := set.Read(seq, nil)
				got, err := r.Read(seq)
				if errors.Is(err, ErrNotFound) != errors.Is(wantErr, ErrNotFound) || err == nil && !same(got, &want) {
					t.Fatalf("%d: %v %v, want %v %v", seq, got.Seq, err, want.Seq, wantErr)
				}
				if r.opened != nil {
					onward++
				}
				seq += 1 + uint64(rng.IntN(10)/9*rng.IntN(90))
			}
			if onward < 100 {
				t.Errorf("read on %d times only", onward)
			}
		})
	}
}

// Reading here and there gives what Read gives while files are written, erased in and dropped, and what was mapped is
// given up when nobody reads through it for a while.
func TestReaderJumps(t *testing.T) {
	const total = 4000
	now := clock.NewFake(time.Unix(1e9, 0))
	cache := NewCache(now, 64, 1<<20)
	set, _, err := Open(vfs.OS{}, t.TempDir(), Options{SegmentBytes: 256 << 10, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	r, other := set.Reader(), set.Reader()
	erased := map[uint64]bool{}
	for wrote := uint64(0); wrote < total; {
		var batch []Record
		for range 200 {
			wrote++
			batch = append(batch, record(wrote, 1))
		}
		if err := set.Write(batch); err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= wrote; seq += 1 + rng.Uint64N(200) {
			got, err := []*Reader{r, other}[rng.IntN(2)].Read(seq)
			if want := record(seq, 1); errors.Is(err, ErrNotFound) != erased[seq] || err == nil && !same(got, &want) {
				t.Fatalf("%d of %d: %v %v", seq, wrote, got.Seq, err)
			}
		}
		if seq := 1 + rng.Uint64N(wrote); !erased[seq] {
			if err := set.Erase(seq); err != nil {
				t.Fatal(err)
			}
			erased[seq] = true
		}
	}
	if mapped(cache) == 0 {
		t.Error("nothing was mapped")
	}
	r.Close()
	now.Advance(2 * unmapAfter)
	if mapped(cache) != 1 {
		t.Errorf("%d files are mapped while one is read", mapped(cache))
	}
	other.Close()
	now.Advance(2 * unmapAfter)
	if mapped(cache) > 0 || cache.mappedBytes != 0 || cache.resting {
		t.Errorf("%d files, %d bytes are still mapped", mapped(cache), cache.mappedBytes)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
}

func mapped(c *Cache) (n int) {
	for _, o := range c.held {
		if o.mapping != nil {
			n++
		}
	}
	return n
}

// Many records that are looked up in a file one by one are read through a mapping, which is given up between efforts.
func TestLookupsMap(t *testing.T) {
	const total = 4000
	now := clock.NewFake(time.Unix(1e9, 0))
	cache := NewCache(now, 64, 1<<20)
	set, _, err := Open(vfs.OS{}, t.TempDir(), Options{SegmentBytes: 1 << 20, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	var batch []Record
	for seq := range uint64(total) {
		batch = append(batch, record(1+seq, 1))
	}
	if err := set.Write(batch); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var buf []byte
	look := func(times int) {
		t.Helper()
		for range times {
			seq := 1 + rng.Uint64N(total)
			want := record(seq, 1)
			var got Record
			if got, buf, err = set.Read(seq, buf); err != nil || !same(&got, &want) {
				t.Fatalf("%d: %d, %v", seq, got.Seq, err)
			}
		}
	}
	for range 3 {
		if look(lookupsToMap); mapped(cache) > 0 {
			t.Error("few lookups map a file")
		}
		for range 3 {
			if look(100); mapped(cache) != 1 || cache.mappedBytes != 1<<20 {
				t.Errorf("%d files are mapped, %d bytes", mapped(cache), cache.mappedBytes)
			}
			now.Advance(unmapAfter)
		}
		now.Advance(unmapAfter)
		if mapped(cache) > 0 || cache.mappedBytes != 0 || cache.resting {
			t.Errorf("%d files, %d bytes are still mapped", mapped(cache), cache.mappedBytes)
		}
	}
	look(100)
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if cache.mappedBytes != 0 {
		t.Errorf("%d bytes are mapped of a set that is closed", cache.mappedBytes)
	}
}

// The search of an index finds what a plain one finds, however sequences and gaps are spread.
func TestIndexSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		var x index
		seq, gap := rng.Uint64N(1000), 1+rng.Uint64N(50)
		for range rng.IntN(200) {
			if rng.IntN(20) == 0 {
				gap = 1 + rng.Uint64N(1<<rng.IntN(40))
			}
			seq += 1 + rng.Uint64N(gap)
			x = append(x, entry{seq, int64(len(x)+1) * indexSpacing})
		}
		for range 200 {
			at := rng.Uint64N(seq + seq/4 + 2)
			want := slices.IndexFunc(x, func(e entry) bool { return e.seq > at })
			if want < 0 {
				want = len(x)
			}
			if got := x.behind(at); got != want {
				t.Fatalf("%d is before entry %d, not %d, of %v", at, want, got, x)
			}
		}
	}
}
