package engine

import (
	"sync"
	"testing"

	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// hold takes the token of a copier, whose rounds are then the caller's to run, until release or the test's end.
func (n *node) hold(c *copier) (release func()) {
	n.t.Helper()
	n.await("the copier to rest", func() bool {
		c.errand.mu.Lock()
		defer c.errand.mu.Unlock()
		if c.running {
			return false
		}
		c.running = true
		return true
	})
	release = sync.OnceFunc(func() { go c.run() })
	n.t.Cleanup(release)
	return release
}

// answer waits until nothing is under way.
func (n *node) answer(c *copier) {
	n.t.Helper()
	n.await("an answer", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.flights == 0
	})
}

func (n *node) expectLag(s *Stream, when string, want uint64) {
	n.t.Helper()
	if o := s.Origins()[0]; o.Lag != want {
		n.t.Fatalf("%s: %d messages are to be copied, and not %d", when, o.Lag, want)
	}
}

// What was proposed and refused is still to be copied, at any time; and so is all of an origin that was created
// again, whatever was seen of the one before.
func TestLagOfOrigin(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.create("O")
	n.publish("O.x", 5, 10)
	s := n.create("S", sourcesOf("O"), func(c *stream.Config) { c.MaxMsgs, c.Discard = 8, stream.DiscardNew })
	n.awaitLast(s, 5)
	c := s.copiers.list[0]
	release := n.hold(c)
	c.round()
	n.expectLag(s, "all is copied", 0)

	n.publish("O.x", 6, 10)
	n.expectLag(s, "published", 6)
	c.round()
	n.answer(c)
	n.expectLag(s, "three are taken and three refused", 3)
	c.round()
	n.expectLag(s, "the refusal was seen", 3)
	s.Propose(stream.Purge{}.Encode(nil), true)
	c.round() // where the stream stands
	c.round()
	n.answer(c)
	n.expectLag(s, "two are tried, one by one, and taken", 1)
	c.round()
	n.answer(c)
	n.expectLag(s, "nothing is left", 0)

	if err := n.Delete(account, "O"); err != nil {
		t.Fatal(err)
	}
	n.create("O")
	n.publish("O.x", 4, 10)
	n.expectLag(s, "another one is not followed", 4)
	c.round()
	n.answer(c)
	n.expectLag(s, "it is followed", 4)
	release()
	n.awaitLast(s, 15)
	n.await("all to be copied", func() bool { return s.Origins()[0].Lag == 0 })
}
