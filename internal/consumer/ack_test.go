package consumer

import (
	"testing"

	"myelin/internal/stream"
)

// What was delivered in a life that the machine has forgotten, and is acknowledged now, is not delivered again.
func TestAckOfWhatIsForgotten(t *testing.T) {
	o := &orderly{t: t, keys: make([]uint64, 5), gone: map[uint64]bool{}}
	start := o.start()
	start.Key, start.Config = nil, &stream.ConsumerConfig{Name: "c", Ack: stream.AckAll, MaxAckPending: 40, MaxWaiting: 10}
	d, out := New(1, start, o), &Out{}
	d.Acked(2, stream.AckItem{Kind: stream.AckDone, Seq: 3, DSeq: 7, Time: 1}, out)
	d.Pull(3, Request{To: []byte("i"), Batch: 10, Expires: 100}, out)
	d.Run(4, 10, out)
	if n := len(out.Deliveries); n != 2 || out.Deliveries[0].Seq != 4 || out.Deliveries[0].DSeq != 8 || out.Deliveries[1].Seq != 5 {
		t.Errorf("%+v", out.Deliveries)
	}
}
