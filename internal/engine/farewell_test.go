package engine

import (
	"slices"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// Who waits for messages is told before the server goes, and gets none from then on; acknowledgements count to the end.
func TestFarewell(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs)
	s := n.create("A")
	n.create("B") // has no consumers
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.AckWait = time.Hour })
	n.listenTo("inbox")
	n.publish("A.x", 2, 20)
	wait := consumer.Request{To: []byte("inbox"), Batch: 5, Expires: int64(time.Hour)}
	n.pull(c, wait)
	n.delivered(2)
	n.Farewell()
	if said := n.post.said; !slices.Contains(said, "inbox: 409 Server Shutdown") {
		t.Fatalf("said %q", said)
	}
	n.pull(c, wait)
	n.publish("A.x", 1, 20)
	n.ask(func(b *router.Batch) { c.Acknowledge(b, []byte("ok"), &stream.AckItem{Kind: stream.AckDone, Seq: 1}) })
	n.acks.wait(t, 1)
	if st := n.status(c); st.View.NumAckPending != 1 || st.View.NumPending != 1 || st.Waiting != 1 {
		t.Errorf("after the farewell: %+v", st)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpen(t, fs)
	c = n.Stream(account, "A").Consumer("c")
	n.listenTo("inbox")
	n.pull(c, wait)
	if got := n.delivered(1); got[0].Seq != 3 {
		t.Errorf("after the restart: %+v", got)
	}
}
