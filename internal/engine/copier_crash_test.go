package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// copied is what is known of streams that copy others: M mirrors A, V mirrors M, and S takes A and B.
type copied struct {
	mirrored map[uint64]string // what M was seen to hold
	sources  *sourced
}

func text(m *Message) string {
	return fmt.Sprintf("%d %d %s %q %q", m.Seq, m.Time, m.Subject, m.Header, m.Body)
}

// each reads all messages of a stream.
func (s *Stream) each(visit func(m *Message) error) error {
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s is refused: %w", s.Name(), err)
	}
	for seq := max(1, s.Info().First); seq <= s.Info().Last; seq++ {
		m, _, err := s.Read(seq, nil)
		if err == nil {
			err = visit(&m)
		} else if errors.Is(err, ErrNotFound) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%s %d: %w", s.Name(), seq, err)
		}
	}
	return nil
}

// prefix finds whether a mirror says anything else than its origin.
func (x *copied) prefix(origin, mirror *Stream, seen map[uint64]string) error {
	if o, m := origin.Info(), mirror.Info(); m.Last > o.Last {
		return fmt.Errorf("%s has come to %d, and its origin to %d", mirror.Name(), m.Last, o.Last)
	}
	return mirror.each(func(m *Message) error {
		is := text(m)
		if was, ok := seen[m.Seq]; ok && was != is {
			return fmt.Errorf("was %s and is %s", was, is)
		}
		seen[m.Seq] = is
		if o, _, err := origin.Read(m.Seq, nil); err == nil && text(&o) != is {
			return fmt.Errorf("is %s, and in the origin %s", is, text(&o))
		}
		return nil
	})
}

// complete finds whether a mirror lacks something.
func complete(origin, mirror *Stream) error {
	return origin.each(func(m *Message) error {
		_, _, err := mirror.Read(m.Seq, nil)
		return err
	})
}

// check compares after a crash: at once, and when all is copied.
func (x *copied) check(n *node) error {
	a, m, s := n.Stream(account, "A"), n.Stream(account, "M"), n.Stream(account, "S")
	if a == nil || m == nil || s == nil {
		return nil
	}
	if err := x.prefix(a, m, x.mirrored); err != nil {
		return err
	}
	if len(s.Config().Sources) == 1 {
		if err := toggle(n, s); err != nil {
			return err
		}
	}
	v := n.create("V", mirrorOf("M"), func(c *stream.Config) { c.Storage = stream.Memory })
	for _, s := range []*Stream{m, v, s} {
		n.await("all to be copied", func() bool {
			for _, o := range s.Origins() {
				if (o.Lag > 0 || o.Active != 0 || o.Err != nil) && n.Stream(account, o.Source.Name) != nil {
					return false
				}
			}
			return true
		})
	}
	n.awaitLast(m, a.Info().Last)
	n.awaitLast(v, a.Info().Last)
	if err := errors.Join(x.prefix(a, m, x.mirrored), x.prefix(m, v, map[uint64]string{}), complete(a, m), complete(a, v)); err != nil {
		return err
	}
	return x.sources.check(n, s)
}

// create makes what is missing.
func (x *copied) create(n *node, async bool) (all bool) {
	kinds := map[string]func(*stream.Config){
		"A": func(c *stream.Config) {
			if async {
				c.PersistMode = stream.PersistAsync
			}
		},
		"B": func(*stream.Config) {}, "M": mirrorOf("A"), "S": x.sources.configure,
		"V": func(c *stream.Config) { mirrorOf("M")(c); c.Storage = stream.Memory },
	}
	for _, name := range []string{"S", "M", "A", "B", "V"} {
		if n.Stream(account, name) == nil {
			if _, _, err := n.tryCreate(name, func(c *stream.Config) { c.DuplicateWindow = time.Hour }, kinds[name]); err != nil {
				return false
			}
		}
	}
	return true
}

// resend has a publisher send again what it had no answer for, and some of what it lost the answer of. Its stream may
// hold that, or may have held it before it was deleted.
func resend(s *Stream, h *history, rnd *rand.Rand) {
	ids := h.unsure
	h.unsure = nil
	for range min(5, h.next) {
		ids = append(ids, h.name+strconv.Itoa(1+rnd.IntN(h.next)))
	}
	h.publish(s, ids, 100)
}

// live loads the origins until the process dies, or for a while.
func (x *copied) live(t *testing.T, fs vfs.FS, origins map[string]*history, rnd *rand.Rand, relax func(*Options), async bool) {
	n, err := open(t, fs, relax, func(o *Options) { o.TailBytes = 1 << 20 })
	if err != nil {
		return
	}
	if rnd.IntN(2) == 0 {
		_ = n.Delete(account, "B")
	}
	for i := range 25 {
		if !x.create(n, async) {
			break
		}
		if i == 0 {
			resend(n.Stream(account, "B"), origins["B"], rnd)
		}
		switch name := []string{"A", "B"}[rnd.IntN(2)]; rnd.IntN(25) {
		case 0:
			_ = n.Delete(account, "B")
		case 1:
			purge(n.Stream(account, "S"), rnd.Uint64N)
		case 2:
			_ = toggle(n, n.Stream(account, "S")) // it fails when the process is dead
		default:
			if s := n.Stream(account, name); s != nil {
				origins[name].step(s, rnd)
			}
		}
	}
	_ = n.Close()
}

// Origins are loaded, purged, deleted and created again, left out and taken in again, while the process dies at a random operation, the
// system with it or not. A mirror never says anything else than its origin nor runs ahead of it, be that
// acknowledged before it is on disk; sources are taken in order, wholly and once. A publisher that had no answer sends
// again, perhaps to a stream that was created again meanwhile; a stream of sources tells that by the ids if it is to.
func TestCopiesThroughCrashes(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		disk := vfs.NewMem()
		origins := map[string]*history{"A": newHistory("A"), "B": newHistory("B")}
		x := &copied{mirrored: map[uint64]string{}, sources: newSourced(seed%2 == 0)}
		relax := func(o *Options) {
			if seed%3 == 2 {
				o.SyncEvery = 2 * time.Millisecond
			}
		}
		for life := range 5 {
			process := vfs.NewFault(disk)
			process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: rnd.IntN(600), Err: vfs.ErrKilled})
			x.live(t, process, origins, rnd, relax, seed%3 == 1)
			if rnd.IntN(3) == 0 {
				disk = disk.Crash(vfs.ProcessDeath)
			} else {
				disk = disk.Crash(vfs.PowerLoss(rnd.Uint64()))
			}
			n := mustOpen(t, disk, relax)
			if err := x.check(n); err != nil {
				t.Fatalf("life %d: %v\n%s", life, err, n.logs.all())
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
