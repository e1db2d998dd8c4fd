package replica

import (
	"errors"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/machine"
)

// Errors of Host.Drop; ErrBusy, ErrFull and ErrNotLeader say more about the reason of a drop.
var (
	// ErrDropped means that the proposal is not in the log and never will be.
	ErrDropped = errors.New("proposal dropped")
	// ErrUnknown means that nobody will learn from this group whether the proposal was applied.
	ErrUnknown = errors.New("outcome of the proposal unknown")
	// ErrBusy is an ErrDropped for a group that holds MaxHeldBytes of proposals already.
	ErrBusy = errors.New("too much waits to be logged")
	// ErrFull is an ErrDropped while there is no room in the log; as an error of the log it does not end
	// the group, but stalls it.
	ErrFull = errors.New("no room in the log")
	// ErrVoid is an ErrDropped for a proposal that follows from another that was dropped.
	ErrVoid = errors.New("what came before it was dropped")
	// ErrNotLeader is an ErrDropped for a group that has another leader, or had none for too long.
	ErrNotLeader = errors.New("not the leader")
)

// Kind says what an Event is about.
type Kind uint8

const (
	// Propose carries a Proposal.
	Propose Kind = iota
	// Logged completes the append Number, and all before it: they are durable, or failed with Err.
	Logged
	// Stored completes Host.Store for the Checkpoint: it is durable, or failed with Err.
	Stored
	// Received carries a Message of a peer.
	Received
	// Tick advances the timers of elections and heartbeats, which a single voter does not need.
	Tick
	// Retry appends again what the log had no room for.
	Retry
	// Campaign takes the lead if no leader is known. A proposal does so by itself.
	Campaign
)

// Event is one thing that happened to a group; its Kind says which fields count.
type Event struct {
	Kind       Kind
	Number     uint64
	Err        error
	Proposal   Proposal
	Message    *raftpb.Message
	Checkpoint *Checkpoint
}

// Proposal is one or more commands that are to become part of one entry.
type Proposal struct {
	// Data holds the commands end to end, in the encoding of the machine, which finds their ends by
	// itself. It is the caller's again when Turn returns.
	Data []byte
	// Urgent proposals free space: they may use the room that the log holds in reserve.
	Urgent bool
	// Lazy proposals need not be on the disk before they are applied, only in the log. They are there soon, and
	// before anything that comes later and is not lazy.
	Lazy bool
	// Void drops the proposal if it points to true by the time the group takes it in: it follows from one that was
	// dropped. nil: never. Host.Drop may set it.
	Void *bool
	Ticket
}

// Ticket is what a group keeps of a proposal until it is answered.
type Ticket struct {
	// Commands says how many commands the proposal has, at least one.
	Commands int
	// Cookie is the proposer's own, and opaque to the group.
	Cookie any
}

// Host performs what a group decides. Its methods are called within Turn, on the caller's goroutine.
type Host[FX any] interface {
	// Perform acts on what entry e brought about. The tickets are those of this group's own proposals
	// in e, in their order: none if e came from another leader or from before a restart. The effects
	// are the group's and used again: Perform leaves them empty. e.Data stays valid and unchanged.
	Perform(e machine.Entry, tickets []Ticket, fx *FX)
	// Drop answers proposals that no entry will answer, see ErrDropped and ErrUnknown.
	Drop(tickets []Ticket, err error)
	// Lead is called when this node leads and its machine has applied everything from earlier terms;
	// until Follow, volatile effects are its to perform.
	Lead(term uint64)
	// Follow ends what Lead began.
	Follow()
	// Send carries messages to peers; it may lose them. The slice is the group's, the messages are not.
	Send(messages []*raftpb.Message)
	// Store makes a checkpoint durable in place of earlier ones, in its own time but in order, and answers
	// by the event Stored. Nothing in it changes any more.
	Store(c *Checkpoint)
}

// RecordKind says what a Record holds.
type RecordKind uint8

const (
	// RecordEntry is an entry of the group's log. It ends the life of all entries with the same or a
	// higher index that were logged before it.
	RecordEntry RecordKind = iota + 1
	// RecordHardState is raft's term, vote and committed index. The newest counts.
	RecordHardState
	// RecordCheckpoint says that all entries up to Index are in a checkpoint which is stored.
	RecordCheckpoint
)

// Record is one thing that a group wants logged, or that its log replays.
type Record struct {
	Kind  RecordKind
	Tag   uint8 // of an entry: what kind of entry it is for raft
	Term  uint64
	Index uint64 // of a hard state: the last entry known to be committed
	Vote  uint64 // of a hard state
	Data  []byte // of an entry; never changed once it is in a record
}

// Log is a group's part of the log of its node.
type Log interface {
	// Append logs records, all or none, after all that was appended before. It returns true if they and
	// all earlier ones are durable already; otherwise the event Logged follows with this number or a
	// higher one. The slice is the log's until then.
	// After ErrFull, here or in Logged, the records and all that were appended later come again.
	Append(number uint64, records []Record, care Care) (durable bool, err error)
}

// Care says how an append is to be handled.
type Care struct {
	Urgent bool // it may use what is held in reserve
	Lazy   bool // it counts as durable once it is written
	// Behind says that the answer to an earlier append was not heard yet: that to this one must not come before it. If there was no
	// room for the other, this one may have been refused for that, or be there though the other is not.
	Behind bool
}
