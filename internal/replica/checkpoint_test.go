package replica

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

var sample = &Checkpoint{Index: 7, Term: 3, Time: 123456789, Voters: []uint64{1, 2, 300}, State: []byte("state")}

// A checkpoint is what was written, or damaged: no bit may turn unseen.
func TestCheckpointCodec(t *testing.T) {
	data := sample.Append([]byte("before"))[len("before"):]
	got, err := DecodeCheckpoint(data)
	if err != nil || !reflect.DeepEqual(got, sample) {
		t.Fatalf("decoded %+v: %v", got, err)
	}
	for i := range len(data) * 8 {
		turned := slices.Clone(data)
		turned[i/8] ^= 1 << (i % 8)
		if _, err := DecodeCheckpoint(turned); !errors.Is(err, ErrDamaged) {
			t.Errorf("bit %d turned: %v", i, err)
		}
	}
	for i := range data {
		if _, err := DecodeCheckpoint(data[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(sample.Append(nil))
	f.Add((&Checkpoint{}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCheckpoint(data)
		if err == nil && !bytes.Equal(c.Append(nil), data) {
			t.Errorf("%x reads as %+v", data, c)
		}
	})
}

// A stored checkpoint shortens what a restart replays, and the log is told of it once, without a sync.
func TestCheckpoint(t *testing.T) {
	n := newNode(t)
	for id := uint64(1); id < 4; id++ {
		n.propose(id, 1, 0)
		n.settle()
	}
	appends := n.disk.appends
	n.group.Checkpoint()
	n.store()
	n.inbox = append(n.inbox, n.inbox[0])
	n.settle()
	if n.disk.checkpointed != n.group.Applied() || n.disk.appends != appends {
		t.Fatalf("checkpoint at %d of %d, %d appends more", n.disk.checkpointed, n.group.Applied(), n.disk.appends-appends)
	}
	n.group.Checkpoint()
	if len(n.storing) > 0 {
		t.Fatal("the same checkpoint twice")
	}
	n.propose(4, 1, 0)
	n.settle()
	n.group.Checkpoint() // one that fails changes nothing
	if err := n.turn(Event{Kind: Stored, Checkpoint: n.storing[0], Err: errors.New("disk on fire")}); err != nil {
		t.Fatal(err)
	}
	n.disk.crash(n.disk.synced)
	n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
	n.wantLedger(1, 2, 3)
	n.propose(5, 1, 0)
	n.settle()
	n.wantLedger(1, 2, 3, 4, 5)
	n.group.Checkpoint()
	n.settle()
	n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
	n.wantLedger(1, 2, 3, 4, 5)
	if n.group.Unsettled() {
		t.Error("nothing is behind the checkpoint, and yet the group is unsettled")
	}
}

// A machine that can freeze is not asked for its snapshot within the turn, and what the host stores later is
// the state of the turn, not that of the time.
func TestFrozenCheckpoint(t *testing.T) {
	n := newNode(t)
	frozen := &freezer{}
	n.ledger = &frozen.ledger
	g, err := New(Config[paid]{ID: 1, Voters: []uint64{1}, Machine: frozen, Log: n.disk, Host: n}, n.disk.replay())
	if err != nil {
		t.Fatal(err)
	}
	n.group = g
	n.propose(1, 1, 0)
	n.settle()
	n.group.Checkpoint()
	n.propose(2, 1, 0)
	if err := n.turn(); err != nil {
		t.Fatal(err)
	}
	n.sync(len(n.disk.batches))
	if err := n.turn(); err != nil {
		t.Fatal(err)
	}
	n.wantLedger(1, 2)
	if len(n.storing) != 1 || frozen.snapshots > 0 {
		t.Fatalf("%d checkpoints, %d snapshots within a turn", len(n.storing), frozen.snapshots)
	}
	c, err := DecodeCheckpoint(n.storing[0].Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	n.ledger = &ledger{}
	if err := restore(n.ledger, c); err != nil {
		t.Fatal(err)
	}
	n.wantLedger(1)
	if c.Index >= n.group.Applied() {
		t.Fatalf("the checkpoint is of entry %d, %d are applied", c.Index, n.group.Applied())
	}
	n.settle()
	n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
	n.propose(3, 1, 0)
	n.settle()
	n.wantLedger(1, 2, 3)
}

// freezer is a ledger that can freeze.
type freezer struct {
	ledger
	snapshots int
}

func (f *freezer) Snapshot(dst []byte) []byte {
	f.snapshots++
	return f.ledger.Snapshot(dst)
}

func (f *freezer) Freeze() func(dst []byte) []byte {
	view := ledger{ids: slices.Clone(f.ids), time: f.time}
	return view.Snapshot
}

func entry(index, term uint64) Record { return Record{Kind: RecordEntry, Index: index, Term: term} }

// What follows from the records of a log: the later record wins, whatever its term; what the checkpoint
// contradicts is void; what is missing is missed.
func TestReplay(t *testing.T) {
	at := func(index, term uint64) *Checkpoint { return &Checkpoint{Index: index, Term: term} }
	marker := func(index, term uint64) Record { return Record{Kind: RecordCheckpoint, Index: index, Term: term} }
	tests := []struct {
		name       string
		checkpoint *Checkpoint
		records    []Record
		want       mark // of the last entry
		err        string
	}{
		{"nothing", nil, nil, mark{1, 1}, ""},
		{"entries", nil, []Record{marker(1, 1), entry(2, 2), entry(3, 2)}, mark{3, 2}, ""},
		{"superseded", nil, []Record{entry(2, 2), entry(3, 2), entry(4, 2), entry(3, 3)}, mark{3, 3}, ""},
		{"superseded by an older term", nil, []Record{entry(2, 2), entry(3, 4), entry(3, 3), entry(4, 3)}, mark{4, 3}, ""},
		{"gap", nil, []Record{entry(2, 2), entry(4, 2)}, mark{}, "entries 3 to 3 are missing"},
		{"gap behind the checkpoint", at(5, 2), []Record{entry(7, 2)}, mark{}, "entries 6 to 6 are missing"},
		{"term falls", nil, []Record{entry(2, 3), entry(3, 2)}, mark{}, "entry 3 of term 2 follows one of term 3"},
		{"checkpoint lost", at(4, 2), []Record{marker(5, 2)}, mark{}, "the checkpoint of entry 5 is missing"},
		{"before the checkpoint", at(3, 2), []Record{entry(2, 2), entry(3, 2), entry(4, 2)}, mark{4, 2}, ""},
		{"strayed", at(3, 5), []Record{entry(2, 2), entry(3, 7), entry(4, 7)}, mark{3, 5}, ""},
		{"strayed and returned", at(3, 5), []Record{entry(3, 7), entry(4, 7), entry(3, 5), marker(3, 5), entry(4, 8)}, mark{4, 8}, ""},
		{"unknown", nil, []Record{{Kind: 99}}, mark{}, "record of the unknown kind 99"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := NewReplay(test.checkpoint)
			var err error
			for _, rec := range test.records {
				if err == nil {
					err = r.Add(rec)
				}
			}
			if (err != nil || test.err != "") && (err == nil || err.Error() != test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if err == nil && r.last() != test.want {
				t.Fatalf("last %v, want %v", r.last(), test.want)
			}
		})
	}
}

// What is in the log of the only voter is committed, and applied without an election. Of what one voter of
// several has, nothing is applied that is not known to be committed. An entry in a form of the future ends the
// group before the machine sees it.
func TestUnknownEntry(t *testing.T) {
	start := func(voters ...uint64) *node {
		n := newNode(t)
		n.disk.Append(1, []Record{
			{Kind: RecordCheckpoint, Index: 1, Term: 1},
			{Kind: RecordHardState, Term: 2, Vote: 1},
			{Kind: RecordEntry, Index: 2, Term: 2, Data: []byte("a form that nobody knows")},
		}, Care{})
		n.start(Config[paid]{ID: 1, Voters: voters})
		return n
	}
	several := start(1, 2, 3)
	if err := several.turn(); err != nil || !several.group.Unsettled() {
		t.Fatalf("unsettled %v: %v", several.group.Unsettled(), err)
	}
	alone := start(1)
	alone.propose(1, 1, 0)
	err := alone.turn()
	if err == nil || err.Error() != "apply: entry 2 has an unknown format" {
		t.Fatal(err)
	}
	if alone.told[1] == applied {
		t.Fatal("the machine went on")
	}
}

// A damaged state is found at the start.
func TestDamagedState(t *testing.T) {
	n := newNode(t)
	n.disk.checkpoint = (&Checkpoint{Index: 5, Term: 2, Voters: []uint64{1}, State: []byte{1, 2, 3}}).Append(nil)
	_, err := New(Config[paid]{ID: 1, Voters: []uint64{1}, Machine: &ledger{}, Log: n.disk, Host: n}, n.disk.replay())
	if err == nil {
		t.Fatal("started from a state that is none")
	}
}

// Without a majority nobody leads; held proposals are dropped when an election should have ended, and
// raft's own timers start the next ones, until a leader is found.
func TestElectionByTicks(t *testing.T) {
	c := newCluster(t, 0)
	for id := range uint64(3) {
		c.node(id + 1).start(Config[paid]{ID: id + 1, Voters: []uint64{1, 2, 3}, ElectionTicks: 3})
	}
	c.cut[2], c.cut[3] = true, true
	c.node(1).propose(1, 1, 0)
	for c.node(1).told[1] == nothing {
		c.turn(1, Event{Kind: Tick})
		c.work()
	}
	if c.node(1).told[1] != dropped {
		t.Fatalf("told %v", c.node(1).told)
	}
	c.cut = [4]bool{}
	for leads := false; !leads; {
		for id := range uint64(3) {
			c.turn(id+1, Event{Kind: Tick})
			c.work()
			leads = leads || c.node(id+1).lead != 0
		}
	}
}

// A leader that is about to hand over drops proposals, as raft says.
func TestDroppedByRaft(t *testing.T) {
	c := newCluster(t, 0)
	c.elect(1)
	c.work()
	c.cut[2] = true
	c.node(1).group.node.TransferLeader(2)
	c.node(1).propose(1, 1, 0)
	c.turn(1)
	if c.node(1).told[1] != dropped {
		t.Fatalf("told %v", c.node(1).told)
	}
	from := uint64(2)
	c.turn(1, Event{Kind: Received, Message: &raftpb.Message{Type: raftpb.MsgUnreachable.Enum(), From: &from}})
}

// What raft reads back is bounded, complete and what it was.
func TestRing(t *testing.T) {
	r := &ring{before: mark{1, 1}}
	for i := uint64(2); i < 12; i++ {
		term := 1 + i/4
		r.append([]*raftpb.Entry{{Index: &i, Term: &term, Data: make([]byte, 1000)}})
	}
	r.release(4, 0)
	if entries, err := r.Entries(5, 12, 3*(1000+entryOverheadBytes)); err != nil || len(entries) != 3 {
		t.Errorf("%d entries: %v", len(entries), err)
	}
	if entries, err := r.Entries(5, 12, 0); err != nil || len(entries) != 1 {
		t.Errorf("%d entries: %v", len(entries), err)
	}
	if _, err := r.Entries(4, 6, 1<<20); !errors.Is(err, raft.ErrCompacted) {
		t.Error(err)
	}
	if _, err := r.Entries(10, 13, 1<<20); !errors.Is(err, raft.ErrUnavailable) {
		t.Error(err)
	}
	terms := []struct {
		index, term uint64
		err         error
	}{{3, 0, raft.ErrCompacted}, {4, 2, nil}, {5, 2, nil}, {11, 3, nil}, {12, 0, raft.ErrUnavailable}}
	for _, want := range terms {
		if term, err := r.Term(want.index); term != want.term || !errors.Is(err, want.err) {
			t.Errorf("term of %d: %d, %v", want.index, term, err)
		}
	}
	before, _ := r.Entries(5, 12, 1<<20)
	index, term := uint64(6), uint64(9)
	r.append([]*raftpb.Entry{{Index: &index, Term: &term}})
	if before[1].GetTerm() == 9 || r.last() != 6 || r.bytes != 1000+2*entryOverheadBytes {
		t.Errorf("superseding changed what was read, or left last %d and %d bytes", r.last(), r.bytes)
	}
}
