package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// mirrorOf and sourcesOf configure a stream that copies others.
func mirrorOf(origin string, change ...func(*stream.Source)) func(*stream.Config) {
	return func(c *stream.Config) {
		c.Subjects, c.Mirror = nil, &stream.Source{Name: origin}
		for _, f := range change {
			f(c.Mirror)
		}
	}
}

func sourcesOf(origins ...string) func(*stream.Config) {
	return func(c *stream.Config) {
		c.Subjects = nil
		for _, name := range origins {
			c.Sources = append(c.Sources, stream.Source{Name: name})
		}
	}
}

// await waits until something is so.
func (n *node) await(what string, so func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// told describes the messages of a stream, with their sequences and times if exact.
func told(t testing.TB, s *Stream, exact bool) string {
	t.Helper()
	var out strings.Builder
	for seq := uint64(1); seq <= s.Info().Last; seq++ {
		m, _, err := s.Read(seq, nil)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if exact {
			fmt.Fprintf(&out, "%d %d ", m.Seq, m.Time)
		}
		fmt.Fprintf(&out, "%s %q %q\n", m.Subject, m.Header, strings.TrimRight(string(m.Body), "\x00"))
	}
	return out.String()
}

// awaitLast waits until a stream has come to a sequence.
func (n *node) awaitLast(s *Stream, seq uint64) {
	n.t.Helper()
	n.await(fmt.Sprintf("%s to reach %d", s.Name(), seq), func() bool { return s.Info().Last >= seq })
	if last := s.Info().Last; last != seq {
		n.t.Fatalf("%s has come to %d, past %d", s.Name(), last, seq)
	}
}

// A mirror has its origin's messages under the same sequences and times, those that were there and those that
// come, on disk and in memory, through restarts; and so has a mirror of it.
func TestMirrorOfStream(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	o := n.create("O")
	n.publish("O.x", 1500, 300)
	o.DeleteMessage(7, false)
	o.DeleteMessage(1500, false)
	m := n.create("M", mirrorOf("O"))
	inMemory := n.create("V", mirrorOf("M"), func(c *stream.Config) { c.Storage = stream.Memory })
	n.awaitLast(m, 1500)
	n.awaitLast(inMemory, 1500)
	n.publish("O.y", 10, 10)
	n.awaitLast(m, 1510)
	n.awaitLast(inMemory, 1510)
	want := told(t, o, true)
	if told(t, m, true) != want || told(t, inMemory, true) != want {
		t.Fatal("the mirrors are not what their origin is")
	}
	if st := m.Origins(); len(st) != 1 || !st[0].Mirror || st[0].Lag != 0 || st[0].Active != 0 || st[0].Err != nil {
		t.Fatalf("%+v", st)
	}
	o.Propose(stream.Purge{}.Encode(nil), true)
	o.DeleteMessage(1, false)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpen(t, disk)
	n.publish("O.z", 5, 10)
	m = n.Stream(account, "M")
	n.awaitLast(m, 1515)
	if got := told(t, m, true); !strings.HasPrefix(got, want) || strings.Count(got, "O.z") != 5 {
		t.Fatal("the mirror is not what it was, and more")
	}
}

// Sources are copied each in its order and once, with transforms and filters; what was purged is not copied
// again; an origin that leaves is left, and one that is created again is copied again.
func TestSourcesOfStream(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	a, _ := n.create("A"), n.create("B")
	n.publish("A.x", 700, 10)
	s := n.create("S", sourcesOf("A", "B"), func(c *stream.Config) {
		c.Subjects = []string{"own"}
		c.Sources[1].Transforms = []stream.SubjectTransform{{Src: "B.y", Dest: "changed"}, {Src: "B.z"}}
	})
	n.publish("own", 1, 1)
	n.publish("B.x", 5, 1)
	n.publish("B.y", 1, 1)
	n.publish("B.z", 1, 1)
	n.awaitLast(s, 703)
	got := told(t, s, false)
	mark := "Nats-Stream-Source: B 6 B.y\fB.z changed\f> B.y " + n.Stream(account, "B").Identity()
	if !strings.Contains(got, fmt.Sprintf("changed %q", "NATS/1.0\r\n"+mark+"\r\n\r\n")) || strings.Count(got, "\nB.z ") != 1 ||
		strings.Count("\n"+got, "\nA.x ") != 700 {
		t.Fatal(got)
	}
	s.Propose(stream.Purge{}.Encode(nil), true)
	n.publish("A.x", 1, 1)
	n.awaitLast(s, 704)
	cfg := *s.Config()
	cfg.Sources = cfg.Sources[:1]
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.publish("B.y", 1, 1)
	before := incarnation(a)
	if err := n.Delete(account, "A"); err != nil {
		t.Fatal(err)
	}
	n.await("the origin to be missed", func() bool {
		st := s.Origins()
		return errors.Is(st[0].Err, apierr.StreamNotFound.Err()) && st[0].Active >= 0
	})
	if incarnation(n.create("A")) == before {
		t.Fatal("two streams are one")
	}
	n.publish("A.new", 3, 1)
	n.awaitLast(s, 707)
	if got := told(t, s, false); strings.Count(got, "A.new") != 6 || strings.Contains(got, "B.y") {
		t.Fatal(got)
	}
}

// What cannot be copied says why, and goes on when the reason is gone.
func TestOriginErrors(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	errorOf := func(s *Stream) string {
		if err := s.Origins()[0].Err; err != nil {
			return err.Error()
		}
		return ""
	}
	expect := func(s *Stream, want string) {
		t.Helper()
		n.await(want, func() bool { return strings.Contains(errorOf(s), want) })
	}
	late := n.create("LATE", mirrorOf("O"))
	expect(late, "stream not found")
	if st := late.Origins()[0]; st.Active != -1 {
		t.Fatalf("%+v", st)
	}
	n.create("O")
	n.publish("O.x", 10, 100)
	n.awaitLast(late, 10)

	full := n.create("FULL", sourcesOf("O"), func(c *stream.Config) { c.MaxMsgs, c.Discard = 4, stream.DiscardNew })
	expect(full, "maximum messages exceeded")
	if lag := full.Origins()[0].Lag; lag != 6 {
		t.Fatalf("lag %d", lag)
	}
	full.Propose(stream.Purge{}.Encode(nil), true)
	n.awaitLast(full, 8)
	cfg := *full.Config()
	cfg.MaxMsgs = -1
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.awaitLast(full, 10)

	small := n.create("SMALL", sourcesOf("O"), func(c *stream.Config) { c.MaxMsgSize = 150 })
	expect(small, "message size exceeds maximum allowed")
	external := func(s *stream.Source) { s.External = &stream.External{API: "$JS.x.API"} }
	expect(n.create("FAR", mirrorOf("O", external)), "no way to streams of other accounts")

	if err := n.Delete(account, "O"); err != nil {
		t.Fatal(err)
	}
	n.create("O")
	expect(late, "origin ends at sequence 0")
	n.publish("O.new", 11, 10)
	n.awaitLast(late, 11)
	if errorOf(late) != "" || late.Origins()[0].Lag != 0 {
		t.Fatal(errorOf(late))
	}
}

// Copying begins where it is told to, takes what passes the filter, and leaves no trace of what does not; a
// mirror that is promoted is a stream of its own.
func TestOriginStart(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.create("O")
	n.publish("O.x", 20, 10)
	pause := n.Stream(account, "O").Info().LastTime
	for time.Now().UnixNano() <= pause {
		time.Sleep(time.Microsecond)
	}
	n.publish("O.y", 20, 10)
	at := time.Unix(0, pause+1)
	bySeq := n.create("SEQ", mirrorOf("O", func(s *stream.Source) { s.StartSeq = 39 }))
	byTime := n.create("TIME", mirrorOf("O", func(s *stream.Source) { s.StartTime = &at }))
	filtered := n.create("Y", mirrorOf("O", func(s *stream.Source) { s.FilterSubject = "O.y" }))
	beyond := n.create("BEYOND", mirrorOf("O", func(s *stream.Source) { s.StartSeq = 100 }))
	for _, s := range []*Stream{bySeq, byTime, filtered} {
		n.awaitLast(s, 40)
	}
	n.awaitLast(beyond, 99)
	n.publish("O.x", 3, 10)
	n.awaitLast(bySeq, 43)
	if i := bySeq.Info(); i.First != 39 || i.Messages != 5 {
		t.Fatalf("%+v", i)
	}
	n.awaitLast(byTime, 43)
	if i := byTime.Info(); i.First != 21 {
		t.Fatalf("%+v", i)
	}
	if i := filtered.Info(); i.First != 21 || i.Messages != 20 || i.Last != 40 || filtered.Origins()[0].Lag != 0 {
		t.Fatalf("%+v %+v", i, filtered.Origins()[0])
	}
	if i := beyond.Info(); i.First != 100 || i.Messages != 0 || beyond.Origins()[0].Err != nil {
		t.Fatalf("%+v %+v", i, beyond.Origins())
	}
	cfg := *bySeq.Config()
	cfg.Mirror, cfg.Subjects = nil, []string{"SEQ.>"}
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	n.publish("O.x", 1, 1)
	if r := n.publish("SEQ.x", 1, 1)["r.0"]; r.Seq != 44 || len(bySeq.Origins()) != 0 {
		t.Fatalf("%+v", r)
	}
}

// Little of an origin is wanted: that is recorded now and then, so that a restart does not begin anew.
func TestSkipRecorded(t *testing.T) {
	n := mustOpen(t, vfs.NewMem())
	n.create("O")
	n.publish("O.x", 3*skipEvery, 1)
	s := n.create("S", sourcesOf("O"), func(c *stream.Config) { c.Sources[0].FilterSubject = "O.y" })
	n.await("progress without messages", func() bool {
		var at uint64
		s.View(func(state *stream.State) { at = state.Origins()[0].Seq })
		return at > 2*skipEvery
	})
	n.publish("O.y", 1, 1)
	n.awaitLast(s, 1)
}

// What an origin has lost is missing in its mirror, which says so in the log, and has all else.
func TestMirrorOfDamaged(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	group := n.create("O").asset.Group
	n.publish("O.x", 3000, 1000)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	file := ""
	for _, name := range filesBelow(t, disk, n.layout.Messages(group)) {
		if info, err := disk.Stat(name); err == nil && info.Size() > 1<<20 {
			file = name
		}
	}
	data, err := vfs.ReadFile(disk, file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/4] ^= 1
	rewrite(t, disk, file, data)
	n = mustOpen(t, disk)
	o := n.Stream(account, "O")
	m := n.create("M", mirrorOf("O"))
	n.awaitLast(m, 3000)
	lost := 0
	for seq := uint64(1); seq <= 3000; seq++ {
		want, _, damage := o.Read(seq, nil)
		got, _, err := m.Read(seq, nil)
		if damage != nil {
			lost++
		}
		if damage == nil && (err != nil || text(&got) != text(&want)) || damage != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(seq, damage, err)
		}
	}
	if said := strings.Count(strings.Join(n.logs.all(), "\n"), "goes without message"); lost == 0 || said != lost {
		t.Fatalf("%d are lost, and %d are said to be", lost, said)
	}
}
