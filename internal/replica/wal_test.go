package replica

import (
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"myelin/internal/clock"
	"myelin/internal/store/wal"
	"myelin/internal/vfs"
)

// logged is a node whose group has its part in a real log, in a file system of memory.
type logged struct {
	*node
	fs     *vfs.Mem
	log    *wal.Log
	part   *WAL
	events chan Event
}

const groupID = 42

// open starts a node from what a file system and a stored checkpoint have.
func open(t *testing.T, fs *vfs.Mem, checkpoint []byte, relaxed bool) *logged {
	t.Helper()
	options := wal.Options{Clock: clock.Real{}, SegmentBytes: 1 << 16, ID: 1}
	if relaxed {
		options.SyncEvery = 1
	}
	log, err := wal.Open(fs, "log", options)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, disk: &disk{t: t, checkpoint: checkpoint}, told: map[uint64]promise{}, ledger: &ledger{}}
	l := &logged{node: n, fs: fs, log: log, events: make(chan Event, 1000)}
	r := n.disk.replay()
	for _, g := range log.Groups() {
		if err := r.AddGroup(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Replay(r.AddEntry); err != nil {
		t.Fatal(err)
	}
	l.part = NewWAL(log, groupID, relaxed, func(e Event) { l.events <- e })
	n.group, err = New(Config[paid]{ID: 1, Voters: []uint64{1}, Machine: n.ledger, Log: l.part, Host: n}, r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// settle runs turns until nothing is under way.
func (l *logged) settle() {
	l.t.Helper()
	for {
		if err := l.turn(); err != nil {
			l.t.Fatal(err)
		}
		l.store()
		if len(l.inbox) > 0 {
			continue
		}
		if l.group.Idle() {
			return
		}
		l.inbox = append(l.inbox, <-l.events)
	}
}

func (l *logged) close() {
	if err := l.log.Close(); err != nil {
		l.t.Error(err)
	}
}

// A log that had no room for the first append of a relaxed group, or for a lazy one, knows nothing of its term when that comes again.
func TestTermAfterAFullLog(t *testing.T) {
	for _, inLine := range []bool{false, true} {
		disk := vfs.NewFault(vfs.NewMem())
		log, err := wal.Open(disk, "log", wal.Options{Clock: clock.Real{}, SegmentBytes: 1 << 16, SyncEvery: 1})
		if err != nil {
			t.Fatal(err)
		}
		events := make(chan Event, 1)
		part := NewWAL(log, groupID, true, func(e Event) { events <- e })
		part.SetInLine(inLine)
		records := []Record{{Kind: RecordHardState, Term: 1, Vote: 1}, {Kind: RecordEntry, Term: 1, Index: 1, Data: make([]byte, 1000)}}
		try := func() error {
			if durable, err := part.Append(1, records, Care{}); durable || err != nil {
				return err
			}
			return (<-events).Err
		}
		disk.SetSpace(0)
		if err := try(); !errors.Is(err, ErrFull) {
			t.Fatalf("in line %v: without space: %v", inLine, err)
		}
		disk.SetSpace(-1)
		for err = ErrFull; errors.Is(err, ErrFull); err = try() { // until the log asks the disk again
		}
		if err != nil {
			t.Errorf("in line %v: with space again: %v", inLine, err)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What was refused for want of room is heard of before what stands behind it, which may be committed in line otherwise, be it refused for
// that reason, too, or be there.
func TestAnswersInOrder(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	log, err := wal.Open(disk, "log", wal.Options{Clock: clock.Real{}, SegmentBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan Event, 2)
	part := NewWAL(log, groupID, false, func(e Event) { events <- e })
	disk.SetSpace(0)
	entry := func(index uint64) []Record {
		return []Record{{Kind: RecordHardState, Term: 1, Vote: 1}, {Kind: RecordEntry, Term: 1, Index: index, Data: make([]byte, 1000)}}
	}
	if durable, err := part.Append(1, entry(1), Care{}); durable || err != nil {
		t.Fatal(durable, err)
	}
	first := <-events // which nobody has looked at
	for _, care := range []Care{{Lazy: true, Behind: true}, {Behind: true}} {
		part.SetInLine(!care.Lazy)
		if durable, err := part.Append(2, entry(2), care); durable || err != nil {
			t.Errorf("%+v: answered at once: %v, %v", care, durable, err)
		}
		if second := <-events; !errors.Is(first.Err, ErrFull) || second.Err == nil {
			t.Errorf("%v, %v", first.Err, second.Err)
		}
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

// With the real log, power may fail after any turn, in line or not, relaxed or not, while segments fill and
// are released by checkpoints: what was acknowledged before is there after. A relaxed log promises less,
// but never more than was proposed, nor in another order.
func TestPowerLossWithRealLog(t *testing.T) {
	type moment struct {
		fs         *vfs.Mem
		checkpoint []byte
		told       map[uint64]promise
	}
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 2))
		relaxed := seed%4 == 3
		l := open(t, vfs.NewMem(), nil, relaxed)
		var moments []moment
		id := uint64(1)
		for range 40 {
			l.part.SetInLine(random.IntN(2) == 0)
			for range random.IntN(4) {
				l.propose(id, 1, random.IntN(3000))
				id++
			}
			if random.IntN(5) == 0 {
				l.group.Checkpoint()
			}
			if random.IntN(2) == 0 {
				l.settle()
			} else if err := l.turn(); err != nil {
				t.Fatal(err)
			}
			told := maps.Clone(l.told)
			moments = append(moments, moment{l.fs.Crash(vfs.PowerLoss(random.Uint64())), l.disk.checkpoint, told})
		}
		l.settle()
		l.close()
		for i, m := range moments {
			after := open(t, m.fs, m.checkpoint, relaxed)
			after.told = m.told
			after.inbox = append(after.inbox, Event{Kind: Campaign})
			after.settle()
			checkPromises(t, after.node, !relaxed)
			after.propose(100_000, 1, 0)
			after.settle()
			after.close()
			if t.Failed() {
				t.Fatalf("seed %d, power lost after turn %d", seed, i)
			}
		}
	}
}
