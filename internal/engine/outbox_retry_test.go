package engine

import (
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// A letter that is too large holds up none behind it, however many there are.
func TestLargeDeadLettersHoldUpNone(t *testing.T) {
	const many = 3 * relayLetters
	n := mustOpen(t, vfs.NewMem())
	n.listenTo("inbox")
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	small := n.create("SMALL", func(c *stream.Config) { c.MaxMsgSize = 1000 })
	n.publish("A.x", 1, 2000)
	n.publish("A.x", many, 20)
	n.fetch(n.consumer(s, "c", deadTo("SMALL")), many+1, stream.AckTerm)
	n.awaitMessages(small, many)
}

// What a target refuses is tried again when its time has come, with one letter, and not whenever there is another one.
func TestRefusedDeadLettersWait(t *testing.T) {
	now := clock.NewFake(time.Unix(1_700_000_000, 0))
	n := mustOpen(t, vfs.NewMem(), func(o *Options) { o.Clock = now })
	n.listenTo("inbox")
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	full := n.create("FULL", func(c *stream.Config) { c.MaxMsgs, c.Discard, c.Storage = 1, stream.DiscardNew, stream.Memory })
	c := n.consumer(s, "c", deadTo("FULL"))
	die := func() {
		n.publish("A.x", 10, 20)
		n.fetch(c, 10, stream.AckTerm)
		n.status(c)
	}
	rests := func() {
		n.await("the relay to rest", func() bool {
			s.carrier().mu.Lock()
			defer s.carrier().mu.Unlock()
			return !s.carrier().running && !s.carrier().more
		})
	}
	tried := func() uint64 {
		rests()
		applied, _ := full.still()
		rests()
		return applied
	}
	die()
	n.await("a refusal", func() bool { return len(n.logs.all()) > 0 })
	before := tried()
	for range 5 {
		die()
	}
	if now := tried(); now != before {
		t.Errorf("it is tried again %d times", now-before)
	}
	wait := minRelayWait
	for i := range uint64(5) {
		now.Advance(wait - time.Millisecond)
		early := tried()
		now.Advance(time.Millisecond)
		if in := tried(); early != before+i || in != before+i+1 {
			t.Errorf("it is tried again %d times before %v are over, then %d times, instead of %d and %d", early-before, wait, in-before, i, i+1)
		}
		wait *= 2
	}
	waiting := 0
	s.View(func(state *stream.State) { waiting = state.Outbox() })
	if taken := full.Info().Messages; taken != 1 || waiting != 59 {
		t.Errorf("%d are taken, and %d wait", taken, waiting)
	}
	cfg := *full.Config()
	cfg.MaxMsgs = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.awaitMessages(full, 60) // at once
}
