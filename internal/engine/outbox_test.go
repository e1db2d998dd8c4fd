package engine

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// deadTo makes a consumer give up messages to a stream, after one delivery.
func deadTo(target string) func(*stream.ConsumerConfig) {
	return func(c *stream.ConsumerConfig) {
		c.MaxDeliver, c.AckWait = 1, time.Hour
		c.Metadata = map[string]string{stream.MetaDeadLetter: target}
	}
}

func workQueue(c *stream.Config) { c.Retention = stream.WorkQueue }

// fetch pulls messages and answers all of them with one kind.
func (n *node) fetch(c *Consumer, count int, kind stream.AckKind) []sent {
	n.t.Helper()
	n.pull(c, consumer.Request{To: []byte("inbox"), Batch: count, Expires: int64(time.Minute)})
	got := n.delivered(count)
	n.ask(func(b *router.Batch) {
		for _, d := range got {
			c.Acknowledge(b, nil, &stream.AckItem{Kind: kind, Seq: d.Seq, Reason: []byte("of no use")})
		}
	})
	return got
}

// letters returns what dead letters in a stream say, by the sequence of their messages.
func (n *node) letters(s *Stream) map[uint64]string {
	n.t.Helper()
	got := map[uint64]string{}
	if err := s.each(func(m *Message) error {
		seq, err := strconv.ParseUint(field(m.Header, "Myelin-Dead-Sequence"), 10, 64)
		if err != nil || got[seq] != "" {
			return fmt.Errorf("says %q after %q: %v", m.Header, got[seq], err)
		}
		body, _, _ := strings.Cut(string(m.Body), "\x00")
		got[seq] = strings.Join([]string{
			field(m.Header, "Myelin-Dead-Reason"), field(m.Header, "Myelin-Dead-Detail"), field(m.Header, "Myelin-Dead-Deliveries"),
			field(m.Header, "Myelin-Dead-Lost"), string(m.Subject), body,
		}, "|")
		return nil
	}); err != nil {
		n.t.Fatal(err)
	}
	return got
}

func (n *node) awaitMessages(s *Stream, count uint64) {
	n.t.Helper()
	n.await(fmt.Sprintf("%s to hold %d messages", s.Name(), count), func() bool { return s.Info().Messages == count })
}

// awaitRelays waits until nobody has anything to send, nor knows of whom it sent something to.
func (n *node) awaitRelays() {
	n.t.Helper()
	n.await("the relays to rest", func() bool {
		n.relays.mu.Lock()
		defer n.relays.mu.Unlock()
		return len(n.relays.by) == 0
	})
}

// What a consumer gives up waits in a work queue for its target, goes there when that is created, and is gone then. It is
// told in the log once.
func TestDeadLetters(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs)
	s := n.create("A", workQueue)
	c := n.consumer(s, "c", deadTo("DEAD"))
	n.listenTo("inbox")
	n.publish("A.x", 10, 20)
	n.fetch(c, 3, stream.AckTerm)
	n.fetch(c, 3, stream.AckNak) // which is one delivery too many
	n.fetch(c, 3, stream.AckDone)
	n.awaitMessages(s, 7)
	if st := n.status(c); st.View.NumAckPending != 0 || st.View.NumPending != 1 || st.View.Floor.Stream != 9 {
		t.Errorf("%+v", st.View)
	}
	n.await("the log to say so", func() bool { return len(n.logs.all()) > 0 })
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if loud := n.logs.all(); len(loud) != 1 || !strings.Contains(loud[0], "keeps dead letters for stream 'DEAD'") {
		t.Error(loud)
	}

	n = mustOpen(t, fs)
	s = n.Stream(account, "A")
	dead := n.create("DEAD")
	n.awaitMessages(dead, 6)
	n.awaitMessages(s, 1)
	got := n.letters(dead)
	for seq := range uint64(6) {
		want := fmt.Sprintf("terminated|of no use|1||A.x|%d", seq)
		if seq >= 3 {
			want = fmt.Sprintf("max_deliver||1||A.x|%d", seq)
		}
		if got[seq+1] != want {
			t.Errorf("%d: %q, want %q", seq+1, got[seq+1], want)
		}
	}
}

// A target that is full or absent holds up no other, and a letter that is too large none of the same.
func TestDeadLettersPassEachOtherBy(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	s := n.create("A", func(c *stream.Config) { c.Subjects = []string{"A.>"}; c.Storage = stream.Memory })
	n.listenTo("inbox")
	small := n.create("SMALL", func(c *stream.Config) { c.MaxMsgSize = 1000 })
	full := n.create("FULL", func(c *stream.Config) { c.MaxMsgs, c.Discard = 1, stream.DiscardNew })
	n.publish("A.x", 1, 2000)
	n.publish("A.x", 3, 20)
	for _, target := range []string{"ABSENT", "FULL", "SMALL"} {
		n.fetch(n.consumer(s, "for"+target, deadTo(target)), 4, stream.AckTerm)
	}
	n.awaitMessages(small, 3)
	n.awaitMessages(full, 1)
	purge(full, func(uint64) uint64 { return 1 })
	n.await("another letter", func() bool { return full.Info().Last == 2 })

	cfg := *full.Config()
	cfg.MaxMsgs = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	cfg = *small.Config()
	cfg.MaxMsgSize = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.await("the others", func() bool { return full.Info().Last == 4 })
	n.awaitMessages(small, 4)
	n.awaitMessages(n.create("ABSENT"), 4)
	n.await("the outbox to be empty", func() (empty bool) {
		s.View(func(state *stream.State) { empty = state.Outbox() == 0 })
		return empty
	})
}

// What is gone before it could be relayed is told of without its body. A stream that is deleted takes its dead letters with it.
func TestDeadLettersWithoutMessages(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.listenTo("inbox")
	a, b := n.create("A"), n.create("B", workQueue)
	n.publish("A.x", 3, 20)
	n.publish("B.x", 3, 20)
	n.fetch(n.consumer(a, "c", deadTo("DEAD")), 3, stream.AckTerm)
	n.fetch(n.consumer(b, "c", deadTo("DEAD")), 3, stream.AckTerm)
	n.await("the dead letters", func() (there bool) {
		b.View(func(state *stream.State) { there = state.Outbox() == 3 })
		return there
	})
	n.await("both to look for DEAD", func() bool { return len(n.logs.all()) == 2 })
	if r := a.Propose(stream.Purge{Before: 3}.Encode(nil), true); r.Err != nil {
		t.Fatal(r.Err)
	}
	if err := n.Delete(account, "B"); err != nil {
		t.Fatal(err)
	}
	n.relays.mu.Lock()
	if waiting := len(n.relays.by[streamName{account, "DEAD"}]); waiting != 1 {
		t.Errorf("%d streams are told of DEAD", waiting)
	}
	n.relays.mu.Unlock()
	dead := n.create("DEAD")
	n.awaitMessages(dead, 3)
	got := n.letters(dead)
	for seq, want := range map[uint64]string{1: "|true|A.x|", 2: "|true|A.x|", 3: "||A.x|2"} {
		if got[seq] != "terminated|of no use|1"+want {
			t.Errorf("%d: %q", seq, got[seq])
		}
	}
	n.awaitRelays()
	full := *dead.Config()
	full.MaxMsgs, full.Discard = 3, stream.DiscardNew
	if _, err := n.Update(account, full, false); err != nil {
		t.Fatal(err)
	}
	n.publish("A.x", 1, 20)
	n.fetch(a.Consumer("c"), 1, stream.AckTerm)
	n.await("a refusal", func() bool { return len(n.logs.all()) > 2 })
	if err := n.Delete(account, "DEAD"); err != nil {
		t.Fatal(err)
	}
	n.awaitMessages(n.create("DEAD"), 1)
}

// Targets come and go while several streams give up messages. In the end all that waits is where it belongs, and nobody is
// remembered who has nothing to send.
func TestDeadLettersWhileTargetsComeAndGo(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	disk.OnOp = func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			time.Sleep(time.Millisecond) // so that targets go with letters under way to them
		}
		return nil
	}
	n := mustOpen(t, disk)
	n.listenTo("inbox")
	var sources []*Stream
	for _, name := range []string{"A", "B", "C"} {
		s := n.create(name, workQueue)
		n.consumer(s, "c", deadTo("DEAD"))
		sources = append(sources, s)
	}
	for round := range 10 {
		for _, s := range sources {
			n.publish(s.Name()+".x", 10, 100)
			n.fetch(s.Consumer("c"), 10, stream.AckTerm)
			if round%3 != 1 {
				n.create("DEAD")
			} else if n.Stream(account, "DEAD") != nil {
				if err := n.Delete(account, "DEAD"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, s := range sources {
		n.awaitMessages(s, 0)
	}
	n.awaitRelays()
	seen := map[string]int{}
	if err := n.Stream(account, "DEAD").each(func(m *Message) error {
		seen[field(m.Header, "Myelin-Dead-Stream")+field(m.Header, "Myelin-Dead-Sequence")]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) < 60 { // those of two rounds since the target was deleted last
		t.Errorf("%d dead letters", len(seen))
	}
	for letter, times := range seen {
		if times > 1 {
			t.Errorf("%s is there %d times", letter, times)
		}
	}
}

// outbox is what a stream says of letters that wait.
func outbox(s *Stream) string {
	status := s.Outbox()
	if status == nil {
		return ""
	}
	var list []string
	for _, q := range status.Queues {
		list = append(list, fmt.Sprintf("%d for %s: %v", q.DeadLetters, q.Target, q.Error))
	}
	return strings.Join(list, "; ")
}

// It can be seen how many letters wait, for whom and why, until none does.
func TestOutboxIsShown(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.listenTo("inbox")
	s := n.create("A", func(c *stream.Config) { c.Storage = stream.Memory })
	full := n.create("FULL", func(c *stream.Config) { c.MaxMsgs, c.Discard, c.Storage = 1, stream.DiscardNew, stream.Memory })
	small := n.create("SMALL", func(c *stream.Config) { c.MaxMsgSize, c.Storage = 1000, stream.Memory })
	if got := outbox(s); got != "" {
		t.Fatal(got)
	}
	n.publish("A.x", 1, 2000)
	n.publish("A.x", 2, 20)
	for _, target := range []string{"FULL", "LATE", "SMALL"} {
		n.fetch(n.consumer(s, "c"+target, deadTo(target)), 3, stream.AckTerm)
	}
	n.awaitMessages(small, 2)
	want := "2 for FULL: maximum messages exceeded (10077); 3 for LATE: stream not found (10059); 1 for SMALL: message size exceeds maximum allowed (10054)"
	n.await(want, func() bool { return outbox(s) == want })
	n.awaitMessages(n.create("LATE"), 3)
	cfg := *full.Config()
	cfg.MaxMsgs = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	want = "1 for SMALL: message size exceeds maximum allowed (10054)"
	n.await(want, func() bool { return outbox(s) == want })
	if err := n.Delete(account, "SMALL"); err != nil {
		t.Fatal(err)
	}
	n.awaitMessages(n.create("SMALL"), 1)
	n.await("nothing to wait", func() bool { return outbox(s) == "" })
}
