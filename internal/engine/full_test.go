package engine

import (
	"errors"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// When the disk is full, publishes are refused with the error that clients know, what is there can be read
// and removed, and when there is space again everything goes on by itself.
func TestDiskFull(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	disk.SetSpace(3 << 20)
	n := mustOpen(t, disk)
	s := n.create("A")
	var acked []uint64
	full := func() bool {
		// What is on its way when the disk fills up is answered when there is space, or something urgent comes.
		answered := make(chan bool)
		defer close(answered)
		go func() {
			for {
				select {
				case <-answered:
					return
				case <-time.After(20 * time.Millisecond):
					s.Propose(stream.Tick{}.Encode(nil), true)
				}
			}
		}()
		for _, r := range n.publish("A.x", 4, 1000) {
			switch {
			case r.Err == nil:
				acked = append(acked, r.Seq)
			case errors.Is(r.Err, apierr.InsufficientResources.Err()):
				return true
			default:
				t.Fatal(r.Err)
			}
		}
		return false
	}
	for i := 0; !full(); i++ {
		if i > 10000 {
			t.Fatal("the disk never fills up")
		}
	}
	for _, seq := range acked {
		if _, _, err := s.Read(seq, nil); err != nil {
			t.Fatal(seq, err)
		}
	}
	if r := s.Propose(stream.Delete{Seq: acked[0]}.Encode(nil), true); r.Err != nil {
		t.Fatal("what frees space is refused:", r.Err)
	}
	disk.SetSpace(-1)
	for deadline := time.Now().Add(patience); full(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("publishing does not resume", n.logs.all())
		}
	}
	if s.Err() != nil || n.Err() != nil {
		t.Fatal(s.Err(), n.Err())
	}
	for _, seq := range acked[1:] {
		if _, _, err := s.Read(seq, nil); err != nil {
			t.Fatal(seq, err)
		}
	}
}

// A log that cannot be synced takes nothing more: nobody is told that a message is safe from then on. What
// was stored can be read.
func TestSyncFails(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	n := mustOpen(t, disk)
	s := n.create("A")
	n.publish("A.x", 10, 100)
	disk.Inject(vfs.Rule{Kinds: vfs.OpSync, Err: errors.New("input/output error")})
	replies := make(chan stream.Reply, 2)
	for range 2 {
		s.Append(stream.Append{Span: 1, Subject: []byte("A.x"), Body: []byte("late")}, func(r stream.Reply) { replies <- r })
	}
	for range 2 {
		if r := <-replies; r.Err == nil {
			t.Fatal("acknowledged what was not synced")
		}
	}
	over := make(chan bool)
	s.events.do(func() { close(over) })
	<-over // the turn that failed
	if s.Err() == nil {
		t.Fatal("the stream is said to be well")
	}
	if _, _, err := s.Read(10, nil); err != nil {
		t.Fatal(err)
	}
	if r := s.Propose(stream.Purge{}.Encode(nil), true); r.Err == nil {
		t.Fatal("a stream without a log takes commands")
	}
}

// All streams together take no more than the node allows, each kind of storage for itself.
func TestNodeLimits(t *testing.T) {
	n := mustOpen(t, vfs.NewMem(), func(o *Options) { o.Limits.ServerStorage, o.Limits.ServerMemory = 100_000, 50_000 })
	files, memory := n.create("F"), n.create("M", func(c *stream.Config) { c.Storage = stream.Memory })
	for s, limit := range map[*Stream]uint64{files: 100_000, memory: 50_000} {
		refused := 0
		for range 60 {
			for _, r := range n.publish(s.Name()+".x", 2, 1000) {
				switch {
				case r.Err == nil:
				case errors.Is(r.Err, apierr.InsufficientResources.Err()):
					refused++
				default:
					t.Fatal(r.Err)
				}
			}
		}
		if bytes := s.Info().Bytes; refused == 0 || bytes < limit || bytes > limit+3000 {
			t.Errorf("%s holds %d bytes after %d refusals", s.Name(), bytes, refused)
		}
		if r := s.Propose(stream.Purge{}.Encode(nil), true); r.Err != nil {
			t.Fatal(r.Err)
		}
		if r := n.publish(s.Name()+".x", 1, 1000)["r.0"]; r.Err != nil {
			t.Error("nothing is taken after a purge:", r.Err)
		}
	}
	if err := n.Delete(account, "F"); err != nil || n.used.storage.Load() != 0 {
		t.Fatal(err, n.used.storage.Load())
	}
}
