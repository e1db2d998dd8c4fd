package replica

import (
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// Checkpoint is a group's state as of one entry: what a restart begins with, and what a peer gets that is
// too far behind. It does not change, and may be read on any goroutine.
type Checkpoint struct {
	Index, Term uint64   // of the last entry in it
	Time        int64    // of that entry or an earlier one, unix nanoseconds
	Voters      []uint64 // in ascending order
	State       []byte   // snapshot of the machine; Append alone gives that of a frozen one

	frozen func(dst []byte) []byte // appends the state instead, of one that was taken of a machine.Freezer
}

// A checkpoint in binary form, of the types of package bin:
//
//	byte format | u64 index | u64 term | u64 time | uvarint n, n u64 voters | state | u32 CRC-32C of all before
const (
	checkpointFormat = 1
	checksumBytes    = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged means that a checkpoint is not what was once written.
var ErrDamaged = errors.New("checkpoint is damaged")

// Append appends the binary form of c, with a checksum over it. It takes as long as the state is large, so
// the host calls it outside of turns.
func (c *Checkpoint) Append(dst []byte) []byte {
	start := len(dst)
	dst = bin.AppendByte(dst, checkpointFormat)
	dst = bin.AppendU64(dst, c.Index)
	dst = bin.AppendU64(dst, c.Term)
	dst = bin.AppendU64(dst, uint64(c.Time))
	dst = bin.AppendUvarint(dst, uint64(len(c.Voters)))
	for _, v := range c.Voters {
		dst = bin.AppendU64(dst, v)
	}
	if c.frozen != nil {
		dst = c.frozen(dst)
	} else {
		dst = append(dst, c.State...)
	}
	return bin.AppendU32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// DecodeCheckpoint reads what Append wrote. The state points into data.
func DecodeCheckpoint(data []byte) (*Checkpoint, error) {
	end := len(data) - checksumBytes
	if end < 1 || crc32.Checksum(data[:end], castagnoli) != bin.NewReader(data[end:]).U32() {
		return nil, ErrDamaged
	}
	r := bin.NewReader(data[:end])
	if format := r.Byte(); format != checkpointFormat {
		return nil, fmt.Errorf("checkpoint has the unknown format %d", format)
	}
	c := &Checkpoint{Index: r.U64(), Term: r.U64(), Time: int64(r.U64())}
	c.Voters = make([]uint64, r.Count(8))
	for i := range c.Voters {
		c.Voters[i] = r.U64()
	}
	c.State = r.Rest()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return c, nil
}

// Checkpoint hands the state of the machine to Host.Store, unless the newest stored one is as new or a
// newer one is on its way. When the event Stored says that it is durable, the log may let go of all
// entries up to it.
func (g *Group[FX]) Checkpoint() {
	if g.failed == nil && g.installing == nil && g.applied.index > g.checkpointed {
		g.host.Store(g.checkpoint())
	}
}

// checkpoint is one of now, whose state is taken later if the machine can do that.
func (g *Group[FX]) checkpoint() *Checkpoint {
	c := &Checkpoint{Index: g.applied.index, Term: g.applied.term, Time: g.appliedTime, Voters: g.ring.voters}
	if freezer, ok := g.machine.(machine.Freezer); ok {
		c.frozen = freezer.Freeze()
	} else {
		c.State = g.machine.Snapshot(nil)
	}
	return c
}

// snapshot is a checkpoint as raft sends it to a peer that needs entries which the ring has no more. Raft
// wants its bytes at once.
func (g *Group[FX]) snapshot() *raftpb.Snapshot {
	c := g.checkpoint()
	return &raftpb.Snapshot{
		Data: c.Append(nil),
		Metadata: &raftpb.SnapshotMetadata{
			Index: &c.Index, Term: &c.Term, ConfState: &raftpb.ConfState{Voters: c.Voters},
		},
	}
}

// installation is a leader's checkpoint on its way into this group. What raft wants logged in the
// meantime waits, so that the order stays what raft said.
type installation struct {
	checkpoint *Checkpoint
	stored     bool
	waiting    []*raftpb.Message
}

// install has the snapshot in m stored, which comes before all else that is in m.
func (g *Group[FX]) install(m *raftpb.Message) {
	c, err := DecodeCheckpoint(m.GetSnapshot().GetData())
	if err != nil {
		g.fail(fmt.Errorf("snapshot of the leader: %w", err))
		return
	}
	g.installing = &installation{checkpoint: c, waiting: []*raftpb.Message{m}}
	g.host.Store(c)
}

// stored is told what became of a checkpoint. One of our own that could not be stored changes nothing.
func (g *Group[FX]) stored(c *Checkpoint, err error) {
	switch {
	case g.installing != nil && g.installing.checkpoint == c && err != nil:
		g.fail(fmt.Errorf("store the leader's checkpoint: %w", err))
	case g.installing != nil && g.installing.checkpoint == c:
		g.installing.stored = true
		g.finishInstall()
	case err == nil && c.Index > g.checkpointed:
		g.checkpointed = c.Index
		g.write(&appending{records: []Record{{Kind: RecordCheckpoint, Term: c.Term, Index: c.Index}}, care: Care{Urgent: true}})
	}
}

// finishInstall replaces the group's state by the stored checkpoint, once nothing is under way that
// belongs to the log of before.
func (g *Group[FX]) finishInstall() {
	in := g.installing
	if in == nil || !in.stored || len(g.appends) > 0 {
		return
	}
	c := in.checkpoint
	if err := restore(g.machine, c); err != nil {
		g.fail(err)
		return
	}
	if g.anew == nil {
		g.anew = &mark{index: g.ring.last()}
	}
	g.ring.reset(mark{c.Index, c.Term})
	g.applied, g.appliedTime, g.checkpointed = mark{c.Index, c.Term}, c.Time, c.Index
	g.lastTime = max(g.lastTime, c.Time)
	g.dropPending(ErrUnknown)
	g.installing = nil
	g.record(in.waiting[0])
	for _, m := range in.waiting[1:] {
		if g.failed == nil {
			g.append(m)
		}
	}
}
