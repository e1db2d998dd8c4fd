package wal

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"myelin/internal/vfs"
)

func benchLog(b *testing.B, opts Options) *Log {
	l, err := Open(vfs.OS{}, filepath.Join(b.TempDir(), "wal"), opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

// writer appends entries of one group and waits for each batch.
type writer struct {
	log   *Log
	batch Batch
	done  chan error
	index uint64
	kept  uint64 // the checkpoint
}

func newWriter(l *Log, group uint64, entries int) *writer {
	w := &writer{log: l, done: make(chan error, 1)}
	w.batch.Done = func(err error) { w.done <- err }
	w.batch.Records = []Record{lead(group, 1)}
	w.commit()
	w.batch.Records = make([]Record, entries)
	data := make([]byte, 128)
	for i := range w.batch.Records {
		w.batch.Records[i] = Record{Kind: Entry, Group: group, Term: 1, Data: data}
	}
	w.batch.Sync = false
	return w
}

func (w *writer) commit() {
	committed, err := w.log.TryCommit(&w.batch)
	if !committed {
		w.log.Append(&w.batch)
		err = <-w.done
	}
	if err != nil {
		panic(err)
	}
}

// next commits the next batch; every 16 MiB it checkpoints, so that segments are used again.
func (w *writer) next() {
	for i := range w.batch.Records {
		w.index++
		w.batch.Records[i].Index = w.index
	}
	w.commit()
	if w.index-w.kept > 1<<17 {
		w.kept = w.index
		records := w.batch.Records
		w.batch.Records = []Record{{Kind: Checkpoint, Group: records[0].Group, Term: 1, Index: w.index}}
		w.commit()
		w.batch.Records = records
	}
}

func perEntry(b *testing.B, entries int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "entries/s")
}

// One writer, entries of 128 B, each batch synced before the next.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			w := newWriter(benchLog(b, Options{}), 1, n)
			b.ReportAllocs()
			for b.Loop() {
				w.next()
			}
			perEntry(b, n)
		})
	}
}

// The same without any sync: what the code and the page cache cost.
func BenchmarkAppendNoSync(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			w := newWriter(benchLog(b, Options{NoSync: true}), 1, n)
			b.ReportAllocs()
			for b.Loop() {
				w.next()
			}
			perEntry(b, n)
		})
	}
}

// Many groups, each with one entry outstanding, share the syncs.
func BenchmarkGroupCommit(b *testing.B) {
	for _, n := range []int{16, 64} {
		b.Run(fmt.Sprintf("appenders=%d", n), func(b *testing.B) {
			l := benchLog(b, Options{})
			writers := make([]*writer, n)
			for i := range writers {
				writers[i] = newWriter(l, uint64(i+1), 1)
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for i, w := range writers {
				wg.Go(func() {
					for k := i; k < b.N; k += n {
						w.next()
					}
				})
			}
			wg.Wait()
			perEntry(b, 1)
		})
	}
}

// What a segment costs to sync: filled with zeros before, or growing as it is written; in blocks as they come, or
// filled up to 4 KiB.
func BenchmarkSync(b *testing.B) {
	for _, filled := range []bool{true, false} {
		for _, step := range []int64{176, 4096, 64 << 10} {
			b.Run(fmt.Sprintf("filled=%v/bytes=%d", filled, step), func(b *testing.B) {
				benchSync(b, filled, step)
			})
		}
	}
}

func benchSync(b *testing.B, filled bool, step int64) {
	const size = 64 << 20
	file, err := vfs.OS{}.Create(filepath.Join(b.TempDir(), "segment"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	if filled {
		if _, err := file.WriteAt(make([]byte, size), 0); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	block := make([]byte, step)
	at := int64(0)
	for b.Loop() {
		if at+step > size {
			if at = 0; !filled {
				b.StopTimer()
				if err := file.Truncate(0); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		}
		if _, err := file.WriteAt(block, at); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		at += step
	}
}
