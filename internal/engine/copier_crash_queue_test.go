package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// queue is what is known of Q, whose messages go once they are acknowledged, and of what copies it: S as a source and M as
// a mirror. Both take everything where Q has interest, and each its half where it is a work queue.
type queue struct {
	retention stream.Retention
	relaxed   bool // what was acknowledged need not be on disk
	next      int
	ids       map[uint64]string // by sequence in Q
	last      uint64            // the highest of what was acknowledged
}

var halves = map[string]string{"S": "Q.a", "M": "Q.b"}

// takes reports whether a stream is to have a message.
func (q *queue) takes(name, id string) bool {
	number, _ := strconv.Atoi(id)
	return q.retention == stream.Interest || (name == "S") == (number/2%2 == 0)
}

// create makes what is missing. It reports whether messages that are published now are wanted.
func (q *queue) create(n *node) bool {
	filter := func(name string, s *stream.Source) {
		if q.retention == stream.WorkQueue {
			s.FilterSubject = halves[name]
		}
	}
	kinds := map[string]func(*stream.Config){
		"Q": retaining(q.retention),
		"S": func(c *stream.Config) { sourcesOf("Q")(c); filter("S", &c.Sources[0]) },
		"M": mirrorOf("Q", func(s *stream.Source) { filter("M", s) }),
	}
	for _, name := range []string{"S", "Q", "M"} {
		if n.Stream(account, name) == nil {
			if _, _, err := n.tryCreate(name, kinds[name]); err != nil {
				return false
			}
		}
	}
	return q.retention == stream.WorkQueue || len(readers(n.Stream(account, "Q"))) == 2
}

// publish sends some messages and waits for all answers.
func (q *queue) publish(s *Stream, rnd *rand.Rand) {
	var all sync.WaitGroup
	ids := make([]string, 1+rnd.IntN(40))
	replies := make([]stream.Reply, len(ids))
	for i := range ids {
		q.next++
		ids[i] = strconv.Itoa(q.next)
		a := stream.Append{Span: 1, Subject: []byte("Q.a"), Body: []byte(ids[i] + " " + strings.Repeat("x", rnd.IntN(2000)))}
		if q.next/2%2 == 1 {
			a.Subject = []byte("Q.b")
		}
		all.Add(1)
		s.Append(a, func(r stream.Reply) { replies[i] = r; all.Done() })
	}
	all.Wait()
	for i, r := range replies {
		if r.Err == nil {
			q.ids[r.Seq] = ids[i]
			q.last = max(q.last, r.Seq)
		}
	}
}

// leave has S leave Q out, when it must have nothing that Q has, or take it in again.
func (q *queue) leave(n *node, s *Stream) error {
	if q.retention == stream.Interest {
		return nil // messages would be lost, as they should
	}
	cfg := *s.Config()
	if cfg.Sources = nil; len(s.Config().Sources) == 0 {
		cfg.Sources = []stream.Source{{Name: "Q", FilterSubject: halves["S"]}}
	}
	if _, err := n.Update(account, cfg, false); err != nil || cfg.Sources != nil {
		return nil //nolint:nilerr // the process may be dead
	}
	has, err := q.look(n)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	for seq := range has["S"] {
		if _, both := has["Q"][seq]; both {
			return fmt.Errorf("S has left Q, and both have %d", seq)
		}
	}
	return nil
}

// look finds what is where, by sequence in Q. No copy comes twice or out of order.
func (q *queue) look(n *node) (has map[string]map[uint64]string, err error) {
	has = map[string]map[uint64]string{}
	for _, name := range []string{"Q", "S", "M"} {
		has[name] = map[uint64]string{}
		before := uint64(0)
		err := n.Stream(account, name).each(func(m *Message) error {
			seq := m.Seq
			if name == "S" {
				fields := strings.Fields(field(m.Header, "Nats-Stream-Source"))
				if len(fields) != 6 {
					return fmt.Errorf("says %q", m.Header)
				}
				if seq, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
					return err
				}
			}
			if seq <= before {
				return fmt.Errorf("is %d, after %d", seq, before)
			}
			before = seq
			id, _, _ := strings.Cut(string(m.Body), " ")
			if name != "Q" && !q.takes(name, id) {
				return fmt.Errorf("is %s, which is not for it", id)
			}
			has[name][seq] = id
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return has, nil
}

// check compares after a crash: each message is in Q or where it is to be, and all is there if settled.
func (q *queue) check(n *node, settled bool) error {
	has, err := q.look(n)
	if err != nil {
		return err
	}
	last := n.Stream(account, "Q").Info().Last
	if q.relaxed {
		for seq := range q.ids {
			if seq > last {
				delete(q.ids, seq)
			}
		}
		q.last = min(q.last, last)
	}
	if last < q.last {
		return fmt.Errorf("Q ends at %d, and %d was acknowledged", last, q.last)
	}
	if left := len(has["Q"]); settled && left > 0 {
		return fmt.Errorf("%d messages are left in Q", left)
	}
	for seq := uint64(1); seq <= last; seq++ {
		if err := q.compare(has, seq); err != nil {
			return fmt.Errorf("%d: %w", seq, err)
		}
	}
	return nil
}

func (q *queue) compare(has map[string]map[uint64]string, seq uint64) error {
	id := q.ids[seq]
	for _, name := range []string{"Q", "S", "M"} {
		if is := has[name][seq]; is != "" {
			if id != "" && id != is {
				return fmt.Errorf("is %s in %s, and was %s", is, name, id)
			}
			id = is
		}
	}
	if id == "" {
		return errors.New("is nowhere")
	}
	q.ids[seq] = id
	for _, name := range []string{"S", "M"} {
		if q.takes(name, id) && has[name][seq] == "" && has["Q"][seq] == "" {
			return fmt.Errorf("is neither in Q nor in %s", name)
		}
	}
	return nil
}

// settle waits until all is copied, and Q is empty.
func (q *queue) settle(n *node) error {
	if !q.create(n) {
		n.await("the readers", func() bool { return q.create(n) })
	}
	s, from := n.Stream(account, "S"), n.Stream(account, "Q")
	if len(s.Config().Sources) == 0 {
		if err := q.leave(n, s); err != nil {
			return err
		}
	}
	n.await("Q to be empty", func() bool { return from.Info().Messages == 0 })
	return q.check(n, true)
}

// live loads Q until the process dies, or for a while.
func (q *queue) live(t *testing.T, fs vfs.FS, rnd *rand.Rand, relax func(*Options)) error {
	n, err := open(t, fs, relax, func(o *Options) { o.TailBytes = 1 << 20 })
	if err != nil {
		return nil //nolint:nilerr // the process died
	}
	defer func() { _ = n.Close() }()
	for range 25 {
		if !q.create(n) {
			continue
		}
		if rnd.IntN(10) == 0 {
			if err := q.leave(n, n.Stream(account, "S")); err != nil {
				return err
			}
		} else {
			q.publish(n.Stream(account, "Q"), rnd)
		}
	}
	return nil
}

// Work queues and streams with interest are copied, and left out and taken in again, while the process dies at a random
// operation, the system with it or not. A message leaves them only when it is where it is to be, and is there once.
func TestQueuesThroughCrashes(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		disk := vfs.NewMem()
		q := &queue{retention: []stream.Retention{stream.WorkQueue, stream.Interest}[seed%2], relaxed: seed%3 == 2, ids: map[uint64]string{}}
		relax := func(o *Options) {
			if q.relaxed {
				o.SyncEvery = 2 * time.Millisecond
			}
		}
		for life := range 5 {
			process := vfs.NewFault(disk)
			process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: rnd.IntN(600), Err: vfs.ErrKilled})
			err := q.live(t, process, rnd, relax)
			if rnd.IntN(3) == 0 {
				disk = disk.Crash(vfs.ProcessDeath)
			} else {
				disk = disk.Crash(vfs.PowerLoss(rnd.Uint64()))
			}
			n := mustOpen(t, disk, relax)
			if q.create(n); err == nil {
				err = q.check(n, false)
			}
			if err == nil {
				err = q.settle(n)
			}
			if err != nil {
				t.Fatalf("life %d: %v\n%s", life, err, n.logs.all())
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
