package engine

import (
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/stream"
)

// crowd is a stream with a consumer of its messages A.x, whose log can be held up and filled.
type crowd struct {
	*node
	s    *Stream
	c    *Consumer
	gate chan struct{}
}

func newCrowd(t *testing.T, messages int) *crowd {
	disk := newGated()
	w := &crowd{node: mustOpen(t, disk)}
	w.s = w.create("A")
	w.c = w.consumer(w.s, "c", func(c *stream.ConsumerConfig) { c.AckWait, c.FilterSubject = time.Hour, "A.x" })
	w.listenTo("inbox")
	w.publish("A.x", messages, 20)
	w.status(w.c)
	w.gate = disk.shut()
	return w
}

// fill proposes so much that there is room for so many bytes more.
func (w *crowd) fill(room int) {
	for range 100 {
		size := min(4<<20, w.left()-room)
		if size < 8 {
			return
		}
		a := &stream.Append{Span: 1, Subject: []byte("A.y")}
		a.Body = make([]byte, max(0, size-len(a.Encode(nil))-8))
		w.s.propose(a.Encode(nil), true, func(stream.Reply) {})
	}
}

// left is how many bytes find room.
func (w *crowd) left() int {
	const most = 64 << 20 // of a group, see replica.Config
	answer := make(chan int, 1)
	w.s.turns()
	w.s.events.do(func() { answer <- most - w.s.events.group.WaitingBytes() })
	return <-answer
}

func (w *crowd) ask(batch int) {
	w.pull(w.c, consumer.Request{To: []byte("inbox"), Batch: batch, Expires: int64(time.Hour)})
	w.s.turns()
}

// What was delivered before a proposal that is dropped is about to be heard of: it is not delivered once more.
func TestDeliveriesBeforeOneThatIsDropped(t *testing.T) {
	const messages, few, many = 60, 5, 30
	w := newCrowd(t, messages)
	w.fill(4 << 10)
	w.ask(few)
	w.fill(many * 2) // bytes; so many deliveries take more
	w.ask(many)
	w.ask(messages)
	w.delivered(few + many)
	lost := make(chan bool, 1)
	w.s.events.do(func() { lost <- w.c.lost && w.c.underway == 1 })
	if !<-lost {
		t.Fatal("nothing was dropped while something is under way")
	}
	close(w.gate)
	for i, d := range w.delivered(messages - few) {
		if d.Seq != uint64(few+1+i) || d.Count != 1 || d.DSeq != d.Seq {
			t.Fatalf("then comes %+v", d)
		}
	}
	if v := w.status(w.c).View; v.NumPending != 0 || v.NumAckPending != messages {
		t.Errorf("%+v", v)
	}
}
