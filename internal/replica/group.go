package replica

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/machine"
	"myelin/internal/must"
)

const (
	// maxAppends is how many appends of a group may be under way before proposals wait. More of them
	// gain nothing; what waits makes larger entries.
	maxAppends = 4
	// maxAppendBytes bounds the proposals in one append, but for a single larger one.
	maxAppendBytes = 2 << 20
	// maxMessageBytes bounds the entries in one message to a peer, and maxApplyBytes those that are
	// applied at a stroke; a single larger one goes alone.
	maxMessageBytes = 1 << 20
	maxApplyBytes   = 4 << 20
	// maxMessages bounds the appends under way to one peer.
	maxMessages = 64
)

// Config says what a group consists of. All but the last five fields are required.
type Config[FX any] struct {
	ID      uint64   // of this node in the group, not 0
	Voters  []uint64 // of the whole group, in ascending order; a checkpoint knows better
	Machine machine.Machine[FX]
	Log     Log
	Host    Host[FX]

	// ElectionTicks and HeartbeatTicks say after how many ticks a follower misses its leader and a
	// leader shows itself: 10 and 1 if 0.
	ElectionTicks, HeartbeatTicks int
	// KeepBytes is how much of what is applied stays in memory for peers that are behind.
	KeepBytes int
	// MaxWaitingBytes bounds the commands that are proposed and not yet answered: 64 MiB if 0.
	MaxWaitingBytes int
	// Warnf is told what raft warns of.
	Warnf func(format string, args ...any)
}

// Group is one replica of a machine with its order. See the package's comment.
type Group[FX any] struct {
	// set at the beginning
	id              uint64
	machine         machine.Machine[FX]
	log             Log
	host            Host[FX]
	keepBytes       int
	maxWaitingBytes int
	electionTicks   int
	alone           bool // there is no other voter

	// raft, and what it was last seen to be
	node *raft.RawNode
	ring *ring
	role raft.SoftState
	hard hardState // newest known
	led  uint64    // term for which the host leads, 0 if it follows

	// proposals
	now          int64 // of this turn
	lastTime     int64 // of the newest entry seen
	held         []*batch
	pending      []*batch // proposed and not answered
	waitingBytes int      // in both
	leaderless   int      // ticks for which held proposals found no leader
	wanted       bool     // a proposal or the host wants a leader

	// what is under way to the log, and to peers
	appends    []*appending
	number     uint64    // of the newest append
	logged     hardState // as given to the log
	anew       *mark     // where the log ends, if that has nothing to do with the ring
	urgent     bool      // the entries that raft has next to log are
	stalled    bool      // the log had no room for the first of appends
	installing *installation
	// checkpointed is the index of the newest checkpoint that the log was told of.
	checkpointed uint64
	out          []*raftpb.Message

	// the machine
	applied     mark
	appliedTime int64
	fx          FX
	failed      error
}

// New returns a group that stands where r ends, with the machine at r's checkpoint. It does nothing yet:
// the first turn applies what is known to be committed.
func New[FX any](c Config[FX], r *Replay) (*Group[FX], error) {
	must.True(slices.Contains(c.Voters, c.ID), "node %d is none of %v", c.ID, c.Voters)
	g := &Group[FX]{
		id: c.ID, machine: c.Machine, log: c.Log, host: c.Host, keepBytes: c.KeepBytes,
		maxWaitingBytes: orDefault(c.MaxWaitingBytes, 64<<20), electionTicks: orDefault(c.ElectionTicks, 10),
		alone: len(c.Voters) == 1, ring: r.ring(c.Voters), applied: r.before, checkpointed: r.checkpointed,
	}
	if r.logged != r.last() {
		if len(r.entries) > 0 {
			return nil, fmt.Errorf("log ends at entry %d of term %d and contradicts its checkpoint", r.logged.index, r.logged.term)
		}
		g.anew = &r.logged
	}
	if r.checkpoint != nil {
		if err := restore(c.Machine, r.checkpoint); err != nil {
			return nil, err
		}
		g.appliedTime = r.checkpoint.Time
	}
	g.lastTime = g.appliedTime
	for _, e := range g.ring.entries {
		g.lastTime = max(g.lastTime, timeOf(e.GetData()))
	}
	g.ring.snapshot = g.snapshot
	g.hard = hardStateOf(g.ring.hard)
	g.logged = g.hard
	warnf := c.Warnf
	if warnf == nil {
		warnf = func(string, ...any) {}
	}
	node, err := raft.NewRawNode(&raft.Config{
		ID: c.ID, Storage: g.ring, Applied: g.applied.index, AsyncStorageWrites: true,
		ElectionTick: g.electionTicks, HeartbeatTick: orDefault(c.HeartbeatTicks, 1),
		MaxSizePerMsg: maxMessageBytes, MaxCommittedSizePerReady: maxApplyBytes, MaxInflightMsgs: maxMessages,
		PreVote: true, CheckQuorum: true,
		// The leader's time is in the entries, so only the leader makes them.
		DisableProposalForwarding: true,
		Logger:                    raftLogger{warnf},
	})
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	g.node = node
	return g, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Turn takes in all that happened and does all that follows from it. now is the time in unix nanoseconds.
// An error is the end of the group: what waited is answered, later proposals are dropped, and every
// further turn returns the same.
func (g *Group[FX]) Turn(now int64, in []Event) error {
	g.now = now
	for i := range in {
		g.absorb(&in[i])
	}
	g.work()
	g.send()
	return g.failed
}

// work proposes what may be proposed, and does what raft asks for until it has no more to ask.
func (g *Group[FX]) work() {
	for g.failed == nil {
		g.propose()
		if !g.node.HasReady() {
			return
		}
		g.handle(g.node.Ready())
	}
}

func (g *Group[FX]) absorb(e *Event) {
	if g.failed != nil && e.Kind != Propose {
		return
	}
	switch e.Kind {
	case Propose:
		g.hold(&e.Proposal)
	case Logged:
		g.complete(e.Number, e.Err)
	case Stored:
		g.stored(e.Checkpoint, e.Err)
	case Received:
		g.receive(e.Message)
	case Tick:
		g.node.Tick()
		g.loseHope()
	case Retry:
		g.retry(false)
	case Campaign:
		g.wanted = true
	}
}

// receive steps a peer's message, or what the transport has to say of a peer. Errors are about messages
// of strangers and of the past, which are ignored.
func (g *Group[FX]) receive(m *raftpb.Message) {
	switch m.GetType() {
	case raftpb.MsgUnreachable:
		g.node.ReportUnreachable(m.GetFrom())
	case raftpb.MsgSnapStatus:
		status := raft.SnapshotFinish
		if m.GetReject() {
			status = raft.SnapshotFailure
		}
		g.node.ReportSnapshot(m.GetFrom(), status)
	case raftpb.MsgProp:
	default:
		// The log must see entries under the term in which they were taken, since they cannot be
		// replaced within it: a message that may raise the term comes after what is to be logged.
		if m.GetTerm() > g.hard.term || m.GetType() == raftpb.MsgTimeoutNow {
			g.work()
		}
		if g.failed == nil {
			_ = g.node.Step(m)
		}
	}
}

// handle does what raft asks for.
func (g *Group[FX]) handle(rd raft.Ready) {
	if !raft.IsEmptyHardState(rd.HardState) {
		g.hard = hardStateOf(rd.HardState)
	}
	if rd.SoftState != nil {
		g.role = *rd.SoftState
		if g.role.RaftState != raft.StateLeader {
			g.follow()
		}
	}
	for _, m := range rd.Messages {
		if !raft.IsLocalMsgTarget(m.GetTo()) {
			g.out = append(g.out, m)
		}
	}
	g.send() // peers write at the same time as we do
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			g.append(m)
		case raft.LocalApplyThread:
			g.apply(m)
		}
		if g.failed != nil {
			return
		}
	}
}

func (g *Group[FX]) send() {
	if len(g.out) > 0 {
		g.host.Send(g.out)
		clear(g.out)
		g.out = g.out[:0]
	}
}

// respond delivers what raft wanted to be told, here or at a peer, after a local step of its own.
func (g *Group[FX]) respond(responses []*raftpb.Message) {
	for _, m := range responses {
		if m.GetTo() == g.id {
			_ = g.node.Step(m)
		} else {
			g.out = append(g.out, m)
		}
	}
}

func (g *Group[FX]) follow() {
	if g.led != 0 {
		g.led = 0
		g.host.Follow()
	}
}

// fail ends the group.
func (g *Group[FX]) fail(err error) {
	if g.failed != nil {
		return
	}
	g.failed = err
	g.follow()
	g.dropPending(fmt.Errorf("%w: %w", ErrUnknown, err))
	g.dropHeld(err)
	g.appends, g.out, g.installing, g.stalled = nil, nil, nil, false
}

// Leader returns the node that is known to lead, 0 if none is, and the term.
func (g *Group[FX]) Leader() (node, term uint64) { return g.role.Lead, g.hard.term }

// Applied returns the index of the last entry that the machine applied.
func (g *Group[FX]) Applied() uint64 { return g.applied.index }

// Idle reports that nothing is under way: no append, no proposal. Only then may the log complete the
// next append in line, and only then does a group need no turn until something happens.
func (g *Group[FX]) Idle() bool {
	return len(g.appends) == 0 && len(g.held) == 0 && len(g.pending) == 0 && g.installing == nil
}

// Unsettled reports that the log holds entries which may be committed but are not known to be, as after a
// crash: the event Campaign settles them.
func (g *Group[FX]) Unsettled() bool { return g.applied.index < g.ring.last() }

// Stalled reports that the log had no room for what the group appended. Until the event Retry, or an
// urgent proposal, it drops proposals.
func (g *Group[FX]) Stalled() bool { return g.stalled }

// WaitingBytes returns how much is proposed and not answered, for a host that pushes back.
func (g *Group[FX]) WaitingBytes() int { return g.waitingBytes }
