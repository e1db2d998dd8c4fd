package wal

import (
	"fmt"
	"testing"
)

// One group with some batches outstanding: how the engine uses the log under load.
func BenchmarkAppendAsync(b *testing.B) {
	for _, outstanding := range []int{1, 4} {
		for _, entries := range []int{1, 256} { // of 32 KiB, or of 128 B
			b.Run(fmt.Sprintf("outstanding=%d/entries=%d", outstanding, entries), func(b *testing.B) {
				benchAsync(b, Options{}, outstanding, entries)
			})
		}
	}
}

// The same in a log that never syncs: what the code costs.
func BenchmarkAppendAsyncNoSync(b *testing.B) {
	for _, entries := range []int{1, 256} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) { benchAsync(b, Options{NoSync: true}, 4, entries) })
	}
}

// The same, sealed.
func BenchmarkAppendAsyncSealed(b *testing.B) {
	for i, keys := range testKeys()[1:3] {
		for _, entries := range []int{1, 256} {
			b.Run(fmt.Sprintf("%s/entries=%d", []string{"chacha", "aes"}[i], entries), func(b *testing.B) {
				benchAsync(b, Options{Keys: keys}, 4, entries)
			})
		}
	}
}

func benchAsync(b *testing.B, opts Options, outstanding, entries int) {
	l := benchLog(b, opts)
	newWriter(l, 1, 1)
	free := make(chan *Batch, outstanding)
	data := make([]byte, 256*128/entries)
	for range outstanding {
		batch := &Batch{Records: make([]Record, entries)}
		for i := range batch.Records {
			batch.Records[i] = Record{Kind: Entry, Group: 1, Term: 1, Data: data}
		}
		batch.Done = func(err error) {
			if err != nil {
				panic(err)
			}
			free <- batch
		}
		free <- batch
	}
	index, kept := uint64(0), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		batch := <-free
		for i := range batch.Records {
			index++
			batch.Records[i].Index = index
		}
		l.Append(batch)
		if index-kept > uint64(512*entries) {
			kept = index - uint64(outstanding*entries)
			l.Append(&Batch{Records: []Record{{Kind: Checkpoint, Group: 1, Term: 1, Index: kept}}, Done: func(error) {}})
		}
	}
	for range outstanding {
		<-free
	}
	perEntry(b, entries)
	s := l.Stats()
	b.ReportMetric(float64(s.Records)/float64(s.Commits), "entries/commit")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(s.Commits), "us/commit")
}
