package engine

import (
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// A message that a client puts off comes when its delay is over, be the server started again meanwhile, and not before.
func TestDelayedRedelivery(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs)
	c := n.consumer(n.create("A"), "c", func(c *stream.ConsumerConfig) { c.AckWait = time.Minute })
	n.listenTo("inbox")
	n.publish("A.x", 3, 20)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 3, Expires: int64(time.Minute)})
	n.delivered(3)
	const delay = 300 * time.Millisecond
	begun := time.Now()
	n.ask(func(b *router.Batch) {
		c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckNak, Seq: 1, Delay: int64(time.Hour)})
		c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckNak, Seq: 2, Delay: int64(delay)})
		c.Acknowledge(b, []byte("ok"), &stream.AckItem{Kind: stream.AckDone, Seq: 3})
	})
	n.acks.wait(t, 1)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	n = mustOpen(t, fs)
	c = n.Stream(account, "A").Consumer("c")
	n.listenTo("inbox")
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 3, Expires: int64(time.Minute)})
	got := n.delivered(1)
	if got[0].Seq != 2 || got[0].Count != 2 || time.Since(begun) < delay {
		t.Errorf("%v after the delay began: %+v", time.Since(begun), got)
	}
	if st := n.status(c); st.View.NumAckPending != 2 || st.Waiting != 1 {
		t.Errorf("%+v", st)
	}
}
