package stream

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// addConsumers adds n consumers; filter gives the subjects of each.
func addConsumers(tb testing.TB, s *State, n int, cfg ConsumerConfig, filter func(i int) string) {
	tb.Helper()
	var fx Effects
	for i := range n {
		cfg.Name, cfg.FilterSubject = fmt.Sprintf("C%05d", i), filter(i)
		checked, err := CheckConsumer(cfg, s.Config(), ConsumerBounds{}, false)
		if err != nil {
			tb.Fatal(err)
		}
		fx.Reset()
		s.Apply(machine.Entry{Time: s.now, Data: AddConsumer{Config: checked}.Encode(nil)}, &fx)
		if fx.Replies[0].Err != nil {
			tb.Fatal(fx.Replies[0].Err)
		}
	}
}

// The way of every message with consumers there: ns per append.
func BenchmarkAppendWithConsumers(b *testing.B) {
	all := func(int) string { return "" }
	for _, c := range []struct {
		name      string
		consumers int
		subjects  int
		retention Retention
		filter    func(i int) string
	}{
		{"0", 0, 1, Limits, all},
		{"1", 1, 1, Limits, all},
		{"10000", 10000, 1, Limits, all},
		{"1 with filter", 1, 1, Limits, func(int) string { return "orders.>" }},
		{"100 with filters that match", 100, 1, Limits, func(i int) string { return fmt.Sprintf("orders.eu.%06d", 0) }},
		{"100 with other filters", 100, 1, Limits, func(i int) string { return fmt.Sprintf("orders.us.%06d", i) }},
		{"100 with filters that differ and match", 100, 1, Limits, func(i int) string {
			return []string{"orders.>", "orders.*.*", "orders.eu.*", "orders.*.000000", "*.eu.*", "*.*.*", "*.>"}[i%7]
		}},
		{"0, 131072 subjects", 0, 131072, Limits, all},
		{"1, 131072 subjects", 1, 131072, Limits, all},
		{"10000 filters, 131072 subjects", 10000, 131072, Limits, func(i int) string { return fmt.Sprintf("orders.eu.%06d", i) }},
		{"10000, interest", 10000, 1, Interest, all},
	} {
		b.Run(c.name, func(b *testing.B) {
			list := entries(c.subjects, nil, make([]byte, 128))
			s := benchState(b, Config{MaxMsgs: 200_000, Retention: c.retention})
			addConsumers(b, s, c.consumers, ConsumerConfig{Ack: AckExplicit}, c.filter)
			var fx Effects
			now := int64(1)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += benchBatch {
				fx.Reset()
				now += int64(50 * time.Microsecond)
				s.Apply(machine.Entry{Time: now, Data: list[i/benchBatch%len(list)]}, &fx)
			}
		})
	}
}

// A message on its way through a consumer: delivered, its num_pending counted, acknowledged; ns for each.
func BenchmarkAck(b *testing.B) {
	for _, c := range []struct {
		name      string
		retention Retention
		waiting   int // messages that wait for an ack all the time
		batch     int
	}{
		{"limits, alone", Limits, 0, 1},
		{"limits, 500", Limits, 0, 500},
		{"limits, 500, 1000000 waiting", Limits, 1_000_000, 500},
		{"work queue, 500", WorkQueue, 0, 500},
		{"interest, 500", Interest, 0, 500},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = 1 << 21
			s := benchState(b, Config{Retention: c.retention})
			addConsumers(b, s, 1, ConsumerConfig{Ack: AckExplicit}, func(int) string { return "" })
			w := worker{State: s, list: entries(1, nil, nil)}
			var fx Effects
			b.ResetTimer()
			for done := 0; done < b.N; {
				if done == 0 || s.Source(1).CountFrom(w.next) < uint64(c.batch) {
					b.StopTimer()
					w.fill(n, c.waiting)
					b.StartTimer()
				}
				w.deliver(c.batch, &fx)
				w.ack(&fx)
				done += c.batch
			}
		})
	}
}

// worker is a client of the first consumer.
type worker struct {
	*State
	list  [][]byte
	next  uint64
	dseq  uint64
	sent  Delivered
	acks  Ack
	entry []byte
}

// fill publishes n messages, and leaves so many waiting for acks.
func (w *worker) fill(n, waiting int) {
	var fx Effects
	w.Apply(machine.Entry{Data: encode(Purge{}, ResetConsumer{Name: "C00000"})}, &fx)
	for range n / benchBatch {
		fx.Reset()
		w.Apply(machine.Entry{Time: w.now + 1, Data: w.list[0]}, &fx)
	}
	w.next, w.dseq = w.Info().First, 0
	for range waiting / 1000 {
		w.deliver(1000, &fx)
	}
}

func (w *worker) deliver(n int, fx *Effects) {
	src := w.Source(1)
	w.sent = Delivered{1, w.sent.At[:0]}
	w.acks = Ack{1, w.acks.Acks[:0]}
	for range n {
		seq, _ := src.Next(w.next)
		w.dseq++
		w.next = seq + 1
		src.CountFrom(w.next)
		w.sent.At = append(w.sent.At, Delivery{seq, w.dseq, 1})
		w.acks.Acks = append(w.acks.Acks, AckItem{Kind: AckDone, Seq: seq})
	}
	w.apply(w.sent.Encode(w.entry[:0]), fx)
}

func (w *worker) ack(fx *Effects) { w.apply(w.acks.Encode(w.entry[:0]), fx) }

func (w *worker) apply(data []byte, fx *Effects) {
	fx.Reset()
	w.entry = data
	w.Apply(machine.Entry{Time: w.now, Data: data}, fx)
}

// What a consumer takes: bytes of memory for each of ten thousand, idle, and with ten messages that wait.
func BenchmarkMemoryPerConsumer(b *testing.B) {
	const n = 10_000
	for range b.N {
		var before, after runtime.MemStats
		s := large(b, Config{}, 100_000, 1)
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		addConsumers(b, s, n, ConsumerConfig{Ack: AckExplicit}, func(int) string { return "" })
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/n, "ns/create")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/consumer")
		var fx Effects
		for i := range n {
			d := Delivered{Consumer: uint32(i + 1)}
			for j := range uint64(10) {
				d.At = append(d.At, Delivery{j + 1, j + 1, 1})
			}
			fx.Reset()
			s.Apply(machine.Entry{Data: d.Encode(nil)}, &fx)
		}
		fx = Effects{}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/consumer-10-waiting")
		start = time.Now()
		view := s.Freeze()
		b.ReportMetric(float64(time.Since(start).Microseconds()), "us/freeze")
		runtime.KeepAlive(view)
	}
}

// What takes longest: a new filter over five million messages, a million pending, a consumer of interest that goes.
func BenchmarkConsumersLongest(b *testing.B) {
	const n = 5_000_000
	for _, c := range []struct {
		name     string
		subjects int
		filter   string
		deliver  DeliverPolicy
	}{
		{"unfiltered", 1, "", DeliverAll},
		{"1 of 1000000 subjects", 1_000_000, "orders.eu.000007", DeliverAll},
		{"a thousandth of 1000000 subjects", 1_000_000, "orders.eu.*", DeliverAll},
		{"last of 1000000 subjects", 1_000_000, "orders.>", DeliverLastPerSubject},
	} {
		s := large(b, Config{}, n, c.subjects)
		b.Run(c.name, func(b *testing.B) {
			var fx Effects
			for b.Loop() {
				addConsumers(b, s, 1, ConsumerConfig{Deliver: c.deliver}, func(int) string { return c.filter })
				fx.Reset()
				s.Apply(machine.Entry{Data: DropConsumer{Name: "C00000"}.Encode(nil)}, &fx)
			}
		})
	}
	b.Run("drop on interest", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s := benchState(b, Config{Retention: Interest})
			addConsumers(b, s, 1, ConsumerConfig{Ack: AckExplicit}, func(int) string { return "" })
			list := entries(1, nil, nil)
			var fx Effects
			for range n / benchBatch {
				fx.Reset()
				s.Apply(machine.Entry{Data: list[0]}, &fx)
			}
			fx.Reset()
			b.StartTimer()
			s.Apply(machine.Entry{Data: DropConsumer{Name: "C00000"}.Encode(nil)}, &fx)
		}
	})
}

// A restart with ten thousand consumers of filters with wildcards, over a million messages of as many subjects.
func BenchmarkRestoreConsumers(b *testing.B) {
	s := large(b, Config{}, 1<<20, 10_000)
	addConsumers(b, s, 10_000, ConsumerConfig{Ack: AckExplicit}, func(i int) string { return fmt.Sprintf("orders.*.%06d", i) })
	snapshot := s.Snapshot(nil)
	for b.Loop() {
		if err := new(State).Restore(bin.NewReader(snapshot)); err != nil {
			b.Fatal(err)
		}
	}
}
