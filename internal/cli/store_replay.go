package cli

import (
	"errors"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/machine"
	"myelin/internal/replica"
)

// replayOffline brings a machine to where the log and the checkpoint of its group end, in the way in which a server
// does that; nothing is written.
func replayOffline[FX any](m machine.Machine[FX], r *replica.Replay) error {
	host := &offlineHost[FX]{}
	g, err := replica.New(replica.Config[FX]{ID: 1, Voters: []uint64{1}, Machine: m, Log: offlineLog{}, Host: host}, r)
	if err != nil {
		return err
	}
	if err := g.Turn(0, []replica.Event{{Kind: replica.Campaign}}); err != nil {
		return err
	}
	if g.Unsettled() {
		return errors.New("the log cannot be replayed to its end")
	}
	return nil
}

// offlineLog takes what a group wants logged for being the leader, and forgets it.
type offlineLog struct{}

// Append implements replica.Log.
func (offlineLog) Append(uint64, []replica.Record, replica.Care) (durable bool, err error) {
	return true, nil
}

// offlineHost performs nothing.
type offlineHost[FX any] struct{}

func (*offlineHost[FX]) Perform(_ machine.Entry, _ []replica.Ticket, fx *FX) { *fx = *new(FX) }
func (*offlineHost[FX]) Drop([]replica.Ticket, error)                        {}
func (*offlineHost[FX]) Lead(uint64)                                         {}
func (*offlineHost[FX]) Follow()                                             {}
func (*offlineHost[FX]) Send([]*raftpb.Message)                              {}
func (*offlineHost[FX]) Store(*replica.Checkpoint)                           {}
