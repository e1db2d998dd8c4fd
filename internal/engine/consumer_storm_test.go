package engine

import (
	"bytes"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// still reads what the stream has applied, and its state.
func (s *Stream) still() (applied uint64, state []byte) {
	taken := make(chan bool)
	s.turns()
	s.events.do(func() {
		applied, state = s.events.group.Applied(), s.state.Snapshot(nil)
		close(taken)
	})
	<-taken
	return applied, state
}

// Storms of acknowledgements of what is unknown, acknowledged, not delivered, of another stream or another's, and of requests that find no place, change
// nothing, and nothing of them is logged. Only who asks whether an old acknowledgement is safe is answered out of the log.
func TestStormsLeaveNothing(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) {
		c.FilterSubject, c.AckWait, c.MaxWaiting, c.MaxAckPending = "A.x", time.Hour, 5, 5
	})
	all := n.consumer(s, "all", func(c *stream.ConsumerConfig) { c.Ack, c.AckWait = stream.AckAll, time.Hour })
	n.listenTo("inbox")
	n.publish("A.x", 10, 20)
	n.publish("A.y", 10, 20)
	for _, c := range []*Consumer{c, all} {
		n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 5, Expires: int64(time.Hour)})
	}
	got := n.delivered(10)
	n.ask(func(b *router.Batch) {
		for _, d := range got {
			if d.Seq <= 3 && d.consumer == "c" {
				c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: d.Seq})
			}
		}
		all.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: 5})
	})
	n.status(c)
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 3, Expires: int64(time.Hour)}) // as many as may wait for acknowledgements
	n.delivered(3)
	n.status(c)
	applied, state := s.still()
	kinds := []stream.AckKind{stream.AckDone, stream.AckNak, stream.AckProgress, stream.AckTerm}
	seqs := []uint64{0, 1, 3, 12, 15, 21, 1 << 40, 1<<64 - 1} // c was given 1 to 8, without 1 to 3
	others := []uint64{0, 5, 6, 20, 21, 1 << 63}              // and all was given 1 to 5
	for range 20 {
		n.ask(func(b *router.Batch) {
			for range 50 {
				for _, kind := range kinds {
					for _, seq := range seqs {
						c.Acknowledge(b, nil, &stream.AckItem{Kind: kind, Seq: seq, DSeq: seq, Time: 1})
					}
					for _, seq := range []uint64{4, 5, 8} { // it waits for these; of another stream of the name
						c.Acknowledge(b, []byte("foreign"), &stream.AckItem{Kind: kind, Seq: seq, DSeq: seq, Time: 12345})
					}
					for _, seq := range others {
						all.Acknowledge(b, nil, &stream.AckItem{Kind: kind, Seq: seq, DSeq: 3, Time: 12345})
						all.Acknowledge(b, nil, &stream.AckItem{Kind: kind, Seq: seq})
					}
				}
				c.Acknowledge(b, []byte("unknown"), &stream.AckItem{Kind: stream.AckDone, Seq: 15, Time: 1})
				c.Unknown(b, nil)
				c.FlowReply(b, []byte("token"))
				c.Refuse(b, []byte("inbox"), "Bad")
				c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 1, Expires: int64(time.Hour)})
				c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 1, NoWait: true})
				c.Pull(b, &consumer.Request{To: []byte("nobody"), Batch: 1, Expires: int64(time.Hour)})
			}
		})
		s.turns()
	}
	if now, is := s.still(); now != applied || !bytes.Equal(is, state) {
		t.Errorf("%d entries were logged; the state is as before: %v", now-applied, bytes.Equal(is, state))
	}
	n.acks.mu.Lock()
	defer n.acks.mu.Unlock()
	for _, reply := range []string{"unknown", "foreign"} {
		if _, ok := n.acks.got[reply]; ok {
			t.Errorf("an acknowledgement of what is %s is confirmed", reply)
		}
	}
	if st := n.status(c); st.Waiting > 5 || st.View.NumAckPending != 5 {
		t.Errorf("%+v", st)
	}
}
