package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// Readers see every live record, whole, while others write, clean and drop; with a cache that is far too small.
func TestReadsDuringEverything(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			cache := NewCache(clock.Real{}, 2, 500)
			set, _, err := Open(vfs.NewMem(), dir, Options{SegmentBytes: 8 << 10, Compress: compress, Cache: cache})
			if err != nil {
				t.Fatal(err)
			}
			const total = 6000
			var written, dropped atomic.Uint64
			var readers, keeper sync.WaitGroup
			// One in three lives, until it is dropped from the front.
			live := func(from uint64) (uint64, bool) { return max((from+2)/3*3, (dropped.Load()+2)/3*3), true }
			for n := range 3 {
				readers.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(n), 0))
					var buf []byte
					ahead := set.Reader()
					defer ahead.Close()
					for written.Load() < total {
						low, high := dropped.Load(), written.Load()
						if high-low < 8 {
							runtime.Gosched()
							continue
						}
						seq := (low + 3 + rng.Uint64N(high-low-6)) / 3 * 3
						var r Record
						var err error
						r, buf, err = set.Read(seq, buf)
						want := record(seq, 1)
						if err != nil && seq >= dropped.Load() || err == nil && !same(&r, &want) {
							t.Errorf("read %d of %d to %d: %v", seq, low, high, err)
							return
						}
						for next := seq; next < min(seq+90, high); next += 3 {
							r, err := ahead.Read(next)
							if want := record(next, 1); err != nil && next >= dropped.Load() || err == nil && !same(r, &want) {
								t.Errorf("read on to %d of %d to %d: %v", next, low, high, err)
								return
							}
						}
						count := 0
						last := seq - 1
						err = set.Scan(seq, func(r *Record) bool {
							want := record(r.Seq, 1)
							if r.Seq <= last || !same(r, &want) {
								t.Errorf("scan shows %d after %d", r.Seq, last)
							}
							last = r.Seq
							count++
							return count < 50
						})
						if err != nil {
							t.Errorf("scan from %d: %v", seq, err)
							return
						}
					}
				})
			}
			keeper.Go(func() {
				for seq := uint64(1); written.Load() < total; {
					for ; seq < written.Load(); seq++ {
						if r := record(seq, 1); seq%3 > 0 {
							set.Dead(seq, r.size())
						}
					}
					if _, err := set.Clean(live); err != nil {
						t.Errorf("clean: %v", err)
						return
					}
					if before := written.Load(); before > 3000 {
						dropped.Store(before - 3000)
						if err := set.Drop(before - 3000); err != nil {
							t.Errorf("drop: %v", err)
							return
						}
					}
				}
			})
			for seq := uint64(1); seq <= total; seq += 20 {
				var batch []Record
				for n := range uint64(20) {
					batch = append(batch, record(seq+n, 1))
				}
				if err := set.Write(batch); err != nil {
					t.Fatal(err)
				}
				written.Store(seq + 19)
				if seq%100 == 1 {
					if err := set.Rest(); err != nil {
						t.Fatal(err)
					}
				}
			}
			readers.Wait()
			keeper.Wait()
			if err := set.Close(); err != nil {
				t.Fatal(err)
			}
			if len(cache.held) > 0 || cache.indexBytes != 0 || cache.recent.Len() > 0 {
				t.Fatalf("the cache holds %d files and %d bytes of a closed set", len(cache.held), cache.indexBytes)
			}
			if _, _, err := set.Read(total, nil); !errors.Is(err, ErrClosed) {
				t.Fatalf("read after close: %v", err)
			}
		})
	}
}

// A reader that meets a record half erased sees it whole or not at all, and no damage.
func TestReadsDuringErase(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			disk := vfs.NewMem()
			m := newModel(t, disk, rand.New(rand.NewPCG(1, 0)), Options{SegmentBytes: 16 << 10, Compress: compress})
			for range 40 {
				m.write()
			}
			var started [100]atomic.Uint64
			erasing := func(seq uint64) bool {
				for i := range started {
					if started[i].Load() == seq {
						return true
					}
				}
				return false
			}
			var done atomic.Bool
			var readers sync.WaitGroup
			for n := range 3 {
				readers.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(n), 9))
					var buf []byte
					for !done.Load() {
						want := &m.records[rng.IntN(len(m.records))]
						var got Record
						var err error
						got, buf, err = m.set.Read(want.Seq, buf)
						if err == nil && !same(&got, want) || err != nil && !(errors.Is(err, ErrNotFound) && erasing(want.Seq)) {
							t.Errorf("read %d: %v", want.Seq, err)
						}
						if err := m.set.Scan(want.Seq, func(*Record) bool { return true }); err != nil {
							t.Errorf("scan from %d: %v", want.Seq, err)
						}
					}
				})
			}
			for i := range started {
				seq := m.records[m.rng.IntN(len(m.records))].Seq
				started[i].Store(seq)
				m.erased[seq], m.dead[seq] = true, true
				if err := m.set.Erase(seq); err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("erase %d: %v", seq, err)
				}
			}
			done.Store(true)
			readers.Wait()
			m.check(m.set, m.last)
			if damages, err := m.set.Check(); err != nil || len(damages) > 0 {
				t.Fatal(err, damages)
			}
		})
	}
}

// The cache keeps to its bounds whatever is read.
func TestCacheIsBounded(t *testing.T) {
	disk, m := written(t, 5, false, true)
	cache := NewCache(clock.Real{}, 3, 1<<20)
	m.options.Cache = cache
	set, _, err := Open(disk, dir, m.options)
	m.ok(err)
	for range 500 {
		r := &m.records[m.rng.IntN(len(m.records))]
		if got, _, err := set.Read(r.Seq, nil); err != nil || !same(&got, r) {
			t.Fatal(err)
		}
		if len(cache.held) > 3 || cache.recent.Len() != len(cache.held) {
			t.Fatalf("%d files are open", len(cache.held))
		}
	}
}

// openFiles counts the files that are open.
type openFiles struct {
	vfs.FS
	open, ever int
}

type countedFile struct {
	vfs.File
	of *openFiles
}

func (o *openFiles) count(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	o.open++
	o.ever++
	return countedFile{f, o}, nil
}

func (o *openFiles) Open(name string) (vfs.File, error)   { return o.count(o.FS.Open(name)) }
func (o *openFiles) Create(name string) (vfs.File, error) { return o.count(o.FS.Create(name)) }
func (o *openFiles) OpenReadWrite(name string) (vfs.File, error) {
	return o.count(o.FS.OpenReadWrite(name))
}

func (f countedFile) Close() error {
	f.of.open--
	return f.File.Close()
}

// Ten thousand empty streams cost a few hundred bytes each: no file, no directory, no goroutine. Streams at
// rest have no file open either.
func TestIdleStreamsCostNothing(t *testing.T) {
	files := &openFiles{FS: vfs.NewMem()}
	cache := NewCache(clock.Real{}, 64, 1<<20)
	const count = 10_000
	sets := make([]*Set, count)
	goroutines := runtime.NumGoroutine()
	before := heap()
	for i := range sets {
		set, _, err := Open(files, fmt.Sprintf("data/%d", i), Options{Stream: [16]byte{byte(i), byte(i >> 8)}, Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		sets[i] = set
	}
	each := (heap() - before) / count
	t.Logf("%d bytes for each empty set", each)
	if each > 600 || files.ever > 0 || runtime.NumGoroutine() > goroutines {
		t.Fatalf("%d bytes for each, %d files opened, %d goroutines", each, files.ever, runtime.NumGoroutine()-goroutines)
	}
	if _, err := files.Stat("data"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a directory was made: %v", err)
	}
	for _, set := range sets[:100] {
		if err := errors.Join(set.Write([]Record{record(1, 1), record(2, 1)}), set.Rest()); err != nil {
			t.Fatal(err)
		}
	}
	if files.open != 0 {
		t.Fatalf("%d files are open at rest", files.open)
	}
	for _, set := range sets {
		if err := set.Close(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.KeepAlive(sets)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
