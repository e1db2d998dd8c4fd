package engine

import (
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// counted is a Courier that hands over the sequences of what it is to send.
type counted struct {
	mute
	seqs []uint64
	sent chan []uint64
}

func (c *counted) Open(*Consumer) ConsumerOutlet { return c }
func (c *counted) Deliver(d *consumer.Delivery, _ *Message) {
	c.seqs = append(c.seqs, d.Seq)
}
func (c *counted) Flush() []router.Dest {
	if len(c.seqs) > 0 {
		c.sent <- c.seqs
		c.seqs = nil
	}
	return nil
}

// Messages are pulled in batches of 500 and acknowledged one by one, without a network, from a durable stream.
func BenchmarkPullAndAck(b *testing.B) {
	for name, retention := range map[string]stream.Retention{"limits": stream.Limits, "workqueue": stream.WorkQueue} {
		b.Run(name, func(b *testing.B) { benchmarkPullAndAck(b, retention) })
	}
}

func benchmarkPullAndAck(b *testing.B, retention stream.Retention) {
	const batch = 500
	post := &counted{sent: make(chan []uint64, 1000)}
	dir := b.TempDir()
	n, err := open(b, vfs.OS{}, func(o *Options) {
		o.Dir, o.SegmentBytes, o.LogBytes = dir, 0, 0
		o.Courier = func(*Stream) Courier { return post }
	})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	s := n.create("A", func(c *stream.Config) { c.Retention = retention })
	cfg, refused := stream.CheckConsumer(stream.ConsumerConfig{Name: "c", Durable: "c", Ack: stream.AckExplicit, MaxAckPending: 5000},
		s.Config(), stream.ConsumerBounds{}, false)
	if refused != nil {
		b.Fatal(refused)
	}
	c, _, refused := s.AddConsumer(cfg, stream.ConsumerEither)
	if refused != nil {
		b.Fatal(refused)
	}
	n.listenTo("inbox")
	for left := b.N; left > 0; left -= 10000 {
		n.publish("A.x", min(left, 10000), 128)
	}
	b.ReportAllocs()
	b.ResetTimer()
	p := n.routes.Publisher(nil)
	for acked, asked := 0, 0; acked < b.N; {
		for asked-acked < 2*batch {
			c.Pull(&p.Batch, &consumer.Request{To: []byte("inbox"), Batch: batch, Expires: int64(time.Minute)})
			asked += batch
		}
		p.Flush()
		for _, seq := range <-post.sent {
			c.Acknowledge(&p.Batch, nil, &stream.AckItem{Kind: stream.AckDone, Seq: seq, DSeq: seq, Time: 1})
			acked++
		}
	}
	p.Flush()
	if st, _ := c.Status(); st.View.NumAckPending != 0 {
		b.Fatalf("%d are not acknowledged", st.View.NumAckPending)
	}
}
