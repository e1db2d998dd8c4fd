package segment

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// batch is about 1 MiB of records with bodies of a size, from a sequence on.
func batch(from uint64, body int) []Record {
	list := make([]Record, (1<<20)/(body+20))
	data := make([]byte, body)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for i := range list {
		list[i] = Record{Seq: from + uint64(i), Time: int64(i), Subject: []byte("orders.new"), Body: data}
	}
	return list
}

func filled(b *testing.B, folder string, records, body int, compress bool) *Set {
	b.Helper()
	set, _, err := Open(vfs.OS{}, folder, Options{Cache: NewCache(clock.Real{}, 64, 8<<20), Compress: compress})
	if err != nil {
		b.Fatal(err)
	}
	for set.Last() < uint64(records) {
		if err := set.Write(batch(set.Last()+1, body)); err != nil {
			b.Fatal(err)
		}
	}
	if err := set.Sync(); err != nil {
		b.Fatal(err)
	}
	return set
}

// Writing 1 MiB at a time; a sync each 16 MiB by the way.
func BenchmarkWrite(b *testing.B) {
	for _, body := range []int{128, 1024} {
		for _, compress := range []bool{false, true} {
			b.Run(fmt.Sprintf("body=%d/compress=%v", body, compress), func(b *testing.B) {
				set, _, err := Open(vfs.OS{}, b.TempDir(), Options{Compress: compress})
				if err != nil {
					b.Fatal(err)
				}
				defer set.Close()
				list := batch(1, body)
				b.SetBytes(1 << 20)
				records := 0
				for b.Loop() {
					if set.Last() > 1<<30/uint64(body) { // the disk is not endless
						if err := set.Drop(set.Last() + 1); err != nil {
							b.Fatal(err)
						}
					}
					from := set.Last() + 1
					for i := range list {
						list[i].Seq = from + uint64(i)
					}
					if err := set.Write(list); err != nil {
						b.Fatal(err)
					}
					records += len(list)
				}
				b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
			})
		}
	}
}

// Reading at random what the system has in memory.
func BenchmarkRead(b *testing.B) {
	for _, body := range []int{128, 1024} {
		b.Run(fmt.Sprintf("body=%d", body), func(b *testing.B) {
			set := filled(b, b.TempDir(), 200_000, body, false)
			defer set.Close()
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if _, buf, err = set.Read(1+rand.Uint64N(200_000), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScan(b *testing.B) {
	for _, body := range []int{128, 1024} {
		b.Run(fmt.Sprintf("body=%d", body), func(b *testing.B) {
			set := filled(b, b.TempDir(), 200_000, body, false)
			defer set.Close()
			b.SetBytes(set.Stats().DiskBytes)
			for b.Loop() {
				if err := set.Scan(0, func(*Record) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Opening a set of 1,000,000 records of 128 B: after Close, and after a crash that left a last file of
// nearly full size without a footer.
func BenchmarkOpen(b *testing.B) {
	for _, how := range []string{"clean", "crash", "crash-unproven"} {
		b.Run(how, func(b *testing.B) {
			folder := b.TempDir()
			set := filled(b, folder, 1_000_000, 128, false)
			for how != "clean" && set.Stats().DiskBytes%DefaultSegmentBytes < DefaultSegmentBytes*3/4 {
				if err := set.Write(batch(set.Last()+1, 128)); err != nil {
					b.Fatal(err)
				}
			}
			if how == "clean" {
				if err := set.Close(); err != nil {
					b.Fatal(err)
				}
			}
			last := set.Last()
			options := Options{Synced: last}
			if how == "crash-unproven" {
				options.Synced = 0 // what no mark proves is written once more
			}
			for b.Loop() {
				again, damages, err := Open(vfs.OS{}, folder, options)
				if err != nil || len(damages) > 0 || again.Last() != last {
					b.Fatal(err, damages)
				}
			}
			names, err := filepath.Glob(filepath.Join(folder, "*"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(names)), "files")
		})
	}
}

// Erasing 20,000 random records of a million in ten files, in parts as the cleaner of a stream hands them over.
func BenchmarkErase(b *testing.B) {
	const records, erased = 1_000_000, 20_000
	for _, compress := range []bool{false, true} {
		for _, part := range []int{erased, erased / 10} {
			b.Run(fmt.Sprintf("compress=%v/part=%d", compress, part), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					set := filled(b, filepath.Join(b.TempDir(), "set"), records, 128, compress)
					order := rand.Perm(records)[:erased]
					b.StartTimer()
					for ; len(order) > 0; order = order[part:] {
						seqs := make([]uint64, part)
						for i := range seqs {
							seqs[i] = 1 + uint64(order[i])
						}
						if err := set.Erase(seqs...); err != nil {
							b.Fatal(err)
						}
					}
					b.StopTimer()
					if err := set.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
	}
}

// Reading every n-th record with a Reader, as a consumer with a filter does.
func BenchmarkReader(b *testing.B) {
	const records = 1 << 20
	set := filled(b, b.TempDir(), records, 128, false)
	defer set.Close()
	for _, step := range []uint64{1, 3, 5, 8, 10, 30, 300, 1000} {
		b.Run(fmt.Sprintf("step=%d", step), func(b *testing.B) {
			r := set.Reader()
			defer r.Close()
			seq := uint64(1)
			for b.Loop() {
				if _, err := r.Read(seq); err != nil {
					b.Fatal(err)
				}
				if seq += step; seq > records {
					seq = 1 + seq%step
				}
			}
		})
	}
}
