package stream

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// A message of each kind that not every stream has: a copy, one of a fast batch, one of an atomic batch of a
// hundred, a count.
func BenchmarkFeatures(b *testing.B) {
	body := make([]byte, 128)
	message := Append{1, []byte("orders.eu.1"), nil, body}
	for _, c := range []struct {
		name    string
		cfg     Config
		command func(i int) any
	}{
		{"mirror", Config{Mirror: &Source{Name: "O"}}, func(i int) any { return &Copy{Origin: 1, Seq: uint64(i + 1), Time: 1, Append: message} }},
		{"source", Config{Sources: []Source{{Name: "O"}}}, func(i int) any { return &Copy{Origin: 1, Seq: uint64(i + 1), Time: 1, Append: message} }},
		{"fast", Config{AllowBatched: true}, func(i int) any {
			return &Fast{[]byte("id"), 100, false, uint64(i + 1), FastOp(min(i, 1)), message}
		}},
		{"atomic", Config{AllowAtomic: true}, func(i int) any {
			batch := &Batch{ID: []byte("id")}
			for i%100 == 0 && len(batch.Messages) < 100 {
				batch.Messages = append(batch.Messages, message)
			}
			return batch
		}},
		{"counter", Config{AllowCounter: true}, func(int) any {
			return &Append{1, message.Subject, headerOf("Nats-Incr: +1"), nil}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.cfg.MaxMsgs = 100_000
			s := benchState(b, c.cfg)
			var fx Effects
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				b.StopTimer()
				entry := entryOf(int64(i), c.command(i))
				b.StartTimer()
				fx.Reset()
				s.Apply(entry, &fx)
			}
		})
	}
}

// Schedules by the hundred thousand: bytes of memory for each, and ns for one to come due and fire.
func BenchmarkSchedules(b *testing.B) {
	const count = 100_000
	for range b.N {
		s := benchState(b, Config{Subjects: []string{"s.*", "o.*"}, AllowSchedules: true})
		var fx Effects
		before := heapBytes()
		header := headerOf("Nats-Schedule: @at 2027-01-01T00:00:00Z", "Nats-Schedule-Target: o.1")
		for i := range count {
			fx.Reset()
			s.Apply(entryOf(1, &Append{1, fmt.Appendf(nil, "s.%08d", i), header, nil}), &fx)
		}
		b.ReportMetric(float64(heapBytes()-before)/count, "B/schedule")
		start := time.Now()
		for fired := 0; fired < count; {
			fx.Reset()
			now := s.Deadline()
			s.Apply(entryOf(now, Tick{}), &fx)
			for _, due := range append([]Due(nil), fx.Due...) {
				s.Apply(entryOf(now, &Fire{due.Seq, due.Time, header, header, nil}), &fx)
				fired++
			}
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/count, "ns/fire")
		runtime.KeepAlive(s)
	}
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
