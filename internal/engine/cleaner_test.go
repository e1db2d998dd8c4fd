package engine

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

// settle returns when the keeper has made a checkpoint of everything.
func (n *node) settle() {
	n.checkpointAll(0)
	done := make(chan struct{})
	n.keeper.add(func() { close(done) })
	<-done
}

// holds says whether a file of the stream's messages has a subject of the kind that publishMany makes.
func (n *node) holds(disk *vfs.Mem, s *Stream, subject string) bool {
	n.t.Helper()
	dir := n.layout.Messages(s.asset.Group)
	names, err := disk.List(dir)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, name := range names {
		data, err := vfs.ReadFile(disk, filepath.Join(dir, name))
		if err != nil {
			n.t.Fatal(err)
		}
		if bytes.Contains(data, []byte(subject+"\x00")) {
			return true
		}
	}
	return false
}

// Messages that were erased right before the end, or before a checkpoint by which the log forgets it, are overwritten.
func TestErasedBeforeCheckpoint(t *testing.T) {
	for _, end := range []bool{false, true} {
		disk := vfs.NewMem()
		n := mustOpen(t, disk)
		s := n.create("E")
		n.publishMany("E.secret", 2000, 1000)
		n.settle()
		if !n.holds(disk, s, "E.secret.7") {
			t.Fatal("nothing is in the files")
		}
		for seq := uint64(1); seq <= 2000; seq += 1 + seq%200 {
			if r := s.DeleteMessage(seq, true); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if end {
			n.publishMany("E.more", 2*restBytes/1000, 1000)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			n.settle()
		}
		for seq := uint64(1); seq <= 2000; seq += 1 + seq%200 {
			if n.holds(disk, s, fmt.Sprintf("E.secret.%d", seq-1)) {
				t.Fatalf("%d is still in a file, closed %v", seq, end)
			}
		}
		if !n.holds(disk, s, "E.secret.3") {
			t.Fatal("too much is gone")
		}
	}
}
