package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// seeds calls f with each of some seeds, as many as the environment variable SEEDS says, or as there is time for. A failure
// names its seed.
func seeds(t *testing.T, few uint64, f func(t *testing.T, seed uint64)) {
	n := few
	if s := os.Getenv("SEEDS"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	first := uint64(1)
	if s := os.Getenv("SEED"); s != "" {
		var err error
		if first, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
		n = 1
	}
	begun := time.Now()
	end, bounded := t.Deadline()
	for seed := first; seed < first+n; seed++ {
		if bounded && seed > first+few && time.Since(begun) > time.Until(end)/3 {
			t.Logf("stopped before seed %d to leave time for other tests", seed)
			return
		}
		f(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d: run it alone with SEED=%d", seed, seed)
		}
	}
}

// standing is what a group must be: where it stands and its entries, in a form that compares by value.
type standing struct {
	Group
	entries []string // behind the checkpoint
	settled uint64
	exists  bool
}

func (s standing) clone() standing {
	s.entries = slices.Clone(s.entries)
	return s
}

func (s standing) equal(o standing) bool {
	return s.exists == o.exists && (!s.exists || s.Group == o.Group && slices.Equal(s.entries, o.entries))
}

// after is what a batch makes of it. It is written without a look at the log's own way of doing it.
func (s standing) after(records []Record) standing {
	s = s.clone()
	for _, r := range records {
		s.exists, s.ID = true, r.Group
		switch r.Kind {
		case HardState:
			if r.Term > s.Term {
				s.settled = s.LastIndex
			}
			s.Term, s.Vote, s.Commit = r.Term, r.Vote, r.Index
		case Entry:
			if r.Index <= s.LastIndex {
				s.settled = r.Index - 1
			}
			s.entries = append(s.entries[:r.Index-1-s.CheckpointIndex], entryText(r))
			s.LastIndex, s.LastTerm = r.Index, r.Term
		case Checkpoint:
			gone := min(r.Index-s.CheckpointIndex, uint64(len(s.entries)))
			s.entries = slices.Clone(s.entries[gone:])
			s.CheckpointIndex, s.CheckpointTerm = r.Index, r.Term
			if r.Index > s.LastIndex {
				s.LastIndex, s.LastTerm = r.Index, r.Term
			}
		case Drop:
			s = standing{}
		}
	}
	return s
}

func entryText(r Record) string { return fmt.Sprintf("%d/%d/%d/%x", r.Index, r.Term, r.Tag, r.Data) }

// contents is all that a log says after opening.
func contents(l *Log) (map[uint64]standing, error) {
	all := map[uint64]standing{}
	for _, g := range l.Groups() {
		if g.Damage == nil {
			all[g.ID] = standing{Group: g, exists: true}
		}
	}
	err := l.Replay(func(r Record) error {
		s, whole := all[r.Group]
		if l.options.inspect && !whole {
			return nil // what is left of a refused group
		}
		if want := s.CheckpointIndex + uint64(len(s.entries)) + 1; r.Index != want {
			return fmt.Errorf("group %d replays entry %d instead of %d", r.Group, r.Index, want)
		}
		s.entries = append(s.entries, entryText(r))
		all[r.Group] = s
		return nil
	})
	for id, s := range all {
		if err == nil && s.CheckpointIndex+uint64(len(s.entries)) != s.LastIndex {
			err = fmt.Errorf("group %d: %d entries between %d and %d", id, len(s.entries), s.CheckpointIndex, s.LastIndex)
		}
	}
	return all, err
}

// history is what a group may be after a crash: the first is durable, each next follows by one batch.
type history []standing

func (h history) now() standing { return h[len(h)-1] }

// world is a log under test, with what must be true of it. All happens on one goroutine.
type world struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	disk  *vfs.Mem
	fs    *vfs.Fault
	clock *clock.Fake
	opts  Options
	log   *Log

	groups map[uint64]history
	order  []uint64 // the group of each batch that is in a history and not known to be durable
	checks int
	quiet  bool // no looking at crashes
}

const logDir = "store/wal"

func newWorld(t *testing.T, seed uint64, opts Options) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), disk: vfs.NewMem(), opts: opts, groups: map[uint64]history{}}
	w.clock = clock.NewFake(time.Unix(1e9, 0))
	w.opts.Clock, w.opts.ID = w.clock, seed<<8|1
	w.opts.Keys = testKeys()[seed%3] // the first is nil: not sealed
	if err := w.disk.MakeDirs("store"); err != nil {
		t.Fatal(err)
	}
	if err := w.disk.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	w.boot()
	return w
}

// boot opens the log on the disk as it is.
func (w *world) boot() {
	w.fs = vfs.NewFault(w.disk)
	w.fs.OnOp = w.before
	l, err := open(w.fs, logDir, w.opts)
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	w.log = l
	w.adopt(l)
}

// adopt checks what an opened log says, and takes that for what is durable.
func (w *world) adopt(l *Log) {
	w.t.Helper()
	got := w.judge(l)
	for id := range w.groups {
		w.groups[id] = history{got[id].withSettled(w.groups[id])}
	}
	w.order = nil
}

// withSettled restores what the log does not say from the standing that it equals.
func (s standing) withSettled(h history) standing {
	for _, k := range slices.Backward(h) {
		if s.equal(k) {
			return k
		}
	}
	return s
}

// before is called before each operation on the disk: what if everything stopped here?
func (w *world) before(op vfs.Op) error {
	if w.quiet || op.Kind&vfs.OpChange == 0 {
		return nil
	}
	w.checks++
	found := w.disk.Crash(w.policy())
	l, err := open(found, logDir, w.opts)
	if err != nil {
		w.t.Fatalf("seed %d: after a crash before %s of %s: %v", w.seed, op.Kind, op.Name, err)
	}
	w.judge(l)
	return nil
}

// policy draws what a crash leaves.
func (w *world) policy() vfs.Policy {
	switch w.rng.IntN(8) {
	case 0:
		return vfs.Policy{}
	case 1:
		return vfs.ProcessDeath
	}
	return vfs.PowerLoss(w.rng.Uint64())
}

// judge compares a log with what may be. Nothing that is durable is lost, nothing is made up, nothing is damaged.
func (w *world) judge(l *Log) map[uint64]standing {
	w.t.Helper()
	for _, d := range l.Damages() {
		w.t.Fatalf("seed %d: check %d: damage: %v", w.seed, w.checks, d)
	}
	got, err := contents(l)
	if err != nil {
		w.t.Fatalf("seed %d: check %d: %v", w.seed, w.checks, err)
	}
	for id := range got {
		if w.groups[id] == nil {
			w.t.Fatalf("seed %d: check %d: group %d is made up", w.seed, w.checks, id)
		}
	}
	for id, h := range w.groups {
		if !slices.ContainsFunc(h, got[id].equal) {
			w.t.Fatalf("seed %d: check %d: group %d is\n%+v\nand not one of\n%+v", w.seed, w.checks, id, got[id], h)
		}
	}
	return got
}

// submit notes that a batch is on its way. Until it is durable, a crash may find it or not.
func (w *world) submit(b *Batch) {
	id := b.Records[0].Group
	w.groups[id] = append(w.groups[id], w.groups[id].now().after(b.Records))
	w.order = append(w.order, id)
}

// durable notes that so many of the batches on their way are now durable.
func (w *world) durable(n int) {
	for _, id := range w.order[:n] {
		w.groups[id] = w.groups[id][1:]
	}
	w.order = w.order[n:]
}

// batch draws what a group does next.
func (w *world) batch(id uint64) *Batch {
	if w.groups[id] == nil {
		w.groups[id] = history{standing{}}
	}
	s := w.groups[id].now().clone()
	b := &Batch{}
	add := func(r Record) {
		r.Group = id
		b.Records = append(b.Records, r)
		s = s.after([]Record{r})
	}
	switch n := w.rng.IntN(20); {
	case n == 0 && s.exists && w.rng.IntN(3) == 0:
		add(Record{Kind: Drop})
		return b
	case n < 4 && s.LastIndex > s.CheckpointIndex:
		add(Record{Kind: Checkpoint, Term: s.LastTerm, Index: s.CheckpointIndex + 1 + w.rng.Uint64N(s.LastIndex-s.CheckpointIndex)})
		b.Priority = true
		return b
	case n == 4:
		add(Record{Kind: Checkpoint, Term: s.Term, Index: s.LastIndex + w.rng.Uint64N(5)})
		return b
	case n < 8 || !s.exists:
		add(Record{Kind: HardState, Term: s.Term + 1 + w.rng.Uint64N(2), Vote: w.rng.Uint64N(3), Index: s.Commit})
	case n < 10:
		add(Record{Kind: HardState, Term: s.Term, Vote: s.Vote, Index: max(s.Commit, s.LastIndex)})
	}
	low := max(s.CheckpointIndex, s.Commit)
	if from := min(s.settled, s.LastIndex); low < from && w.rng.IntN(4) == 0 {
		// A leader of a later term replaces the tail.
		add(w.entry(low+1+w.rng.Uint64N(from-low), s.Term))
	}
	for range w.rng.IntN(4) + 1 {
		add(w.entry(s.LastIndex+1, s.Term))
	}
	return b
}

func (w *world) entry(index, term uint64) Record {
	data := make([]byte, w.rng.IntN(1+[...]int{20, 200, 1500}[w.rng.IntN(3)]))
	for i := range data {
		data[i] = byte(w.rng.Uint32())
	}
	return Record{Kind: Entry, Tag: uint8(w.rng.IntN(3)), Term: term, Index: index, Data: data}
}

// step lets the log do something.
func (w *world) step() {
	switch n := w.rng.IntN(10); {
	case n == 0:
		if w.rng.IntN(3) == 0 {
			w.log.askWipe(func(err error) {
				if err != nil && !errors.Is(err, ErrClosed) {
					w.t.Fatalf("seed %d: wipe: %v", w.seed, err)
				}
			})
		}
		w.log.maintain()
	case n < 4:
		b := w.batch(1 + w.rng.Uint64N(6))
		w.submit(b)
		done, err := w.log.TryCommit(b)
		if !done { // a sync is due
			b.Done = func(answer error) { err = answer }
			w.log.Append(b)
			w.log.gather()
		}
		if err != nil {
			w.t.Fatalf("seed %d: in line: %v", w.seed, err)
		}
		w.settle([]*Batch{b})
	default:
		var batches []*Batch
		for range 1 + w.rng.IntN(6) {
			b := w.batch(1 + w.rng.Uint64N(6))
			b.Done = func(err error) {
				if err != nil {
					w.t.Fatalf("seed %d: %v", w.seed, err)
				}
			}
			b.Sync = w.rng.IntN(8) == 0
			b.Lazy = w.rng.IntN(3) == 0
			batches = append(batches, b)
			w.submit(b)
			w.log.Append(b)
		}
		w.log.gather()
		w.settle(batches)
	}
	w.clock.Advance(time.Duration(w.rng.IntN(3)) * time.Millisecond)
}

// settle notes what the answers to the last batches say.
func (w *world) settle(batches []*Batch) {
	last := -1
	for i, b := range batches {
		if w.opts.SyncEvery == 0 && !b.Lazy || b.Sync {
			last = i
		}
	}
	if last >= 0 {
		w.durable(len(w.order) - len(batches) + last + 1)
	}
}

func flipBit(t *testing.T, fs vfs.FS, name string, bit int64) {
	t.Helper()
	data, err := vfs.ReadFile(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Clone(data)
	data[bit/8] ^= 1 << (bit % 8)
	if err := vfs.WriteFile(fs, name, data); err != nil {
		t.Fatal(err)
	}
}
