package replica

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/must"
)

// entryOverheadBytes is what an entry costs in memory beside its data, roughly.
const entryOverheadBytes = 128

// ring holds the newest durable entries of a group in memory, and is raft's Storage. It has the entries
// from first to last; of the one before first it knows index and term only. The entries are shared with
// raft and with messages under way, so neither they nor the slots of the slice are ever overwritten.
type ring struct {
	entries []*raftpb.Entry
	before  mark
	bytes   int
	hard    *raftpb.HardState
	voters  []uint64
	// snapshot makes a snapshot of the machine for a peer that needs entries which are gone.
	snapshot func() *raftpb.Snapshot
}

// mark is a place in a group's log.
type mark struct{ index, term uint64 }

func (r *ring) first() uint64 { return r.before.index + 1 }
func (r *ring) last() uint64  { return r.before.index + uint64(len(r.entries)) }

// append adds entries that are durable now, in place of those that they supersede.
func (r *ring) append(entries []*raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	from := entries[0].GetIndex()
	must.True(from >= r.first() && from <= r.last()+1, "entry %d appended to entries %d to %d", from, r.first(), r.last())
	keep := from - r.first()
	for _, e := range r.entries[keep:] {
		r.bytes -= sizeOf(e)
	}
	if keep < uint64(len(r.entries)) {
		r.entries = r.entries[:keep:keep]
	}
	r.entries = append(r.entries, entries...)
	for _, e := range entries {
		r.bytes += sizeOf(e)
	}
}

// release forgets the oldest entries up to index until at most keepBytes are left.
func (r *ring) release(index uint64, keepBytes int) {
	n := 0
	for r.bytes > keepBytes && n < len(r.entries) && r.entries[n].GetIndex() <= index {
		e := r.entries[n]
		r.before = mark{e.GetIndex(), e.GetTerm()}
		r.bytes -= sizeOf(e)
		n++
	}
	if n == len(r.entries) {
		r.entries = nil
	} else if n > 0 {
		r.entries = r.entries[n:]
	}
}

// reset begins anew behind a snapshot.
func (r *ring) reset(at mark) {
	r.entries, r.bytes, r.before = nil, 0, at
}

// InitialState implements raft.Storage.
func (r *ring) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return r.hard, &raftpb.ConfState{Voters: r.voters}, nil
}

// Entries implements raft.Storage.
func (r *ring) Entries(lo, hi, maxBytes uint64) ([]*raftpb.Entry, error) {
	if lo < r.first() {
		return nil, raft.ErrCompacted
	}
	if hi > r.last()+1 {
		return nil, raft.ErrUnavailable
	}
	found := r.entries[lo-r.first() : hi-r.first()]
	var bytes uint64
	for i, e := range found {
		if bytes += uint64(len(e.GetData())) + entryOverheadBytes; bytes > maxBytes && i > 0 {
			found = found[:i]
			break
		}
	}
	return found[:len(found):len(found)], nil
}

// Term implements raft.Storage.
func (r *ring) Term(index uint64) (uint64, error) {
	switch {
	case index < r.before.index:
		return 0, raft.ErrCompacted
	case index == r.before.index:
		return r.before.term, nil
	case index > r.last():
		return 0, raft.ErrUnavailable
	}
	return r.entries[index-r.first()].GetTerm(), nil
}

// FirstIndex implements raft.Storage.
func (r *ring) FirstIndex() (uint64, error) { return r.first(), nil }

// LastIndex implements raft.Storage.
func (r *ring) LastIndex() (uint64, error) { return r.last(), nil }

// Snapshot implements raft.Storage.
func (r *ring) Snapshot() (*raftpb.Snapshot, error) { return r.snapshot(), nil }

func sizeOf(e *raftpb.Entry) int { return len(e.GetData()) + entryOverheadBytes }
