package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// apply does what a MsgStorageApply asks for.
func (g *Group[FX]) apply(m *raftpb.Message) {
	for _, e := range m.GetEntries() {
		if err := g.applyEntry(e); err != nil {
			g.fail(fmt.Errorf("apply: %w", err))
			return
		}
	}
	g.respond(m.GetResponses())
	g.ring.release(g.applied.index, g.keepBytes)
}

func (g *Group[FX]) applyEntry(e *raftpb.Entry) error {
	term := e.GetTerm()
	g.dropOvertaken(term)
	if g.led == 0 && g.role.RaftState == raft.StateLeader && term == g.hard.term {
		g.led = term
		g.host.Lead(term)
	}
	g.applied = mark{e.GetIndex(), term}
	if len(e.GetData()) == 0 {
		return nil
	}
	entry, err := decode(e)
	if err != nil {
		return err
	}
	g.appliedTime = entry.Time
	g.machine.Apply(entry, &g.fx)
	// Of one term there is one leader, and its proposals are the entries with data, in order.
	if len(g.pending) == 0 || g.pending[0].term != term {
		g.host.Perform(entry, nil, &g.fx)
		return nil
	}
	b := g.pending[0]
	g.host.Perform(entry, b.tickets, &g.fx)
	g.pending = shift(g.pending, 1)
	g.release(b)
	return nil
}

// dropOvertaken drops what this node proposed in terms before that of an entry which is committed. The
// terms in a log never fall, so nothing of those can follow.
func (g *Group[FX]) dropOvertaken(term uint64) {
	n := 0
	for n < len(g.pending) && g.pending[n].term < term {
		g.drop(g.pending[n], fmt.Errorf("%w: %w", ErrDropped, ErrNotLeader))
		n++
	}
	g.pending = shift(g.pending, n)
}
