package engine

import (
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// A request that comes with a late acknowledgement is not given that message once more.
func TestLateAckAndNext(t *testing.T) {
	for _, policy := range []stream.AckPolicy{stream.AckExplicit, stream.AckAll} {
		hands := clock.NewFake(time.Unix(1_700_000_000, 0))
		n := mustOpen(t, vfs.NewMem(), func(o *Options) { o.Clock = hands })
		s := n.create("A")
		c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.AckWait, c.Ack = time.Second, policy })
		n.listenTo("inbox")
		n.publish("A.x", 2, 20)
		n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
		first := n.delivered(1)[0]
		hands.Advance(2 * time.Second)
		n.ask(func(b *router.Batch) {
			c.AcknowledgeNext(b, &stream.AckItem{Kind: stream.AckDone, Seq: first.Seq}, &consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
		})
		if got := n.delivered(1)[0]; got.Seq != 2 || got.Count != 1 {
			t.Errorf("%v: message %d for the %d. time", policy, got.Seq, got.Count)
		}
	}
}
