package home

import (
	"math"
	"testing"

	"myelin/internal/store/segment"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// batch is an entry of n messages with bodies of so many bytes.
func batch(n, size int) (data []byte, stored []stream.Stored) {
	a := stream.Append{Span: 1, Subject: []byte("orders.new"), Body: make([]byte, size)}
	for i := range n {
		stored = append(stored, stream.Stored{Seq: uint64(i + 1), Time: 1, Span: 1, Offset: uint32(len(data)), Subject: a.Subject, Body: a.Body})
		data = a.Encode(data)
	}
	return data, stored
}

// advance gives the messages of an entry the next sequences.
func advance(stored []stream.Stored) {
	n := uint64(len(stored))
	for i := range stored {
		stored[i].Seq += n
	}
}

func perMessage(b *testing.B, messages int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages), "ns/msg")
}

// BenchmarkAbsorb is what storing a message costs within a turn, while all but the last MiBs leave again by a limit.
func BenchmarkAbsorb(b *testing.B) {
	for _, c := range []struct {
		name     string
		messages int
	}{{"entries of 512", 512}, {"entries of 16", 16}, {"entries of 1", 1}} {
		b.Run(c.name, func(b *testing.B) {
			data, stored := batch(c.messages, 128)
			h, _, _ := Open(Options{Memory: true})
			b.ReportAllocs()
			for b.Loop() {
				var gone []stream.Gone
				if first := stored[0].Seq; first > 1<<14 {
					gone = append(gone, stream.Gone{First: first - 1<<14, Last: first - 1<<14 + uint64(len(stored)) - 1, Reason: stream.Evicted})
				}
				h.Absorb(data, stored, gone)
				advance(stored)
			}
			perMessage(b, c.messages)
		})
	}
}

// BenchmarkFlush is the whole way of a message through memory to the files, and of its records alone.
func BenchmarkFlush(b *testing.B) {
	const messages = 8192
	data, stored := batch(messages, 128)
	b.Run("home", func(b *testing.B) {
		fs := vfs.OS{}
		h, _, err := Open(Options{FS: fs, Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			h.Absorb(data, stored, nil)
			advance(stored)
			if _, err := h.Flush(math.MaxUint64, math.MaxInt64); err != nil {
				b.Fatal(err)
			}
		}
		perMessage(b, messages)
	})
	b.Run("segment", func(b *testing.B) {
		set, _, err := segment.Open(vfs.OS{}, b.TempDir(), segment.Options{})
		if err != nil {
			b.Fatal(err)
		}
		_, stored := batch(messages, 128)
		records := make([]segment.Record, messages)
		for b.Loop() {
			for i := range stored {
				s := &stored[i]
				records[i] = segment.Record{Seq: s.Seq, Time: s.Time, Span: s.Span, Subject: s.Subject, Body: s.Body}
			}
			advance(stored)
			if err := set.Write(records); err != nil {
				b.Fatal(err)
			}
		}
		perMessage(b, messages)
	})
}

// BenchmarkRead reads young messages.
func BenchmarkRead(b *testing.B) {
	data, stored := batch(512, 128)
	h, _, _ := Open(Options{Memory: true})
	for range 100 {
		h.Absorb(data, stored, nil)
		advance(stored)
	}
	var buf []byte
	seq := uint64(0)
	for b.Loop() {
		seq = seq%51_200 + 1
		var err error
		if _, buf, err = h.Read(seq, buf); err != nil {
			b.Fatal(err)
		}
	}
}
