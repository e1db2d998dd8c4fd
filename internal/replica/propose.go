package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/must"
)

// hold puts a proposal into the last batch, or into a new one.
func (g *Group[FX]) hold(p *Proposal) {
	must.True(p.Commands > 0, "a proposal of %d commands", p.Commands)
	if p.Urgent {
		g.retry(true)
	}
	switch {
	case g.failed != nil:
		g.refuse(p, g.failed)
		return
	case g.stalled:
		g.refuse(p, ErrFull)
		return
	case p.Void != nil && *p.Void:
		g.refuse(p, ErrVoid)
		return
	case g.waitingBytes > 0 && g.waitingBytes+len(p.Data) > g.maxWaitingBytes:
		g.refuse(p, ErrBusy)
		return
	}
	n := len(g.held)
	if n == 0 || !g.held[n-1].takes(p) {
		g.held = append(g.held, newBatch())
		n++
	}
	g.held[n-1].add(p)
	g.waitingBytes += len(p.Data)
	g.wanted = true
}

func (g *Group[FX]) refuse(p *Proposal, reason error) {
	g.host.Drop([]Ticket{p.Ticket}, fmt.Errorf("%w: %w", ErrDropped, reason))
}

// propose gives raft what is held, if this node leads and the log keeps up.
func (g *Group[FX]) propose() {
	if len(g.held) == 0 && !g.wanted || len(g.appends) >= maxAppends || g.stalled {
		return
	}
	status := g.node.BasicStatus()
	switch {
	case status.RaftState == raft.StateLeader:
		g.wanted, g.leaderless = false, 0
		if len(g.held) > 0 {
			g.proposeHeld(status.GetTerm())
		}
	case status.Lead != raft.None:
		g.wanted = false
		g.dropHeld(ErrNotLeader)
	case g.wanted:
		g.wanted = false // one election for each proposal at most; if it fails, ticks start the next
		if status.RaftState == raft.StateFollower {
			_ = g.node.Campaign()
		}
	}
}

func (g *Group[FX]) proposeHeld(term uint64) {
	now := max(g.now, g.lastTime)
	entries := make([]*raftpb.Entry, 0, len(g.held))
	bytes := 0
	for _, b := range g.held {
		if bytes += len(b.data); bytes > maxAppendBytes && len(entries) > 0 {
			break
		}
		b.term = term
		g.urgent = g.urgent || b.urgent
		entries = append(entries, &raftpb.Entry{Data: b.stamp(now)})
	}
	if err := g.node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &g.id, Entries: entries}); err != nil {
		g.dropHeld(err)
		return
	}
	g.lastTime = now
	g.pending = append(g.pending, g.held[:len(entries)]...)
	g.held = shift(g.held, len(entries))
}

// loseHope drops proposals that have waited for a leader as long as an election should take.
func (g *Group[FX]) loseHope() {
	if len(g.held) == 0 || g.role.Lead != raft.None {
		g.leaderless = 0
		return
	}
	if g.leaderless++; g.leaderless > 2*g.electionTicks {
		g.leaderless = 0
		g.dropHeld(ErrNotLeader)
	}
}

// dropHeld answers proposals that raft has not seen or has refused.
func (g *Group[FX]) dropHeld(reason error) {
	for _, b := range g.held {
		g.drop(b, fmt.Errorf("%w: %w", ErrDropped, reason))
	}
	g.held = shift(g.held, len(g.held))
}

// dropPending answers proposals that raft has taken.
func (g *Group[FX]) dropPending(err error) {
	for _, b := range g.pending {
		g.drop(b, err)
	}
	g.pending = shift(g.pending, len(g.pending))
}

func (g *Group[FX]) drop(b *batch, err error) {
	g.host.Drop(b.tickets, err)
	g.release(b)
}

// release takes a batch that is answered out of the account.
func (g *Group[FX]) release(b *batch) {
	g.waitingBytes -= len(b.data) - headerBytes
	b.free()
}

// shift removes the first n of a queue, in its place.
func shift[T any](queue []T, n int) []T {
	rest := copy(queue, queue[n:])
	clear(queue[rest:])
	return queue[:rest]
}
