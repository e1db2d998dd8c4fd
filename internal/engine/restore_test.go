package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/consumer"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

func backedUp(seq uint64) *Message {
	return &Message{Seq: seq, Time: int64(seq) * 1000, Subject: fmt.Appendf(nil, "R.%d", seq%7), Body: fmt.Appendf(nil, "%01000d", seq)}
}

// A restored stream has the messages of its backup and goes on after them; until then it is not there, and
// nobody else can have its name or subjects.
func TestRestore(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	r, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}, Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(3); seq < 3000; seq += 2 {
		if err := r.Add(backedUp(seq)); err != nil {
			t.Fatal(err)
		}
	}
	if n.Stream(account, "R") != nil || len(n.Streams(account)) != 0 || n.routes.Stats().Subs != 0 {
		t.Fatal("it shows before it is restored")
	}
	if _, _, err := n.tryCreate("R"); !errors.Is(err, apierr.StreamNameExist.Err()) {
		t.Fatal(err)
	}
	if _, _, err := n.tryCreate("OTHER", func(c *stream.Config) { c.Subjects = []string{"R.x"} }); !errors.Is(err, apierr.StreamSubjectOverlap.Err()) {
		t.Fatal(err)
	}
	if err := n.Delete(account, "R"); !errors.Is(err, apierr.StreamNotFound.Err()) {
		t.Fatal(err)
	}
	if _, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}, Metadata: map[string]string{"a": "b"}}); !errors.Is(err, apierr.StreamNameExist.Err()) {
		t.Fatal(err)
	}
	if _, err := n.Update(account, stream.Config{Name: "R"}, false); !errors.Is(err, apierr.StreamNotFound.Err()) {
		t.Fatal(err)
	}
	s, failed := r.Finish(3010)
	if failed != nil {
		t.Fatal(failed)
	}
	if i := s.Info(); i.First != 3 || i.Last != 3010 || i.Messages != 1499 || len(s.Config().Metadata) != 2 {
		t.Fatalf("%+v %v", i, s.Config().Metadata)
	}
	if answer := n.publish("R.x", 1, 1)["r.0"]; answer.Seq != 3011 {
		t.Fatalf("%+v", answer)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpen(t, disk)
	for seq := uint64(1); seq < 3000; seq++ {
		m, _, err := n.Stream(account, "R").Read(seq, nil)
		if want := backedUp(seq); seq%2 == 0 || seq < 3 {
			if !errors.Is(err, ErrNotFound) {
				t.Fatal(seq, err)
			}
		} else if err != nil || text(&m) != text(want) {
			t.Fatal(seq, err)
		}
	}
}

// What cannot be restored leaves nothing, and the name is free again.
func TestRestoreAbandoned(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	begin := func() *Restore {
		r, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}, AllowCounter: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := begin()
	if err := r.Add(backedUp(1)); err != nil { // which counts nothing
		t.Fatal(err)
	}
	if _, err := r.Finish(0); !errors.Is(err, apierr.MessageCounterBroken.Err()) {
		t.Fatal(err)
	}
	if err := begin().Abandon(); err != nil {
		t.Fatal(err)
	}
	n.create("R")
	n.removals.Wait()
	if groups, err := n.fs.List(n.layout.Groups()); err != nil || len(groups) > 1 {
		t.Fatal(groups, err)
	}
	if _, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}}); !errors.Is(err, apierr.StreamNameExist.Err()) {
		t.Fatal(err)
	}
	if _, _, err := n.tryCreate("P", func(c *stream.Config) { c.Metadata = map[string]string{metaRestoring: "true"} }); err == nil {
		t.Fatal("a stream pretends to be restored")
	}
}

// The process dies at a random operation: the stream is there with all its messages, or nothing of it is.
func TestRestoreThroughCrashes(t *testing.T) {
	seeds(t, 30, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		disk := vfs.NewMem()
		mustOpen(t, disk).Close()
		process := vfs.NewFault(disk)
		process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: rnd.IntN(60), Err: vfs.ErrKilled})
		n, err := open(t, process)
		finished := false
		if err == nil {
			if r, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}}); err == nil {
				r.AddConsumer(aReader("C"))
				for seq := uint64(1); seq <= 5000; seq++ {
					if r.Add(backedUp(seq)) != nil {
						break
					}
				}
				r.AddConsumer(aReader("D"))
				_, err := r.Finish(0)
				finished = err == nil
			}
			_ = n.Close()
		}
		disk = disk.Crash(vfs.PowerLoss(rnd.Uint64()))
		n = mustOpen(t, disk)
		s := n.Stream(account, "R")
		if s == nil && finished || s != nil && s.Info().Messages != 5000 {
			t.Fatalf("finished: %v; %+v", finished, s)
		}
		if s != nil {
			checkReader(t, s, "C")
			checkReader(t, s, "D")
		}
		if s == nil {
			n.create("R")
		}
		for _, line := range n.logs.all() {
			if strings.Contains(line, "belongs to no stream") || strings.Contains(line, "which no stream owns") {
				t.Error(line)
			}
		}
	})
}

// aReader is a consumer that was given 4 messages, of which it acknowledged two.
func aReader(name string, change ...func(*stream.ConsumerConfig)) *stream.ConsumerRecord {
	cfg := stream.ConsumerConfig{Name: name, Durable: name, Ack: stream.AckExplicit, AckWait: time.Hour, MaxDeliver: -1, MaxAckPending: 100, MaxWaiting: 10}
	for _, c := range change {
		c(&cfg)
	}
	return &stream.ConsumerRecord{
		Config: &cfg, Created: 77, Delivered: stream.Position{Consumer: 5, Stream: 4}, Floor: stream.Position{Consumer: 1, Stream: 1},
		Pending: []stream.PendingAck{{Seq: 2, DSeq: 2, Time: 1, Count: 2}, {Seq: 4, DSeq: 4, Time: 1, Count: 1}},
	}
}

func checkReader(t *testing.T, s *Stream, name string) {
	t.Helper()
	var view stream.ConsumerView
	s.View(func(state *stream.State) { view, _ = state.Consumer(name) })
	if s.Consumer(name) == nil || view.NumAckPending != 2 || view.Delivered.Stream != 4 || view.Floor.Stream != 1 || view.Created != 77 {
		t.Errorf("%s is %+v", name, view)
	}
}

// Restored consumers are at work as soon as the stream shows, and not before: those that push, and those in memory, too.
func TestRestoreBringsConsumers(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.listenTo("push.to")
	n.listenTo("in")
	r, err := n.Restore(account, stream.Config{Name: "R", Subjects: []string{"R.>"}})
	if err != nil {
		t.Fatal(err)
	}
	r.AddConsumer(aReader("PULL"))
	r.AddConsumer(aReader("PUSH", func(c *stream.ConsumerConfig) { c.DeliverSubject = "push.to" }))
	r.AddConsumer(aReader("MEMORY", func(c *stream.ConsumerConfig) { c.MemoryStorage = true }))
	for seq := uint64(1); seq <= 6; seq++ {
		if err := r.Add(backedUp(seq)); err != nil {
			t.Fatal(err)
		}
	}
	r.send()
	r.settle()
	r.addConsumers()
	if len(r.stream.Consumers()) > 0 || len(n.post.got) > 0 {
		t.Fatal("consumers work before the stream shows")
	}
	r.consumers = nil
	s, failed := r.Finish(0)
	if failed != nil {
		t.Fatal(failed)
	}
	for _, name := range []string{"PULL", "MEMORY"} {
		checkReader(t, s, name)
	}
	n.pull(s.Consumer("PULL"), consumer.Request{Batch: 10, To: []byte("in")})
	got := map[string][]uint64{}
	for _, d := range n.delivered(8) {
		got[d.consumer] = append(got[d.consumer], d.Seq)
	}
	if fmt.Sprint(got) != "map[PULL:[2 4 5 6] PUSH:[2 4 5 6]]" {
		t.Errorf("delivered %v", got)
	}
}

// A consumer that the stream may not have keeps it from being restored.
func TestRestoreRefusesConsumers(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	r, err := n.Restore(account, stream.Config{Name: "R", Retention: stream.WorkQueue})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(backedUp(4)); err != nil {
		t.Fatal(err)
	}
	r.AddConsumer(aReader("A"))
	r.AddConsumer(aReader("B")) // which would get the same
	if _, err := r.Finish(0); !errors.Is(err, apierr.ConsumerWQMultipleUnfiltered.Err()) || !strings.Contains(err.Error(), "consumer B") {
		t.Error(err)
	}
	if n.Stream(account, "R") != nil {
		t.Error("it is there")
	}
}
