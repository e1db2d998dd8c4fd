package engine

import (
	"fmt"
	"sync"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/meta"
	"myelin/internal/replica"
)

// assets is the group that knows what exists.
type assets struct {
	engine *Engine
	events reactor[meta.Effects]
	pin    pin

	mu    sync.RWMutex // guards state, which changes within turns
	state meta.State

	settled func() // of the holder of the token, see Stream.settled
}

// assetsHost is the side of assets that its group sees.
type assetsHost struct{ *assets }

func (h assetsHost) Apply(e machine.Entry, fx *meta.Effects) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state.Apply(e, fx)
}

func (h assetsHost) Deadline() int64             { return h.state.Deadline() }
func (h assetsHost) Snapshot(dst []byte) []byte  { return h.state.Snapshot(dst) }
func (h assetsHost) Restore(r *bin.Reader) error { return h.state.Restore(r) }
func (h assetsHost) Lead(uint64)                 {}
func (h assetsHost) Follow()                     {}
func (h assetsHost) Send([]*raftpb.Message)      {}

func (h assetsHost) Perform(e machine.Entry, tickets []replica.Ticket, fx *meta.Effects) {
	h.engine.keeper.logged(&h.pin, len(e.Data))
	for i, t := range tickets {
		t.Cookie.(func(meta.Reply))(fx.Replies[i])
	}
	fx.Reset()
}

func (h assetsHost) Drop(tickets []replica.Ticket, err error) {
	for _, t := range tickets {
		t.Cookie.(func(meta.Reply))(meta.Reply{Err: dropped(err)})
	}
}

func (h assetsHost) Store(c *replica.Checkpoint) {
	e := h.engine
	e.keeper.release(&h.pin)
	e.keeper.add(func() {
		err := e.writeCheckpoint(metaGroup, c, 0)
		h.events.post(replica.Event{Kind: replica.Stored, Checkpoint: c, Err: err})
		if err != nil {
			e.log.Errorf("The list of streams could not be written, which is tried again: %v", err)
			e.clock.AfterFunc(retryEvery, h.askCheckpoint)
		}
	})
}

func (a *assets) askCheckpoint() {
	a.events.do(func() { a.events.group.Checkpoint() })
}

func (a *assets) afterTurn(err error) {
	if err != nil {
		a.engine.failed(err)
	}
	if a.settled != nil && (err != nil || !a.events.group.Unsettled()) {
		a.settled()
		a.settled = nil
	}
}

// propose has a command applied and returns the answer.
func (a *assets) propose(command []byte, urgent bool) meta.Reply {
	switch {
	case a.engine.Err() != nil:
		return meta.Reply{Err: apierr.ClusterNotAvail.Err()}
	case !urgent && a.engine.full():
		return meta.Reply{Err: apierr.InsufficientResources.Err()}
	}
	answer := make(chan meta.Reply, 1)
	if !a.events.post(replica.Event{Proposal: replica.Proposal{
		Data: command, Urgent: urgent,
		Ticket: replica.Ticket{Commands: 1, Cookie: func(r meta.Reply) { answer <- r }},
	}}) {
		return meta.Reply{Err: apierr.ClusterNotAvail.Err()}
	}
	return <-answer
}

// forget tells meta that nothing is left of a deleted stream.
func (a *assets) forget(group uint64) error {
	if r := a.propose(meta.RemovedStream{Group: group}.Encode(nil), true); r.Err != nil {
		return fmt.Errorf("forget group %d: %w", group, r.Err)
	}
	return nil
}
