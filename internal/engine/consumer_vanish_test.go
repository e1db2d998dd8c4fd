package engine

import (
	"fmt"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// Messages that go while their acknowledgements are waited for make room for others, and let the next of their key come, however
// they go.
func TestWhatVanishesMakesRoom(t *testing.T) {
	ways := map[string]func(n *node, s *Stream){
		"deleted": func(_ *node, s *Stream) {
			s.DeleteMessage(1, false)
			s.DeleteMessage(2, true)
		},
		"purged": func(_ *node, s *Stream) { s.Propose(stream.Purge{Before: 3}.Encode(nil), true) },
		"emptied": func(n *node, s *Stream) {
			s.Propose(stream.Purge{}.Encode(nil), true)
			for _, subject := range []string{"A.x", "A.y"} {
				n.publish(subject, 1, 20)
			}
		},
		"evicted": func(n *node, s *Stream) {
			for _, subject := range []string{"A.x", "A.y"} {
				n.publish(subject, 1, 20)
			}
		},
	}
	for how, remove := range ways {
		for _, key := range []string{"", "subject:2"} {
			t.Run(fmt.Sprint(how, key), func(t *testing.T) {
				n := mustOpen(t, vfs.NewMem())
				s := n.create("A", func(c *stream.Config) { c.MaxMsgs = 4 })
				c := n.consumer(s, "c", func(c *stream.ConsumerConfig) {
					if c.AckWait, c.MaxAckPending = time.Hour, 2; key != "" {
						c.MaxAckPending, c.Metadata = 4, map[string]string{stream.MetaOrderKey: key}
					}
				})
				n.listenTo("inbox")
				for _, subject := range []string{"A.x", "A.y", "A.x", "A.y"} {
					n.publish(subject, 1, 20)
				}
				n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 4, Expires: int64(time.Hour)})
				n.delivered(2)
				if v := n.status(c).View; v.NumAckPending != 2 || v.NumPending != 2 {
					t.Fatalf("%+v", v)
				}
				remove(n, s)
				if got := n.delivered(2); got[0].Seq <= 2 || got[0].Count != 1 || got[1].Seq != got[0].Seq+1 {
					t.Errorf("%+v", got)
				}
				if v := n.status(c).View; v.NumAckPending != 2 || v.Floor.Stream < 2 {
					t.Errorf("%+v", v)
				}
			})
		}
	}
}

// More consumers than one turn looks after all get what comes for them, and are told when there is nothing.
func TestMoreConsumersThanATurnServes(t *testing.T) {
	const many = 3*servedInTurn - 1
	now := clock.NewFake(time.Unix(1_700_000_000, 0))
	n := mustOpen(t, vfs.NewMem(), func(o *Options) { o.Clock = now })
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	n.listenTo("inbox")
	for i := range many {
		c := n.consumer(s, fmt.Sprint("c", i), func(c *stream.ConsumerConfig) { c.Ack = stream.AckNone })
		n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 2, Expires: int64(time.Hour)})
	}
	s.turns()
	n.publish("A.x", 1, 20)
	seen := map[string]bool{}
	for _, d := range n.delivered(many) {
		seen[d.consumer] = true
	}
	if len(seen) != many {
		t.Errorf("%d consumers gave the message", len(seen))
	}
	s.turns()
	n.post.mu.Lock()
	n.post.said = nil
	n.post.mu.Unlock()
	now.Advance(time.Hour)
	n.await("all to be told", func() bool {
		n.post.mu.Lock()
		defer n.post.mu.Unlock()
		return len(n.post.said) == many
	})
}

// Who listens to a deliver subject in another group, or in none, is not whom a consumer delivers to.
func TestListeningInAGroup(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	all := n.consumer(s, "all", func(c *stream.ConsumerConfig) { c.DeliverSubject, c.Ack = "to.all", stream.AckNone })
	group := n.consumer(s, "group", func(c *stream.ConsumerConfig) {
		c.DeliverSubject, c.DeliverGroup, c.Ack = "to.group", "g", stream.AckNone
	})
	n.publish("A.x", 1, 20)
	for _, other := range []*router.Sub{
		{Pattern: "to.all", Queue: "g", Sink: deaf{}}, {Pattern: "to.group", Queue: "h", Sink: deaf{}}, {Pattern: "to.group", Sink: deaf{}},
	} {
		n.routes.Subscribe(other)
	}
	for _, c := range []*Consumer{all, group} {
		if st := n.status(c); st.Listening || st.View.NumPending != 1 {
			t.Errorf("%s: %+v", c.Name(), st)
		}
	}
	n.routes.Subscribe(&router.Sub{Pattern: "to.group", Queue: "g", Sink: deaf{}})
	n.routes.Subscribe(&router.Sub{Pattern: "to.all", Sink: deaf{}})
	n.delivered(2)
	for _, c := range []*Consumer{all, group} {
		if st := n.status(c); !st.Listening || st.View.NumPending != 0 {
			t.Errorf("%s: %+v", c.Name(), st)
		}
	}
}

// A consumer that goes because nobody wanted it does not take along one of the same name that comes meanwhile.
func TestInactiveConsumerThatComesAgain(t *testing.T) {
	disk := newGated()
	n := mustOpen(t, disk)
	s := n.create("A")
	c := n.consumer(s, "c", func(c *stream.ConsumerConfig) { c.Inactive = time.Hour })
	gate, answers := disk.shut(), make(chan stream.Reply, 2)
	for _, command := range [][]byte{stream.DropConsumer{Name: "c"}.Encode(nil), stream.AddConsumer{Config: c.Config()}.Encode(nil)} {
		s.propose(command, false, func(r stream.Reply) { answers <- r })
	}
	s.events.do(func() { // as when the time is over
		s.dispatch.out(c).Drop = true
		s.dispatch.ship(c)
	})
	s.turns()
	close(gate)
	for range 2 {
		if r := <-answers; r.Err != nil {
			t.Error(r.Err)
		}
	}
	s.turns()
	if r := s.Propose(stream.Purge{}.Encode(nil), true); r.Err != nil {
		t.Fatal(r.Err)
	}
	if again := s.Consumer("c"); again == nil || again == c {
		t.Errorf("there is %p, there was %p", again, c)
	}
}
