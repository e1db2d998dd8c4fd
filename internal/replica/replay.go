package replica

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// Replay gathers what the log of a node has of one group, in the order in which it was appended.
type Replay struct {
	checkpoint *Checkpoint // nil for a group without
	before     mark
	entries    []*raftpb.Entry // those behind before
	// strayed is set while the log goes on from an entry that the checkpoint contradicts.
	strayed bool
	hard    hardState
	// logged is where the log itself believes to end, and checkpointed the checkpoint that it knows.
	logged       mark
	checkpointed uint64
}

// NewReplay begins with the last stored checkpoint, or nil if none was ever stored.
func NewReplay(c *Checkpoint) *Replay {
	r := &Replay{checkpoint: c, before: mark{1, 1}}
	if c != nil {
		r.before = mark{c.Index, c.Term}
	}
	return r
}

func (r *Replay) last() mark {
	if n := len(r.entries); n > 0 {
		return mark{r.entries[n-1].GetIndex(), r.entries[n-1].GetTerm()}
	}
	return r.before
}

// Add takes the next record, and keeps its data. An error means that the group's log is not whole.
func (r *Replay) Add(rec Record) error {
	switch rec.Kind {
	case RecordHardState:
		r.hard = hardState{rec.Term, rec.Vote, rec.Index}
	case RecordCheckpoint:
		if rec.Index > r.before.index {
			return fmt.Errorf("the checkpoint of entry %d is missing", rec.Index)
		}
		r.checkpointed = rec.Index
		if rec.Index > r.logged.index {
			r.logged = mark{rec.Index, rec.Term}
		}
	case RecordEntry:
		return r.addEntry(rec)
	default:
		return fmt.Errorf("record of the unknown kind %d", rec.Kind)
	}
	return nil
}

// addEntry lets the later record win, whatever its term: an entry keeps its first term when a later
// leader passes it on, and so an older term may rightly replace a newer one.
func (r *Replay) addEntry(rec Record) error {
	r.logged = mark{rec.Index, rec.Term}
	if rec.Index <= r.before.index {
		r.entries = nil
		r.strayed = rec.Index == r.before.index && rec.Term != r.before.term
		return nil
	}
	if r.strayed || rec.Term < r.before.term {
		return nil
	}
	last := r.last()
	if rec.Index > last.index+1 {
		return fmt.Errorf("entries %d to %d are missing", last.index+1, rec.Index-1)
	}
	r.entries = r.entries[:rec.Index-r.before.index-1]
	if last = r.last(); rec.Term < last.term {
		return fmt.Errorf("entry %d of term %d follows one of term %d", rec.Index, rec.Term, last.term)
	}
	e := &raftpb.Entry{Type: raftpb.EntryType(rec.Tag).Enum(), Index: &rec.Index, Term: &rec.Term}
	if len(rec.Data) > 0 {
		e.Data = rec.Data
	}
	r.entries = append(r.entries, e)
	return nil
}

// ring returns the storage that raft restarts with.
func (r *Replay) ring(voters []uint64) *ring {
	last := r.last()
	h := r.hard
	if h.term < last.term { // the term has its leader, so it does not matter whom this node voted for
		h.term, h.vote = last.term, 0
	}
	if r.checkpoint != nil {
		voters = r.checkpoint.Voters
	}
	if len(voters) == 1 { // what is in the log of all voters is committed
		h.commit = last.index
	}
	h.commit = min(max(h.commit, r.before.index), last.index)
	s := &ring{before: r.before, voters: voters, hard: &raftpb.HardState{Term: &h.term, Vote: &h.vote, Commit: &h.commit}}
	s.append(r.entries)
	return s
}

// restore brings m to the state of c.
func restore[FX any](m machine.Machine[FX], c *Checkpoint) error {
	r := bin.NewReader(c.State)
	if err := m.Restore(r); err != nil {
		return fmt.Errorf("restore checkpoint %d: %w", c.Index, err)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("restore checkpoint %d: %w", c.Index, err)
	}
	return nil
}
