package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// ledger is a machine that remembers the commands it was given. A command is a number, with padding.
type ledger struct {
	ids  []uint64
	time int64
}

// paid is what a ledger's entry brings about: the commands in it, one answer for each.
type paid struct{ ids []uint64 }

func command(dst []byte, id uint64, padding int) []byte {
	dst = bin.AppendUvarint(dst, uint64(8+padding))
	dst = bin.AppendU64(dst, id)
	return append(dst, make([]byte, padding)...)
}

func (l *ledger) Apply(e machine.Entry, fx *paid) {
	if e.Time < l.time {
		panic(fmt.Sprintf("entry %d goes back in time from %d to %d", e.Index, l.time, e.Time))
	}
	l.time = e.Time
	r := bin.NewReader(e.Data)
	for r.Len() > 0 {
		c := bin.NewReader(r.Bytes())
		id := c.U64()
		l.ids = append(l.ids, id)
		fx.ids = append(fx.ids, id)
	}
	if r.Err() != nil {
		panic(r.Err())
	}
}

func (l *ledger) Snapshot(dst []byte) []byte {
	dst = bin.AppendU64(dst, uint64(l.time))
	dst = bin.AppendUvarint(dst, uint64(len(l.ids)))
	for _, id := range l.ids {
		dst = bin.AppendU64(dst, id)
	}
	return dst
}

func (l *ledger) Restore(r *bin.Reader) error {
	*l = ledger{time: int64(r.U64())}
	for range r.Count(8) {
		l.ids = append(l.ids, r.U64())
	}
	return r.Err()
}

func (l *ledger) Deadline() int64 { return 0 }

// disk is a group's part of a log, and its stored checkpoint. It outlives the group. It refuses records
// that do not follow from those before.
type disk struct {
	t       *testing.T
	records []Record // of all appends, durable or not
	batches []batchOnDisk
	synced  int // batches that are durable
	appends int // that would have cost a sync
	inline  bool
	err     error
	full    bool
	care    Care // of the last append

	term, vote, commit    uint64
	last, lastTerm        uint64
	checkpointed, settled uint64

	checkpoint []byte
}

type batchOnDisk struct {
	number uint64
	end    int // in records
}

func (d *disk) Append(number uint64, records []Record, care Care) (bool, error) {
	if d.err != nil {
		return false, d.err
	}
	if d.full && !care.Urgent {
		return false, fmt.Errorf("disk: %w", ErrFull)
	}
	d.care = care
	for _, r := range records {
		d.check(r)
	}
	if records[0].Kind != RecordCheckpoint {
		d.appends++
	}
	d.records = append(d.records, records...)
	d.batches = append(d.batches, batchOnDisk{number, len(d.records)})
	if d.inline {
		d.synced = len(d.batches)
	}
	return d.inline, nil
}

func (d *disk) check(r Record) {
	d.t.Helper()
	ok := true
	switch r.Kind {
	case RecordEntry:
		ok = r.Index > d.checkpointed && r.Index <= d.last+1 && r.Term <= d.term
		if r.Index == d.last+1 {
			ok = ok && r.Term >= d.lastTerm
		} else {
			ok = ok && r.Index > d.commit && r.Index <= d.settled
			d.settled = r.Index - 1
		}
		d.last, d.lastTerm = r.Index, r.Term
	case RecordHardState:
		ok = r.Term > d.term || r.Term == d.term && (d.vote == 0 || d.vote == r.Vote)
		if r.Term > d.term {
			d.settled = d.last
		}
		d.term, d.vote, d.commit = r.Term, r.Vote, r.Index
	case RecordCheckpoint:
		ok = r.Index >= d.checkpointed
		d.checkpointed = r.Index
		if r.Index > d.last {
			d.last, d.lastTerm = r.Index, r.Term
		}
	}
	if !ok {
		d.t.Fatalf("record out of order: %+v at last %d of term %d, term %d, commit %d, settled %d", r, d.last, d.lastTerm, d.term, d.commit, d.settled)
	}
}

// crash loses all batches from the one at keep on, which must not be durable.
func (d *disk) crash(keep int) {
	if keep < d.synced {
		d.t.Fatal("a durable batch cannot be lost")
	}
	d.batches = d.batches[:keep]
	end := 0
	if keep > 0 {
		end = d.batches[keep-1].end
	}
	records := d.records[:end]
	*d = disk{t: d.t, appends: d.appends, inline: d.inline, checkpoint: d.checkpoint, batches: d.batches, synced: keep}
	for _, r := range records {
		d.check(r)
	}
	d.records = records
}

func (d *disk) replay() *Replay {
	d.t.Helper()
	var c *Checkpoint
	if d.checkpoint != nil {
		var err error
		if c, err = DecodeCheckpoint(d.checkpoint); err != nil {
			d.t.Fatal(err)
		}
	}
	r := NewReplay(c)
	for _, rec := range d.records {
		if err := r.Add(rec); err != nil {
			d.t.Fatal(err)
		}
	}
	return r
}

// promise is what a proposer was told.
type promise uint8

const (
	nothing promise = iota
	applied
	dropped
	unknown
)

// node is a host with one group.
type node struct {
	t      *testing.T
	disk   *disk
	ledger *ledger
	group  *Group[paid]
	inbox  []Event
	now    int64

	told    map[uint64]promise
	entries []int // commands of each performed entry
	lead    uint64
	leads   int
	storing []*Checkpoint
	network func([]*raftpb.Message)
}

func newNode(t *testing.T) *node {
	n := &node{t: t, disk: &disk{t: t}, told: map[uint64]promise{}, network: func([]*raftpb.Message) { t.Error("one voter sends messages") }}
	n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
	return n
}

// start begins a group from what is on the disk.
func (n *node) start(c Config[paid]) {
	n.t.Helper()
	n.ledger, n.inbox, n.storing, n.lead = &ledger{}, nil, nil, 0
	c.Machine, c.Log, c.Host = n.ledger, n.disk, n
	g, err := New(c, n.disk.replay())
	if err != nil {
		n.t.Fatal(err)
	}
	n.group = g
}

func (n *node) Perform(e machine.Entry, tickets []Ticket, fx *paid) {
	n.entries = append(n.entries, len(fx.ids))
	if len(tickets) > 0 {
		rest := fx.ids
		for _, ticket := range tickets {
			n.tell(ticket, rest[0], applied)
			rest = rest[ticket.Commands:]
		}
		if len(rest) > 0 {
			n.t.Errorf("%d answers too many in entry %d", len(rest), e.Index)
		}
	}
	fx.ids = fx.ids[:0]
}

func (n *node) Drop(tickets []Ticket, err error) {
	for _, ticket := range tickets {
		switch id := ticket.Cookie.(uint64); {
		case errors.Is(err, ErrDropped):
			n.tell(ticket, id, dropped)
		case errors.Is(err, ErrUnknown):
			n.tell(ticket, id, unknown)
		default:
			n.t.Errorf("drop without a promise: %v", err)
		}
	}
}

func (n *node) tell(ticket Ticket, id uint64, p promise) {
	if ticket.Cookie != id {
		n.t.Errorf("the answer to %d went to %v", id, ticket.Cookie)
	}
	if was := n.told[id]; was != nothing {
		n.t.Errorf("%d was told %d and then %d", id, was, p)
	}
	n.told[id] = p
}

func (n *node) Lead(term uint64) {
	if n.lead != 0 {
		n.t.Errorf("lead %d within lead %d", term, n.lead)
	}
	n.lead = term
	n.leads++
}

func (n *node) Follow() {
	if n.lead == 0 {
		n.t.Error("follow without lead")
	}
	n.lead = 0
}

func (n *node) Send(messages []*raftpb.Message) { n.network(messages) }
func (n *node) Store(c *Checkpoint)             { n.storing = append(n.storing, c) }

// propose puts a proposal of so many commands, with ids from first on, into the inbox.
func (n *node) propose(first uint64, commands, padding int) {
	var data []byte
	for i := range commands {
		data = command(data, first+uint64(i), padding)
	}
	n.inbox = append(n.inbox, Event{Kind: Propose, Proposal: Proposal{Data: data, Ticket: Ticket{Commands: commands, Cookie: first}}})
}

// turn runs a turn with the inbox, and wipes what the group may not keep.
func (n *node) turn(more ...Event) error {
	in := append(n.inbox, more...)
	n.inbox = nil
	err := n.group.Turn(n.now, in)
	for i := range in {
		clear(in[i].Proposal.Data)
	}
	return err
}

// sync makes all appends up to the i-th durable, and says so.
func (n *node) sync(i int) {
	if i > n.disk.synced {
		n.disk.synced = i
		n.inbox = append(n.inbox, Event{Kind: Logged, Number: n.disk.batches[i-1].number})
	}
}

// store finishes the oldest checkpoint under way.
func (n *node) store() {
	if len(n.storing) > 0 {
		c := n.storing[0]
		n.storing = n.storing[1:]
		n.disk.checkpoint = c.Append(nil)
		n.inbox = append(n.inbox, Event{Kind: Stored, Checkpoint: c})
	}
}

// settle runs turns and syncs until nothing is left to do.
func (n *node) settle() {
	n.t.Helper()
	for {
		if err := n.turn(); err != nil {
			n.t.Fatal(err)
		}
		n.sync(len(n.disk.batches))
		n.store()
		if len(n.inbox) == 0 {
			return
		}
	}
}

func (n *node) wantLedger(ids ...uint64) {
	n.t.Helper()
	if !slices.Equal(n.ledger.ids, ids) {
		n.t.Fatalf("ledger has %v, want %v", n.ledger.ids, ids)
	}
}
