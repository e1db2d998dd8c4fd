package consumer

import (
	"iter"
	"reflect"
	"strconv"
	"testing"
	"time"

	"myelin/internal/stream"
)

// endless is a stream of messages of 100 bytes from 1 to last.
type endless struct{ last uint64 }

func (e *endless) Next(from uint64) (uint64, bool) { return max(from, 1), from <= e.last }
func (e *endless) CountFrom(from uint64) uint64    { return e.last + 1 - min(max(from, 1), e.last+1) }
func (e *endless) Look(uint64) (int, int64, bool)  { return 100, 1_700_000_000_000_000_000, true }

func fresh(config stream.ConsumerConfig, source Source, pending iter.Seq[Pending]) *Dispatcher {
	config.Ack = stream.AckExplicit
	config.AckWait = 30 * time.Second
	return New(1, Start{Config: &config, Pending: pending, NewID: func() string { return "id" }}, source)
}

// Pull in batches and acknowledge each message, while so many others wait for their acknowledgements.
func BenchmarkDeliverAndAck(b *testing.B) {
	for _, others := range []int{0, 1_000_000} {
		b.Run(strconv.Itoa(others), func(b *testing.B) {
			source := &endless{1 << 40}
			d := fresh(stream.ConsumerConfig{}, source, nil)
			var out Out
			d.Pull(1, Request{To: []byte("a"), Batch: others + 1}, &out)
			for d.Run(1, 500, &out) {
				out.Reset()
			}
			out.Reset()
			request := Request{To: []byte("a"), Batch: 500}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += 500 {
				d.Pull(2, request, &out)
				d.Run(2, 500, &out)
				for i := range out.Deliveries {
					d.Acked(2, stream.AckItem{Kind: stream.AckDone, Seq: out.Deliveries[i].Seq}, &out)
				}
				out.Reset()
			}
		})
	}
}

// Requests of one message each, while so many wait, and beat.
func BenchmarkWaitingRequests(b *testing.B) {
	for _, waiting := range []int{1, 10_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			source := &endless{}
			d := fresh(stream.ConsumerConfig{}, source, nil)
			var out Out
			ask := func(now int64) {
				d.Pull(now, Request{To: []byte("a"), Batch: 1, Expires: 1e12, Heartbeat: 1e11}, &out)
			}
			for range waiting {
				ask(1)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				source.last++
				d.Run(int64(n), 10, &out)
				d.Acked(int64(n), stream.AckItem{Kind: stream.AckDone, Seq: source.last}, &out)
				ask(int64(n))
				out.Reset()
			}
		})
	}
}

// A million messages whose waits end at once come again.
func BenchmarkRedeliverMillion(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		d := fresh(stream.ConsumerConfig{}, &endless{n}, func(yield func(Pending) bool) {
			for seq := range uint64(n) {
				if !yield(Pending{Seq: seq + 1, DSeq: seq + 1, Time: 1, Count: 1}) {
					return
				}
			}
		})
		d.last = n
		var out Out
		now := int64(time.Minute)
		d.Pull(now, Request{To: []byte("a"), Batch: n}, &out)
		for d.Run(now, 500, &out) {
			out.Reset()
		}
	}
}

// Naks with delays of their own, a million at a time.
func BenchmarkNakDelay(b *testing.B) {
	const n = 1_000_000
	d := fresh(stream.ConsumerConfig{}, &endless{n}, func(yield func(Pending) bool) {
		for seq := range uint64(n) {
			if !yield(Pending{Seq: seq + 1, DSeq: seq + 1, Time: 1, Count: 1}) {
				return
			}
		}
	})
	var out Out
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		seq := uint64(i)*7919%n + 1
		d.Acked(1, stream.AckItem{Kind: stream.AckNak, Seq: seq, Delay: int64(1e9 + uint64(i)*104729%1e9)}, &out)
		out.Reset()
	}
}

// What a consumer takes that has nothing to do.
func BenchmarkIdle(b *testing.B) {
	source := &endless{}
	config := stream.ConsumerConfig{Ack: stream.AckExplicit, AckWait: time.Second}
	start := Start{Config: &config}
	b.ReportAllocs()
	for b.Loop() {
		New(1, start, source)
	}
}

// Nothing but itself belongs to a dispatcher of which nobody wants anything, and it is small: there may be ten thousands.
func TestIdleIsSmall(t *testing.T) {
	if size := reflect.TypeFor[Dispatcher]().Size(); size > 256 {
		t.Errorf("a dispatcher takes %d bytes", size)
	}
	start := Start{Config: &stream.ConsumerConfig{Ack: stream.AckExplicit, AckWait: time.Second}}
	source := &endless{}
	if n := testing.AllocsPerRun(100, func() { New(1, start, source) }); n > 1 {
		t.Errorf("it takes %v allocations", n)
	}
}
