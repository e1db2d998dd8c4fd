package stream

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// One entry holds this many messages, as under load.
const benchBatch = 256

func benchState(tb testing.TB, cfg Config) *State {
	tb.Helper()
	cfg.Name = "B"
	checked, err := Check(cfg, Bounds{}, false)
	if err != nil {
		tb.Fatal(err)
	}
	s := new(State)
	var fx Effects
	s.Apply(machine.Entry{Time: 1, Data: Configure{checked}.Encode(nil)}, &fx)
	if fx.Replies[0].Err != nil {
		tb.Fatal(fx.Replies[0].Err)
	}
	return s
}

// entries are enough entries for one message on each subject.
func entries(subjects int, header, body []byte) (list [][]byte) {
	var data []byte
	for i := range max(subjects, benchBatch) {
		a := Append{1, fmt.Appendf(nil, "orders.eu.%06d", i%subjects), header, body}
		data = a.Encode(data)
		if i%benchBatch == benchBatch-1 {
			list, data = append(list, data), nil
		}
	}
	return list
}

// The way of every message: ns per append, for one subject and many, without and with a limit that evicts.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name     string
		subjects int
		cfg      Config
		header   string
	}{
		{"1 subject", 1, Config{}, ""},
		{"1 subject, 100000 messages", 1, Config{MaxMsgs: 100_000}, ""},
		{"131072 subjects", 131072, Config{}, ""},
		{"131072 subjects, last value", 131072, Config{MaxMsgsPer: 1}, ""},
		{"1 subject, with id", 1, Config{MaxMsgs: 100_000}, "NATS/1.0\r\nNats-Msg-Id: %08d\r\n\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			list := entries(c.subjects, nil, make([]byte, 128))
			if c.header != "" {
				list = idEntries(c.header, 1<<20)
			}
			s := benchState(b, c.cfg)
			var fx Effects
			b.ReportAllocs()
			now := int64(1)
			b.ResetTimer()
			for i := 0; i < b.N; i += benchBatch {
				if i%(1<<22) == 0 && c.cfg.MaxMsgs == 0 && c.cfg.MaxMsgsPer == 0 { // bound memory, not time
					b.StopTimer()
					s = benchState(b, c.cfg)
					b.StartTimer()
				}
				fx.Reset()
				now += int64(50 * time.Microsecond)
				s.Apply(machine.Entry{Time: now, Data: list[i/benchBatch%len(list)]}, &fx)
			}
			b.StopTimer()
			for _, r := range fx.Replies {
				if r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

func idEntries(header string, n int) (list [][]byte) {
	var data []byte
	for i := range n {
		a := Append{1, []byte("orders.eu"), fmt.Appendf(nil, header, i), make([]byte, 128)}
		data = a.Encode(data)
		if i%benchBatch == benchBatch-1 {
			list, data = append(list, data), nil
		}
	}
	return list
}

// What a million subjects of one message each take: bytes of memory per subject, of which 16 are its text.
func BenchmarkMemoryPerSubject(b *testing.B) {
	for range b.N {
		var before, after runtime.MemStats
		list := entries(1<<20, nil, make([]byte, 100))
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := benchState(b, Config{MaxMsgsPer: 1})
		var fx Effects
		for i, data := range list {
			fx.Reset()
			s.Apply(machine.Entry{Time: int64(i), Data: data}, &fx)
		}
		fx = Effects{}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "B/subject")
		runtime.KeepAlive(s)
		runtime.KeepAlive(list)
	}
}

// Snapshot and restoration of a million subjects of one message each.
func BenchmarkSnapshot(b *testing.B) {
	s := benchState(b, Config{MaxMsgsPer: 1})
	var fx Effects
	for i, data := range entries(1<<20, nil, nil) {
		fx.Reset()
		s.Apply(machine.Entry{Time: int64(i), Data: data}, &fx)
	}
	snapshot := s.Snapshot(nil)
	b.Run("take", func(b *testing.B) {
		for range b.N {
			snapshot = s.Snapshot(snapshot[:0])
		}
		b.ReportMetric(float64(len(snapshot))/(1<<20), "B/subject")
	})
	b.Run("freeze", func(b *testing.B) {
		for b.Loop() {
			s.Freeze()
		}
	})
	b.Run("freeze 5 messages per subject", func(b *testing.B) {
		s := large(b, Config{}, 5_000_000, 1_000_000)
		for b.Loop() {
			s.Freeze()
		}
	})
	b.Run("restore", func(b *testing.B) {
		for range b.N {
			if err := new(State).Restore(bin.NewReader(snapshot)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What an empty stream takes: bytes of memory.
func BenchmarkMemoryPerStream(b *testing.B) {
	const n = 1000
	for range b.N {
		var before, after runtime.MemStats
		streams := make([]*State, n)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range streams {
			streams[i] = benchState(b, Config{})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/stream")
		runtime.KeepAlive(streams)
	}
}

// Age expiry, purge and interior deletes of many messages: ns per message.
func BenchmarkRemove(b *testing.B) {
	for _, c := range []struct {
		name   string
		remove func(s *State, fx *Effects, last uint64)
	}{
		{"tick", func(s *State, fx *Effects, _ uint64) {
			for s.Info().Messages > 0 {
				fx.Reset()
				s.Apply(machine.Entry{Time: 1e18, Data: Tick{}.Encode(nil)}, fx)
			}
		}},
		{"purge subject", func(s *State, fx *Effects, _ uint64) {
			s.Apply(machine.Entry{Data: Purge{Filter: "orders.*.*"}.Encode(nil)}, fx)
		}},
		{"delete", func(s *State, fx *Effects, last uint64) {
			for i := range last {
				fx.Reset()
				s.Apply(machine.Entry{Data: Delete{Seq: 1 + i*7919%last}.Encode(nil)}, fx)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = 1 << 20
			list := entries(4096, nil, nil)
			removed := 0
			for b.Loop() {
				b.StopTimer()
				s := benchState(b, Config{MaxAge: time.Second})
				var fx Effects
				for i := range n / benchBatch {
					fx.Reset()
					s.Apply(machine.Entry{Time: int64(i), Data: list[i%len(list)]}, &fx)
				}
				fx.Reset()
				b.StartTimer()
				c.remove(s, &fx, n)
				removed += n
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(removed), "ns/message")
		})
	}
}

// The figures of a thousand segment files over five million messages.
func BenchmarkLive(b *testing.B) {
	s := large(b, Config{}, 5_000_000, 1_000_000)
	for b.Loop() {
		for first := uint64(1); first < 5_000_000; first += 5000 {
			s.Live(first, first+4999)
		}
	}
}

// large is a stream of n messages on so many subjects.
func large(tb testing.TB, cfg Config, n, subjects int) *State {
	s := benchState(tb, cfg)
	list := entries(subjects, nil, nil)
	var fx Effects
	for i := range n / benchBatch {
		fx.Reset()
		s.Apply(machine.Entry{Time: int64(i), Data: list[i%len(list)]}, &fx)
	}
	return s
}

// What takes longest: single commands on five million messages of as many or of one subject.
func BenchmarkLongest(b *testing.B) {
	limit := func(set func(c *Config)) any {
		c := Config{Name: "B"}
		set(&c)
		checked, err := Check(c, Bounds{}, false)
		if err != nil {
			b.Fatal(err)
		}
		return Configure{checked}
	}
	const n = 5_000_000
	for _, subjects := range []int{1, 1_000_000} {
		for _, c := range []struct {
			name    string
			command any
		}{
			{"purge", Purge{}},
			{"purge half", Purge{Before: n / 2}},
			{"purge keep 1", Purge{Keep: 1}},
			{"purge all by filter", Purge{Filter: "orders.*.*"}},
			{"purge tenth by filter", Purge{Filter: "orders.*.*", Before: n / 10}},
			{"purge by filter of nothing", Purge{Filter: "orders.us.*"}},
			{"max_msgs half", limit(func(c *Config) { c.MaxMsgs = n / 2 })},
			{"max_msgs_per_subject 1", limit(func(c *Config) { c.MaxMsgsPer = 1 })},
			{"configure nothing", limit(func(c *Config) { c.MaxMsgsPer = n })},
			{"max_age, one tick", Tick{}},
		} {
			b.Run(fmt.Sprintf("%d subjects/%s", subjects, c.name), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					s := large(b, Config{MaxAge: time.Second}, n, subjects)
					entry := machine.Entry{Time: 1e18, Data: encode(c.command)}
					var fx Effects
					runtime.GC()
					b.StartTimer()
					s.Apply(entry, &fx)
				}
			})
		}
	}
}
