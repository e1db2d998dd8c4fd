package engine

import (
	"fmt"
	"testing"
	"time"

	"myelin/internal/consumer"
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
