package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

func retaining(r stream.Retention) func(*stream.Config) {
	return func(c *stream.Config) { c.Retention = r }
}

// readers are the names of a stream's consumers.
func readers(s *Stream) (names []string) {
	s.View(func(state *stream.State) { names = state.ConsumerNames() })
	return names
}

// consume makes a consumer that acknowledges one by one.
func (n *node) consume(s *Stream, name, filter string) *apierr.Error {
	n.t.Helper()
	cfg := stream.ConsumerConfig{Durable: name, Ack: stream.AckExplicit, FilterSubject: filter}
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err == nil {
		_, _, err = s.AddConsumer(checked, stream.ConsumerCreate)
	}
	return err
}

// What a stream has taken of a work queue leaves that, and nothing else does, through restarts; the consumer that
// stands for it goes with the stream, or when the stream leaves the origin out.
func TestCopiesOfWorkQueue(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	q := n.create("Q", retaining(stream.WorkQueue))
	n.publish("Q.a", 1200, 100)
	n.publish("Q.b", 5, 10)
	s := n.create("S", sourcesOf("Q"), func(c *stream.Config) { c.Sources[0].FilterSubject = "Q.a" })
	n.awaitLast(s, 1200)
	n.awaitMessages(q, 5)
	if names := readers(q); len(names) != 1 || !strings.HasPrefix(names[0], "JS_SRC_") {
		t.Fatal(names)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpen(t, disk)
	q, s = n.Stream(account, "Q"), n.Stream(account, "S")
	n.publish("Q.a", 10, 10)
	n.awaitLast(s, 1210)
	n.awaitMessages(q, 5)

	if err := n.consume(q, "c", ""); err == nil || err.ErrCode != apierr.ConsumerWQMultipleUnfiltered {
		t.Fatal(err)
	}
	m := n.create("M", mirrorOf("Q"))
	n.await("the mirror to be refused", func() bool {
		o := m.Origins()[0]
		return o.Err != nil && o.Err.ErrCode == apierr.ConsumerWQMultipleUnfiltered
	})
	cfg := *s.Config()
	cfg.Sources, cfg.Subjects = nil, []string{"own"}
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.awaitLast(m, 1215)
	n.awaitMessages(q, 0)
	if i := m.Info(); i.First != 1201 || i.Messages != 5 {
		t.Fatalf("%+v", i)
	}
	if err := n.Delete(account, "M"); err != nil {
		t.Fatal(err)
	}
	if names := readers(q); len(names) != 0 {
		t.Fatal(names)
	}
	n.publish("Q.a", 3, 10)
	if q.Info().Messages != 3 {
		t.Fatalf("%+v", q.Info())
	}
}

// A stream that takes nothing any more holds nothing back.
func TestSealedCopyLeavesOrigin(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	q := n.create("Q", retaining(stream.WorkQueue))
	s := n.create("S", sourcesOf("Q"))
	n.publish("Q.a", 5, 10)
	n.awaitLast(s, 5)
	cfg := *s.Config()
	cfg.Sealed = true
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.await("the reader to go", func() bool { return len(readers(q)) == 0 })
	n.publish("Q.a", 3, 10)
	if err := n.consume(q, "c", ""); err != nil || q.Info().Messages != 3 {
		t.Fatalf("%v, %+v", err, q.Info())
	}
}

// With interest a message waits for the copy as for a consumer.
func TestCopiesOfInterest(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	q := n.create("Q", retaining(stream.Interest))
	n.publish("Q.a", 5, 10)
	if q.Info().Messages != 0 {
		t.Fatal("stored for nobody")
	}
	full := n.create("S", sourcesOf("Q"), func(c *stream.Config) {
		c.MaxMsgs, c.Discard = 3, stream.DiscardNew
		c.Sources[0].Transforms = []stream.SubjectTransform{{Src: "Q.a", Dest: "x"}, {Src: "Q.b"}}
	})
	n.await("a reader", func() bool { return len(readers(q)) == 1 })
	n.publish("Q.a", 4, 10)
	n.publish("Q.c", 4, 10)
	n.publish("Q.b", 4, 10)
	n.awaitLast(full, 3)
	n.awaitMessages(q, 5)
	if lag := full.Origins()[0].Lag; lag != 5 {
		t.Fatal(lag)
	}
	if err := n.consume(q, "c", "Q.b"); err != nil {
		t.Fatal(err)
	}
	full.Propose(stream.Purge{}.Encode(nil), true)
	n.awaitLast(full, 6)
	n.await("two to be left to copy", func() bool { return full.Origins()[0].Lag == 2 })
	full.Propose(stream.Purge{}.Encode(nil), true)
	n.awaitLast(full, 8)
	n.awaitMessages(q, 4) // for c
	if err := n.Delete(account, "S"); err != nil {
		t.Fatal(err)
	}
	if names := readers(q); !slices.Equal(names, []string{"c"}) {
		t.Fatal(names)
	}
}

// A stream whose messages begin to go once nobody wants them keeps those that were not copied.
func TestRetentionOfOriginChanges(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	q := n.create("Q")
	if err := n.consume(q, "c", "Q.none"); err != nil {
		t.Fatal(err)
	}
	n.publish("Q.a", 8, 10)
	s := n.create("S", sourcesOf("Q"), func(c *stream.Config) { c.MaxMsgs, c.Discard = 3, stream.DiscardNew })
	n.awaitLast(s, 3)
	cfg := *q.Config()
	cfg.Retention = stream.Interest
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.awaitMessages(q, 5)
	cfg = *s.Config()
	cfg.MaxMsgs = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.awaitLast(s, 8)
	n.awaitMessages(q, 0)
	cfg = *q.Config()
	cfg.Retention = stream.Limits
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	if names := readers(q); !slices.Equal(names, []string{"c"}) {
		t.Fatal(names)
	}
	n.publish("Q.a", 2, 10)
	n.awaitLast(s, 10)
	n.awaitMessages(q, 2)
}

// A copier makes its consumer again if somebody drops it, goes on where that is after a reset, waits while it is paused,
// and lets nobody else have what is delivered by it.
func TestReaderIsMeddledWith(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	q := n.create("Q", retaining(stream.WorkQueue))
	s := n.create("S", sourcesOf("Q"))
	n.await("a reader", func() bool { return len(readers(q)) == 1 })
	name := readers(q)[0]
	n.publish("Q.a", 5, 10)
	n.awaitLast(s, 5)
	n.awaitMessages(q, 0)
	if err := q.DropConsumer(name); err != nil {
		t.Fatal(err)
	}
	n.await("another reader", func() bool { return len(readers(q)) == 1 })
	if c := q.Consumer(name); c.Config().StartSeq != 6 {
		t.Fatalf("%+v", c.Config())
	} else if status, ok := c.Status(); !ok || !status.Listening {
		t.Fatalf("%+v", status)
	}
	if err := q.PauseConsumer(name, time.Now().Add(time.Hour).UnixNano()); err != nil {
		t.Fatal(err)
	}
	n.publish("Q.a", 5, 10)
	if _, err := q.ResetConsumer(name, 9); err != nil {
		t.Fatal(err)
	}
	if err := q.PauseConsumer(name, 0); err != nil {
		t.Fatal(err)
	}
	n.awaitLast(s, 7)
	n.awaitMessages(q, 3)
	if _, err := q.ResetConsumer(name, 6); err != nil {
		t.Fatal(err)
	}
	n.publish("Q.a", 1, 10)
	n.awaitLast(s, 8)
}

// A consumer that was made beforehand is used if it acknowledges by flow control, and is given back.
func TestReaderMadeBeforehand(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	q := n.create("Q")
	n.publish("Q.a", 4, 10)
	n.publish("Q.b", 4, 10)
	made := func(name string, ack stream.AckPolicy) {
		cfg := stream.ConsumerConfig{Durable: name, Ack: ack, DeliverSubject: "to." + name, FilterSubject: "Q.b"}
		checked, err := stream.CheckConsumer(cfg, q.Config(), stream.ConsumerBounds{}, false)
		if err == nil {
			_, _, err = q.AddConsumer(checked, stream.ConsumerCreate)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	by := func(name string) *Stream {
		return n.create("S"+name, sourcesOf("Q"), func(c *stream.Config) {
			c.Sources[0].Consumer = &stream.SourceConsumer{Name: name, DeliverSubject: "to." + name}
		})
	}
	good, bad := by("good"), by("bad")
	made("bad", stream.AckExplicit)
	n.await("the other to be refused", func() bool {
		o := bad.Origins()[0]
		return o.Err != nil && o.Err.ErrCode == apierr.SourceConsumerRequiresAckFC
	})
	made("good", stream.AckFlowControl)
	n.awaitLast(good, 4)
	n.await("the consumer to know", func() bool {
		status, _ := q.Consumer("good").Status()
		return status.View.Floor.Stream == 8 && status.View.Delivered.Consumer == 4 && status.View.NumPending == 0 && status.Listening
	})
	if err := n.Delete(account, "Sgood"); err != nil {
		t.Fatal(err)
	}
	if status, ok := q.Consumer("good").Status(); !ok || status.Listening {
		t.Fatalf("%+v", status)
	}
}
