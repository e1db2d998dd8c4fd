package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// history is what a publisher knows of one stream: what it sent, and what it was told.
type history struct {
	name    string
	next    int
	sent    map[string]bool   // ids that were sent
	acked   map[uint64]string // ids by sequence, of what must be there
	deleted map[uint64]bool   // sequences that were deleted, or may have been
	unsure  []string          // ids without an answer
	purged  uint64            // what stood before this sequence may be gone
	certain uint64            // and this must be
}

func newHistory(name string) *history {
	return &history{name: name, sent: map[string]bool{}, acked: map[uint64]string{}, deleted: map[uint64]bool{}}
}

func message(name, id string, size int) stream.Append {
	body := make([]byte, size)
	copy(body, id)
	return stream.Append{
		Span: 1, Subject: []byte(name + ".x"), Header: []byte("NATS/1.0\r\nNats-Msg-Id: " + id + "\r\n\r\n"), Body: body,
	}
}

// publish sends ids and waits for all answers.
func (h *history) publish(s *Stream, ids []string, size int) {
	var all sync.WaitGroup
	replies := make([]stream.Reply, len(ids))
	for i, id := range ids {
		all.Add(1)
		h.sent[id] = true
		s.Append(message(h.name, id, size), func(r stream.Reply) { replies[i] = r; all.Done() })
	}
	all.Wait()
	for i, r := range replies {
		switch {
		case r.Err != nil:
			h.unsure = append(h.unsure, ids[i])
		case h.deleted[r.Seq] || r.Seq < h.purged: // a duplicate of what went since
		default:
			h.acked[r.Seq] = ids[i]
		}
	}
}

// forget notes that a message may be gone.
func (h *history) forget(seq uint64) {
	h.deleted[seq] = true
	delete(h.acked, seq)
}

// step does something to the stream.
func (h *history) step(s *Stream, rnd *rand.Rand) {
	switch dice := rnd.IntN(20); {
	case dice == 0 && s.Info().Last > 0:
		seq := 1 + rnd.Uint64N(s.Info().Last)
		h.forget(seq)
		s.DeleteMessage(seq, rnd.IntN(2) == 0)
	case dice == 1:
		before := 1 + rnd.Uint64N(s.Info().Last+1)
		h.purged = max(h.purged, before)
		if r := s.Propose(stream.Purge{Before: before}.Encode(nil), true); r.Err == nil {
			h.certain = max(h.certain, before)
		}
		for seq := range h.acked {
			if seq < h.purged {
				h.forget(seq)
			}
		}
	case dice == 2 && len(h.unsure) > 0:
		again := h.unsure
		h.unsure = nil
		h.publish(s, again, 100)
	default:
		ids := make([]string, 1+rnd.IntN(40))
		for i := range ids {
			h.next++
			ids[i] = h.name + strconv.Itoa(h.next)
		}
		h.publish(s, ids, 10+rnd.IntN(3000))
	}
}

// check compares the stream with what its publisher knows.
func (h *history) check(s *Stream) error {
	if s == nil {
		if len(h.acked) > 0 {
			return fmt.Errorf("stream %s is gone", h.name)
		}
		return nil
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("stream %s is refused: %w", h.name, err)
	}
	found := map[string]uint64{}
	for seq := uint64(1); seq <= s.Info().Last; seq++ {
		m, _, err := s.Read(seq, nil)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s %d: %w", h.name, seq, err)
		}
		end := 0
		for end < len(m.Body) && m.Body[end] != 0 {
			end++
		}
		id := string(m.Body[:end])
		if len(m.Body) < len(id) || !h.sent[id] {
			return fmt.Errorf("%s %d holds %q, which nobody sent", h.name, seq, id)
		}
		if at, twice := found[id]; twice {
			return fmt.Errorf("%s holds %q at %d and at %d", h.name, id, at, seq)
		}
		if seq < h.certain {
			return fmt.Errorf("%s %d was purged before %d", h.name, seq, h.certain)
		}
		found[id] = seq
	}
	for seq, id := range h.acked {
		if found[id] != seq {
			return fmt.Errorf("%s %d with %q was acknowledged, and is at %d", h.name, seq, id, found[id])
		}
	}
	return nil
}

// seeds runs a test for a few seeds, or for as many as the environment variable SEEDS says or there is time for.
func seeds(t *testing.T, few uint64, run func(t *testing.T, seed uint64)) {
	n := few
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEEDS is %q instead of a number", text)
		}
	}
	begun := time.Now()
	end, limited := t.Deadline()
	for seed := range n {
		if limited && seed >= few && time.Since(begun) > end.Sub(begun)/4 {
			return
		}
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { run(t, seed) })
	}
}

// The process dies at a random operation, the system with it or not, again and again. No acknowledged message
// is lost, none appears that was not sent, no sequence and no message id comes twice.
func TestCrashes(t *testing.T) {
	seeds(t, 12, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		disk := vfs.NewMem()
		histories := []*history{newHistory("A"), newHistory("B"), newHistory("C")}
		for life := range 6 {
			process := vfs.NewFault(disk)
			process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: rnd.IntN(400), Err: vfs.ErrKilled})
			live(t, process, histories, rnd)
			switch rnd.IntN(3) {
			case 0:
				disk = disk.Crash(vfs.ProcessDeath)
			case 1:
				disk = disk.Crash(vfs.Policy{})
			default:
				disk = disk.Crash(vfs.PowerLoss(rnd.Uint64()))
			}
			n, err := open(t, disk.Crash(vfs.ProcessDeath))
			if err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
			for _, h := range histories {
				if err := h.check(n.Stream(account, h.name)); err != nil {
					t.Errorf("life %d: %v", life, err)
				}
			}
			if t.Failed() {
				t.Log(n.logs.all())
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				return
			}
		}
	})
}

// live uses an engine until it dies, or for a while.
func live(t *testing.T, fs vfs.FS, histories []*history, rnd *rand.Rand) {
	n, err := open(t, fs, func(o *Options) { o.TailBytes = 1 << 20 })
	if err != nil {
		return
	}
	for range 30 {
		h := histories[rnd.IntN(len(histories))]
		s := n.Stream(account, h.name)
		if s == nil {
			if s, _, _ = n.tryCreate(h.name, func(c *stream.Config) { c.DuplicateWindow = 1e9 * 3600 }); s == nil {
				continue
			}
		}
		h.step(s, rnd)
	}
	_ = n.Close()
}
