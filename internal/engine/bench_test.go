package engine

import (
	"fmt"
	"sync/atomic"
	"testing"

	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// counter is an Outlet that only counts.
type counter struct {
	acked atomic.Int64
	held  int64
	wake  chan struct{}
}

func (c *counter) Ack([]byte, *stream.Reply)  { c.held++ }
func (c *counter) Stored(*stream.Stored)      {}
func (c *counter) Abandoned(stream.Abandoned) {}
func (c *counter) Acknowledged([]byte)        {}
func (c *counter) Flush() {
	c.acked.Add(c.held)
	c.held = 0
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Publishing with so many messages on their way, each on disk before it is acknowledged, without a network.
func BenchmarkPublish(b *testing.B) {
	for _, window := range []int{1, 64, 4096} {
		for _, size := range []int{128, 1024} {
			b.Run(fmt.Sprintf("window=%d/size=%d", window, size), func(b *testing.B) { benchmarkPublish(b, window, size) })
		}
	}
}

func benchmarkPublish(b *testing.B, window, size int) {
	c := &counter{wake: make(chan struct{}, 1)}
	dir := b.TempDir()
	n, err := open(b, vfs.OS{}, func(o *Options) {
		o.Dir, o.SegmentBytes, o.LogBytes = dir, 0, 0
		o.Outlet = func(*Stream) Outlet { return c }
	})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	n.create("A")
	p := n.routes.Publisher(nil)
	m := &router.Message{Subject: []byte("A.x"), Reply: []byte("_INBOX.abcdefghijklmnopqrstuv.abcdefgh"), Payload: make([]byte, size)}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		for int64(sent)-c.acked.Load() >= int64(window) {
			<-c.wake
		}
		for k := 0; k < min(window, 512) && sent < b.N && int64(sent)-c.acked.Load() < int64(window); k++ {
			p.Publish(m)
			sent++
		}
		p.Flush()
	}
	for c.acked.Load() < int64(b.N) {
		<-c.wake
	}
}

// Opening a store with many streams that hold nothing, and with one that holds many subjects.
func BenchmarkOpen(b *testing.B) {
	b.Run("streams=10000", func(b *testing.B) {
		benchmarkOpen(b, func(n *node) {
			for i := range 10000 {
				n.create(fmt.Sprintf("S%d", i))
			}
		})
	})
	b.Run("subjects=1000000", func(b *testing.B) {
		benchmarkOpen(b, func(n *node) {
			n.create("A")
			for i := range 1000 {
				n.publishMany(fmt.Sprintf("A.%d", i), 1000, 100)
			}
		})
	})
}

func benchmarkOpen(b *testing.B, fill func(*node)) {
	dir := b.TempDir()
	start := func() *node {
		return mustOpen(b, vfs.OS{}, func(o *Options) { o.Dir, o.SegmentBytes, o.LogBytes = dir, 0, 0 })
	}
	n := start()
	fill(n)
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := start()
		b.StopTimer()
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
