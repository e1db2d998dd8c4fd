package replica

import (
	"encoding/binary"
	"fmt"
	"sync"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/machine"
)

const (
	// MaxCommands and MaxBytes bound what becomes one entry of several proposals. One proposal may be
	// larger, and is then an entry of its own.
	MaxCommands = 512
	MaxBytes    = 1 << 20
)

// The data of an entry is empty, when a leader begins its term, or
//
//	+--------+---------------------+--------------------
//	| format | time, unix ns       | commands
//	| 1 byte | 8 bytes, u64 of bin | as the machine reads them
//	+--------+---------------------+--------------------
const (
	formatCommands = 1
	headerBytes    = 9
)

// batch is one entry in the making, and what is kept to answer its proposals.
type batch struct {
	data     []byte // header and commands; raft copies it
	commands int
	tickets  []Ticket
	urgent   bool   // something in it is
	lazy     bool   // all in it is
	term     uint64 // in which it was proposed
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch {
	b := batches.Get().(*batch)
	b.data = append(b.data[:0], make([]byte, headerBytes)...)
	return b
}

// free gives the batch back, and lets go of buffers that only an oversized proposal needs.
func (b *batch) free() {
	clear(b.tickets)
	*b = batch{data: b.data, tickets: b.tickets[:0]}
	if cap(b.data) > 2*MaxBytes {
		b.data = nil
	}
	if cap(b.tickets) > 2*MaxCommands {
		b.tickets = nil
	}
	batches.Put(b)
}

// takes reports whether p may join the batch.
func (b *batch) takes(p *Proposal) bool {
	return b.commands+p.Commands <= MaxCommands && len(b.data)+len(p.Data) <= MaxBytes
}

func (b *batch) add(p *Proposal) {
	b.data = append(b.data, p.Data...)
	b.commands += p.Commands
	b.urgent = b.urgent || p.Urgent
	b.lazy = p.Lazy && (b.lazy || len(b.tickets) == 0)
	b.tickets = append(b.tickets, p.Ticket)
}

// stamp writes the header, and returns the data of the entry, which is valid until the batch changes.
func (b *batch) stamp(time int64) []byte {
	b.data[0] = formatCommands
	binary.LittleEndian.PutUint64(b.data[1:], uint64(time))
	return b.data
}

// timeOf returns the time of an entry, 0 if it has none.
func timeOf(data []byte) int64 {
	if len(data) < headerBytes {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(data[1:]))
}

// decode reads an entry that has commands.
func decode(e *raftpb.Entry) (machine.Entry, error) {
	data := e.GetData()
	if len(data) < headerBytes || data[0] != formatCommands || e.GetType() != raftpb.EntryNormal {
		return machine.Entry{}, fmt.Errorf("entry %d has an unknown format", e.GetIndex())
	}
	return machine.Entry{Index: e.GetIndex(), Term: e.GetTerm(), Time: timeOf(data), Data: data[headerBytes:]}, nil
}
