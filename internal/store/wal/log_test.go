package wal

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"myelin/internal/vfs"
)

func isDamage(err error, group uint64) bool {
	var d *Damage
	return errors.As(err, &d) && d.Group == group
}

func commitNow(t *testing.T, l *Log, records ...Record) {
	t.Helper()
	if done, err := l.TryCommit(&Batch{Records: records}); !done || err != nil {
		t.Fatalf("commit: %v, %v", done, err)
	}
}

// lead makes a group, or raises its term.
func lead(group, term uint64) Record { return Record{Kind: HardState, Group: group, Term: term} }

func entry(group, term, index uint64, data string) Record {
	return Record{Kind: Entry, Group: group, Term: term, Index: index, Data: []byte(data)}
}

// fillSegments appends to a group until so many segments were begun.
func fillSegments(t *testing.T, l *Log, id uint64, n uint64) {
	t.Helper()
	if l.groups[id] == nil {
		commitNow(t, l, lead(id, 1))
	}
	begun, segment := uint64(0), uint64(0)
	for data := make([]byte, 1000); begun < n; {
		g := l.groups[id]
		commitNow(t, l, entry(id, g.term, g.last+1, string(data)))
		if now := l.active().number; now != segment {
			begun, segment = begun+1, now
		}
	}
}

// A leader of a later term replaces the tail of a group, also by entries of a lower term than theirs: as it happens to
// a node that led for a moment and was heard by nobody. Within a term, and of what is committed, nothing is replaced.
func TestLaterTermsReplaceTheTail(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(1, 2), entry(1, 2, 1, "a"), entry(1, 2, 2, "b"))
	commitNow(t, m.Log, lead(1, 4), entry(1, 4, 3, "mine"), entry(1, 4, 4, "mine too"))
	refuse := func(why string, records ...Record) {
		t.Helper()
		if err := m.try(records...); !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", why, err)
		}
	}
	refuse("again in the same term", entry(1, 4, 4, "other"))
	refuse("of a term to come", entry(1, 5, 5, "other"))
	refuse("a gap", entry(1, 4, 6, "other"))
	refuse("of an older term, behind a newer", entry(1, 2, 5, "other"))
	refuse("an older hard state", lead(1, 3))
	refuse("two groups", lead(1, 5), lead(2, 5))
	refuse("one that fits and one that does not", lead(1, 5), entry(1, 5, 7, "other"))

	commitNow(t, m.Log, lead(1, 5), entry(1, 3, 3, "theirs"), entry(1, 5, 4, "new"))
	refuse("again, of this term", entry(1, 5, 3, "other"))
	commitNow(t, m.Log, Record{Kind: HardState, Group: 1, Term: 6, Index: 3})
	refuse("committed", entry(1, 6, 3, "other"))
	commitNow(t, m.Log, entry(1, 6, 4, "newest"))
	m.crash()
	if _, data := m.entries(1); !slices.Equal(data, []string{"a", "b", "theirs", "newest"}) {
		t.Fatalf("there is %q", data)
	}
	if g := m.Groups()[0]; g.Term != 6 || g.Commit != 3 || g.LastIndex != 4 || g.LastTerm != 6 {
		t.Fatalf("the group is %+v", g)
	}
}

// A segment is let go when no group needs anything in it, and used again; what it held before, with its right checksums, is
// never taken for part of the log.
func TestOldRecordsInReusedSegmentsStayDead(t *testing.T) {
	m := newMachine(t, small)
	commitNow(t, m.Log, lead(7, 3), entry(7, 3, 1, "pins"))
	fillSegments(t, m.Log, 1, 3)
	if len(m.segments) < 3 {
		t.Fatal("a segment was released that holds a live entry")
	}
	for range 10 {
		fillSegments(t, m.Log, 1, 2)
		last := m.groups[1].last
		commitNow(t, m.Log, Record{Kind: Checkpoint, Group: 1, Term: 1, Index: last})
		commitNow(t, m.Log, Record{Kind: Checkpoint, Group: 7, Term: 3, Index: 1})
		if len(m.segments) > 1 {
			t.Fatalf("%d segments after all was checkpointed", len(m.segments))
		}
		m.crash()
		if got, _ := m.entries(1); len(got) > 0 || len(m.Damages()) > 0 || m.Cut() != nil {
			t.Fatalf("old entries %v, damages %v, cut %+v", got, m.Damages(), m.Cut())
		}
		if g := m.Groups(); len(g) != 2 || g[0].CheckpointIndex != last || g[1].Term != 3 {
			t.Fatalf("the groups are %+v", g)
		}
	}
	names, err := m.disk.List(logDir)
	if err != nil || len(names) > 1+maxSpares+1 {
		t.Fatalf("the disk has %v, %v", names, err)
	}
}

// A batch larger than a segment gets a segment of its own size.
func TestALargeBatchGetsItsOwnSegment(t *testing.T) {
	m := newMachine(t, small)
	large := strings.Repeat("x", 100<<10)
	commitNow(t, m.Log, lead(1, 1), entry(1, 1, 1, "before"))
	commitNow(t, m.Log, entry(1, 1, 2, large))
	commitNow(t, m.Log, entry(1, 1, 3, "after"))
	m.crash()
	if _, data := m.entries(1); !slices.Equal(data, []string{"before", large, "after"}) {
		t.Fatalf("%d entries", len(data))
	}
	commitNow(t, m.Log, Record{Kind: Checkpoint, Group: 1, Term: 1, Index: 3})
	if len(m.segments) != 1 {
		t.Fatalf("%d segments", len(m.segments))
	}
}

// appender is one that has a few batches outstanding at most.
type appender struct {
	t                *testing.T
	log              *Log
	answers          chan error
	outstanding      int
	inline, gathered int64
}

const window = 4

func (c *appender) submit(records ...Record) {
	b := &Batch{Records: records}
	if c.outstanding == 0 {
		if done, err := c.log.TryCommit(b); done {
			c.inline++
			if err != nil {
				c.t.Error(err)
			}
			return
		}
	}
	b.Done = func(err error) { c.answers <- err }
	c.gathered++
	c.log.Append(b)
	if c.outstanding++; c.outstanding == window {
		c.wait()
	}
}

func (c *appender) wait() {
	for ; c.outstanding > 0; c.outstanding-- {
		if err := <-c.answers; err != nil {
			c.t.Error(err)
		}
	}
}

// Many append at once, in line where the log is idle and else through its goroutine. Each is answered once, each group's
// entries are in order, and both ways give the same.
func TestManyAppendAtOnce(t *testing.T) {
	const groups, each = 16, 200
	disk := vfs.NewMem()
	opts := Options{SegmentBytes: 256 << 10, MaxCommitBytes: 16 << 10}
	l, err := Open(disk, "wal", opts)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var inline, gathered atomic.Int64
	for id := uint64(1); id <= groups; id++ {
		wg.Go(func() {
			c := &appender{t: t, log: l, answers: make(chan error, window)}
			c.submit(lead(id, 1))
			for i := uint64(1); i <= each; i++ {
				c.submit(entry(id, 1, i, strings.Repeat("data", int(i%50))))
				if i%50 == 0 {
					c.submit(Record{Kind: Checkpoint, Group: id, Term: 1, Index: i - 40})
				}
			}
			c.wait()
			inline.Add(c.inline)
			gathered.Add(c.gathered)
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if total := inline.Load() + gathered.Load(); total != groups*(each+1+each/50) {
		t.Errorf("%d batches", total)
	}
	l, err = open(disk.Crash(vfs.Policy{}), "wal", opts)
	if err != nil {
		t.Fatal(err)
	}
	all, err := contents(l)
	if err != nil || len(all) != groups {
		t.Fatalf("%d groups, %v", len(all), err)
	}
	for id, s := range all {
		if s.LastIndex != each || s.CheckpointIndex != each-40 || len(s.entries) != 40 {
			t.Errorf("group %d: %+v", id, s.Group)
		}
	}
}

// The same batches give the same groups, in line or gathered, one by one or many in a block.
func TestBothWaysGiveTheSame(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, small)
		w.quiet = true
		other := newMachine(t, small)
		for range 300 {
			b := w.batch(1 + w.rng.Uint64N(4))
			w.submit(b)
			if done, err := w.log.TryCommit(b); !done || err != nil {
				t.Fatalf("seed %d: %v, %v", seed, done, err)
			}
			other.Append(&Batch{Records: b.Records, Done: func(err error) {
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}})
			if w.rng.IntN(10) == 0 {
				other.gather()
			}
		}
		other.gather()
		w.durable(len(w.order))
		w.disk = w.disk.Crash(vfs.Policy{})
		w.boot()
		other.crash()
		w.judge(other.Log)
	})
}

// After Close nothing is taken, and everything is answered.
func TestAClosedLogAnswers(t *testing.T) {
	l, err := Open(vfs.NewMem(), "wal", small)
	if err != nil {
		t.Fatal(err)
	}
	var answers []error
	done := func(err error) { answers = append(answers, err) }
	l.Append(&Batch{Records: []Record{lead(1, 1)}, Done: done})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Append(&Batch{Records: []Record{lead(2, 1)}, Done: done})
	if len(answers) != 2 || answers[0] != nil || !errors.Is(answers[1], ErrClosed) || !errors.Is(l.Err(), ErrClosed) {
		t.Fatalf("answers %v, the log says %v", answers, l.Err())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
