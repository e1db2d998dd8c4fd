package replica

import (
	"errors"
	"slices"
	"testing"
)

// A group that nobody proposes to writes nothing; the first proposal makes the only voter the leader, with
// one sync for its vote and one for its first entry together with the proposal.
func TestOneVoterLeadsLazily(t *testing.T) {
	n := newNode(t)
	n.settle()
	if n.disk.appends != 0 || n.leads != 0 || !n.group.Idle() {
		t.Fatalf("an idle group appended %d times and led %d times", n.disk.appends, n.leads)
	}
	n.propose(1, 1, 0)
	n.settle()
	n.wantLedger(1)
	if n.disk.appends != 2 || n.lead != 2 || n.told[1] != applied {
		t.Fatalf("%d appends, term %d, told %d", n.disk.appends, n.lead, n.told[1])
	}
	if leader, term := n.group.Leader(); leader != 1 || term != 2 {
		t.Fatalf("leader %d of term %d", leader, term)
	}
}

// Campaign does the same for a host that wants to lead before anybody proposes.
func TestCampaign(t *testing.T) {
	n := newNode(t)
	n.inbox = append(n.inbox, Event{Kind: Campaign})
	n.settle()
	n.inbox = append(n.inbox, Event{Kind: Campaign})
	n.settle()
	if n.lead != 2 || n.disk.appends != 2 {
		t.Fatalf("term %d after %d appends", n.lead, n.disk.appends)
	}
}

// Each batch costs one append that needs a sync: the commit index travels with the next.
func TestCommitRidesAlong(t *testing.T) {
	for _, inline := range []bool{false, true} {
		n := newNode(t)
		n.disk.inline = inline
		n.propose(1, 1, 0)
		n.settle()
		before := n.disk.appends
		for i := range uint64(100) {
			n.propose(2+2*i, 1, 0)
			n.propose(3+2*i, 1, 0)
			n.settle()
		}
		if got := n.disk.appends - before; got != 100 {
			t.Errorf("inline %v: %d appends for 100 batches", inline, got)
		}
		if got := n.disk.commit; got != n.group.Applied()-1 {
			t.Errorf("inline %v: logged commit %d, applied %d", inline, got, n.group.Applied())
		}
		if len(n.ledger.ids) != 201 {
			t.Errorf("inline %v: %d commands applied", inline, len(n.ledger.ids))
		}
	}
}

// With a log that completes in line a proposal is answered by the turn that takes it.
func TestInLine(t *testing.T) {
	n := newNode(t)
	n.disk.inline = true
	for id := range uint64(3) {
		n.propose(id, 1, 10)
		if err := n.turn(); err != nil {
			t.Fatal(err)
		}
		if n.told[id] != applied || !n.group.Idle() {
			t.Fatalf("proposal %d was told %d", id, n.told[id])
		}
	}
}

// Entries hold at most MaxCommands commands or MaxBytes bytes; what is larger is alone, nothing is divided
// and the order stays.
func TestBounds(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	n.entries = nil
	id := uint64(2)
	propose := func(commands, padding int) {
		n.propose(id, commands, padding)
		id += uint64(commands)
	}
	propose(500, 0)
	propose(12, 0)
	propose(1, 0) // one too many
	propose(1000, 0)
	propose(1, 0)
	propose(1, MaxBytes)
	propose(1, MaxBytes/2)
	propose(1, MaxBytes/2-100)
	propose(1, 200)
	n.settle()
	if want := []int{512, 1, 1000, 1, 1, 2, 1}; !slices.Equal(n.entries, want) {
		t.Errorf("entries of %v commands, want %v", n.entries, want)
	}
	if len(n.ledger.ids) != int(id)-1 || !slices.IsSorted(n.ledger.ids) {
		t.Errorf("%d commands in the ledger", len(n.ledger.ids))
	}
	if n.group.WaitingBytes() != 0 {
		t.Errorf("%d bytes wait for nothing", n.group.WaitingBytes())
	}
}

// While enough appends are under way, proposals gather to larger entries.
func TestProposalsWaitForTheLog(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	n.entries, n.disk.appends = nil, 0
	for id := range uint64(20) {
		n.propose(2+id, 1, 0)
		if err := n.turn(); err != nil {
			t.Fatal(err)
		}
	}
	if n.disk.appends != maxAppends {
		t.Errorf("%d appends under way", n.disk.appends)
	}
	n.settle()
	if want := []int{1, 1, 1, 1, 16}; !slices.Equal(n.entries, want) {
		t.Errorf("entries of %v commands, want %v", n.entries, want)
	}
}

// A completion stands for all earlier ones, and may be late or told twice.
func TestCompletions(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	for id := uint64(2); id < 5; id++ {
		n.propose(id, 1, 0)
		if err := n.turn(); err != nil {
			t.Fatal(err)
		}
	}
	last := n.disk.batches[len(n.disk.batches)-1].number
	for _, number := range []uint64{last - 2, last, last - 1, last, 1} {
		if err := n.turn(Event{Kind: Logged, Number: number}); err != nil {
			t.Fatal(err)
		}
	}
	n.wantLedger(1, 2, 3, 4)
}

// The time in entries does not run backwards, also not over a restart; the ledger panics if it does.
func TestTimeIsMonotonic(t *testing.T) {
	n := newNode(t)
	for i, now := range []int64{100, 50, 120, 10} {
		n.now = now
		n.propose(uint64(i), 1, 0)
		n.settle()
		n.disk.crash(len(n.disk.batches))
		n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
	}
	n.propose(9, 1, 0)
	n.settle()
	if n.ledger.time != 120 {
		t.Errorf("time %d", n.ledger.time)
	}
}

// A failed append ends the group. What raft has seen may be in the log or not; what it has not seen is not.
func TestLogFails(t *testing.T) {
	broken := errors.New("disk on fire")
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	n.propose(2, 1, 0)
	if err := n.turn(); err != nil {
		t.Fatal(err)
	}
	n.propose(3, 1, 0)
	n.inbox = append(n.inbox, Event{Kind: Logged, Number: 3, Err: broken})
	n.propose(4, 1, 0)
	for range 2 {
		if err := n.turn(); !errors.Is(err, broken) {
			t.Fatalf("turn: %v", err)
		}
	}
	if n.told[2] != unknown || n.told[3] != dropped || n.told[4] != dropped || n.lead != 0 {
		t.Fatalf("told %v", n.told)
	}
	n.wantLedger(1)
}

// The same for a log that fails at once.
func TestLogFailsInLine(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	n.disk.err = errors.New("disk on fire")
	n.propose(2, 1, 0)
	if err := n.turn(); !errors.Is(err, n.disk.err) {
		t.Fatalf("turn: %v", err)
	}
	if n.told[2] != unknown {
		t.Fatalf("told %v", n.told)
	}
}

// Proposals that wait are bounded, apart from a single one.
func TestWaitingIsBounded(t *testing.T) {
	n := newNode(t)
	n.start(Config[paid]{ID: 1, Voters: []uint64{1}, MaxWaitingBytes: 100})
	n.propose(1, 1, 200)
	n.propose(2, 1, 0)
	n.settle()
	n.propose(3, 1, 50)
	n.propose(4, 1, 50)
	n.settle()
	n.wantLedger(1, 3)
	if n.told[2] != dropped || n.told[4] != dropped {
		t.Fatalf("told %v", n.told)
	}
}

// What is applied does not stay in memory, unless peers may want it.
func TestMemory(t *testing.T) {
	for _, keep := range []int{0, 10_000} {
		n := newNode(t)
		n.start(Config[paid]{ID: 1, Voters: []uint64{1}, KeepBytes: keep})
		for id := range uint64(100) {
			n.propose(id, 1, 1000)
			n.settle()
		}
		if bytes := n.group.ring.bytes; bytes > keep || bytes < keep*3/4 {
			t.Errorf("%d bytes in the ring, asked to keep %d", bytes, keep)
		}
	}
}

// A log without room stalls the group: what was appended waits, what was not is refused, until an urgent
// proposal or the host tries again. Nothing that was under way is lost.
func TestLogFull(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		n := newNode(t)
		n.propose(1, 1, 0)
		n.settle()
		n.disk.full = true
		n.propose(2, 1, 0)
		n.settle()
		n.propose(3, 1, 0)
		n.settle()
		if !n.group.Stalled() || n.told[2] != nothing || n.told[3] != dropped {
			t.Fatalf("stalled %v, told %v", n.group.Stalled(), n.told)
		}
		if urgent {
			n.propose(4, 1, 0)
			n.inbox[0].Proposal.Urgent = true
		} else {
			n.disk.full = false
			n.inbox = append(n.inbox, Event{Kind: Retry})
			n.propose(4, 1, 0)
		}
		n.settle()
		n.wantLedger(1, 2, 4)
		if n.group.Stalled() || !n.group.Idle() {
			t.Fatal("stalled after the retry")
		}
	}
}

// The same when the log says so later, and refuses what was appended meanwhile because it does not follow.
func TestLogFullLater(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	before := len(n.disk.batches)
	for id := uint64(2); id < 5; id++ {
		n.propose(id, 1, 0)
		if err := n.turn(); err != nil {
			t.Fatal(err)
		}
	}
	first := n.disk.batches[before].number
	n.disk.crash(before)
	late := []Event{{Kind: Logged, Number: first + 1, Err: errors.New("out of order")}, {Kind: Logged, Number: first + 2, Err: errors.New("out of order")}}
	if err := n.turn(Event{Kind: Logged, Number: first, Err: ErrFull}, late[0], Event{Kind: Retry}, late[1]); err != nil {
		t.Fatal(err)
	}
	n.settle()
	n.wantLedger(1, 2, 3, 4)
}

// A checkpoint may find room behind an append that found none, and behind an earlier checkpoint. What is appended again then must not
// go back behind it.
func TestLogFullBeforeACheckpoint(t *testing.T) {
	n := newNode(t)
	var taken []*Checkpoint
	for id := uint64(1); id < 3; id++ {
		n.propose(id, 1, 0)
		n.settle()
		n.group.Checkpoint()
		taken, n.storing = append(taken, n.storing...), nil
	}
	before := len(n.disk.batches)
	n.propose(3, 1, 0)
	if err := n.turn(); err != nil {
		t.Fatal(err)
	}
	if err := n.turn(Event{Kind: Stored, Checkpoint: taken[0]}, Event{Kind: Stored, Checkpoint: taken[1]}); err != nil {
		t.Fatal(err)
	}
	said := slices.Clone(n.disk.batches[before:])
	newest := slices.Clone(n.disk.records[said[1].end:said[2].end])
	n.disk.crash(before)
	if _, err := n.disk.Append(said[2].number, newest, Care{Urgent: true}); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{ErrFull, ErrFull, nil} {
		n.inbox = append(n.inbox, Event{Kind: Logged, Number: said[i].number, Err: err})
	}
	n.inbox = append(n.inbox, Event{Kind: Retry})
	n.settle()
	n.wantLedger(1, 2, 3)
}

// The log is told when the answer to an earlier append was not heard: then it must not answer at once.
func TestAppendBehindAnother(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	for id, behind := range []bool{false, true, true} {
		n.propose(uint64(id)+2, 1, 0)
		if err := n.turn(); err != nil {
			t.Fatal(err)
		}
		if n.disk.care.Behind != behind {
			t.Errorf("append %d behind another: %v", id, n.disk.care.Behind)
		}
	}
	n.settle()
	n.propose(5, 1, 0)
	n.settle()
	if n.disk.care.Behind {
		t.Error("behind another that was answered")
	}
}

// What follows from a proposal that was dropped is dropped, too.
func TestVoid(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	void := false
	n.inbox = append(n.inbox, Event{Proposal: Proposal{Data: command(nil, 2, 0), Void: &void, Ticket: Ticket{Commands: 1, Cookie: uint64(2)}}})
	n.settle()
	void = true
	n.inbox = append(n.inbox, Event{Proposal: Proposal{Data: command(nil, 3, 0), Void: &void, Ticket: Ticket{Commands: 1, Cookie: uint64(3)}}})
	n.settle()
	n.wantLedger(1, 2)
}

// What is lazy is logged as such only while nothing else is in the same append, and never among several voters.
func TestLazy(t *testing.T) {
	n := newNode(t)
	n.propose(1, 1, 0)
	n.settle()
	lazy := func(id uint64, lazy bool) {
		n.inbox = append(n.inbox, Event{Proposal: Proposal{Data: command(nil, id, 0), Lazy: lazy, Ticket: Ticket{Commands: 1, Cookie: id}}})
	}
	for i, c := range []struct{ first, second, want bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		lazy(uint64(2*i+2), c.first)
		lazy(uint64(2*i+3), c.second)
		n.settle()
		if got := n.disk.care.Lazy; got != c.want {
			t.Errorf("%v and %v: logged lazily %v", c.first, c.second, got)
		}
	}
	n.group.alone = false
	lazy(100, true)
	n.settle()
	if n.disk.care.Lazy {
		t.Error("lazy among several voters")
	}
}
