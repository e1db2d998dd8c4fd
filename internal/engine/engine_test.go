package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// What is published is acknowledged with its sequence, can be read, and is there again after a restart in
// order, which finds a checkpoint, and after one without, which finds the log.
func TestPublishReadRestart(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	n.create("A")
	for reply, r := range n.publish("A.x", 1000, 200) {
		if r.Err != nil || fmt.Sprintf("r.%d", r.Seq-1) != reply {
			t.Fatalf("%s: %+v", reply, r)
		}
	}
	check := func(n *node) {
		t.Helper()
		s := n.Stream(account, "A")
		if s == nil || s.Err() != nil {
			t.Fatal("the stream is gone or refused", n.logs.all())
		}
		if info := s.Info(); info.Messages != 1000 || info.Last != 1000 {
			t.Fatalf("%+v", info)
		}
		for seq := uint64(1); seq <= 1000; seq++ {
			m, _, err := s.Read(seq, nil)
			if err != nil || string(m.Subject) != "A.x" || !strings.HasPrefix(string(m.Body), fmt.Sprintf("%d\x00", seq-1)) {
				t.Fatalf("sequence %d: %+v %v", seq, m, err)
			}
		}
		if _, _, err := s.Read(1001, nil); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	check(n)
	killed := disk.Crash(vfs.ProcessDeath)
	failed := disk.Crash(vfs.Policy{})
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, fs := range []*vfs.Mem{disk, killed, failed} {
		again := mustOpen(t, fs)
		check(again)
		if r := again.publish("A.x", 1, 10)["r.0"]; r.Seq != 1001 {
			t.Fatalf("%+v", r)
		}
	}
}

// Much more than memory and log may hold goes through: the files take it, and the log lets go.
func TestFilesTakeOver(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk, func(o *Options) { o.TailBytes = 4 << 20 })
	s := n.create("A")
	for range 40 {
		n.publish("A.x", 500, 2000)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if st := s.home.Stats(); st.Records == 0 {
		t.Fatal("nothing is in files")
	}
	names, err := disk.List(n.layout.Log())
	if err != nil || len(names) > 40 {
		t.Fatalf("the log has %d files: %v", len(names), err)
	}
	again := mustOpen(t, disk)
	if info := again.Stream(account, "A").Info(); info.Messages != 20000 {
		t.Fatalf("%+v; %v", info, again.logs.all())
	}
	for seq := uint64(1); seq <= 20000; seq += 97 {
		if m, _, err := again.Stream(account, "A").Read(seq, nil); err != nil || len(m.Body) != 2000 {
			t.Fatal(seq, err)
		}
	}
}

// Creating is idempotent, updating is in force when it is answered, and a deleted stream is gone with all its
// files, whereupon its name can be used again.
func TestCreateUpdateDelete(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	a := n.create("A")
	if s, created, err := n.tryCreate("A"); s != a || created || err != nil {
		t.Fatal(s, created, err)
	}
	if _, _, err := n.tryCreate("A", func(c *stream.Config) { c.MaxMsgs = 5 }); !errors.Is(err, apierr.StreamNameExist.Err()) {
		t.Fatal(err)
	}
	if _, _, err := n.tryCreate("B", func(c *stream.Config) { c.Subjects = []string{"A.y"} }); !errors.Is(err, apierr.StreamSubjectOverlap.Err()) {
		t.Fatal(err)
	}
	n.publish("A.x", 10, 10)
	cfg := *a.Config()
	cfg.MaxMsgs, cfg.Subjects = 3, []string{"C.>"}
	if _, err := n.Update(account, cfg, false); err != nil {
		t.Fatal(err)
	}
	if a.Config().MaxMsgs != 3 || a.Info().Messages != 3 {
		t.Fatalf("%+v %+v", a.Config(), a.Info())
	}
	if p := n.routes.Publisher(nil); n.routes.Stats().Subs != 1 || p == nil {
		t.Fatal("subscriptions stay behind")
	}
	n.publish("C.x", 1, 10)
	if err := n.Delete(account, "A"); err != nil {
		t.Fatal(err)
	}
	if err := n.Delete(account, "A"); !errors.Is(err, apierr.StreamNotFound.Err()) {
		t.Fatal(err)
	}
	if r := a.Propose(stream.Purge{}.Encode(nil), true); r.Err == nil {
		t.Fatal("a deleted stream takes commands")
	}
	if n.routes.Stats().Subs != 0 {
		t.Fatal("a deleted stream listens")
	}
	n.create("A")
	n.removals.Wait()
	if groups, err := disk.List(n.layout.Groups()); err != nil || len(groups) > 1 {
		t.Fatal(groups, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, disk)
	if s := again.Stream(account, "A"); s == nil || s.Info().Messages != 0 || len(again.Streams(account)) != 1 {
		t.Fatal("the streams are not those that were there", again.logs.all())
	}
}

// A memory stream works like any other and is gone after a restart.
func TestMemoryStream(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	s := n.create("M", func(c *stream.Config) { c.Storage = stream.Memory })
	n.publish("M.x", 100, 100)
	if m, _, err := s.Read(50, nil); err != nil || m.Seq != 50 {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, disk)
	if again.Stream(account, "M") != nil {
		t.Fatal("a memory stream survived")
	}
	again.create("M")
}
