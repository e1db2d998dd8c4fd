package engine

import (
	"sync"

	"myelin/internal/netx"
	"myelin/internal/router"
)

const (
	// paceBytes is how much may wait for a turn before publishers are asked to slow down.
	paceBytes = 4 << 20
	// inLineBytes bounds what a publisher's own goroutine takes a turn for.
	inLineBytes = 16 << 10
)

// intake is where frames wait that publishers have for a stream: what its entrances have in common as a Dest.
type intake struct {
	id    uint64 // of the Dest
	claim func() bool
	run   func(inLine bool)
	// crowded says that the whole node has too much in memory.
	crowded func() bool

	mu     sync.Mutex
	chunks []*netx.Chunk
	spare  []*netx.Chunk
	bytes  int64
	relief chan struct{}
	closed bool
}

// The router tells destinations apart by a number: those of streams are the stream's group with these bits.
const (
	ingestIDs = 1 << 63
	deskIDs   = 1<<63 | 1<<61
)

func (in *intake) init(s *Stream, bits uint64) {
	in.id, in.claim, in.run, in.crowded = bits|s.asset.Group, s.events.claim, s.work, s.engine.keeper.crowded
}

// add takes the frames over; mu is held.
func (in *intake) add(f *router.Frames) {
	in.chunks = append(in.chunks, f.Chunks...)
	in.bytes += int64(f.Bytes)
	f.Chunks = f.Chunks[:0]
}

// answer is what a publisher is told whose frames were taken; pressed says that much waits.
func (in *intake) answer(pressed bool) router.Answer {
	if in.claim() {
		return router.Owes
	}
	if pressed || in.crowded() {
		return router.Pressed
	}
	return router.Taken
}

// Work implements router.Worker: it takes the turn that a Push was answered Owes for.
func (in *intake) Work(inLine bool) {
	in.mu.Lock()
	small := in.bytes <= inLineBytes
	in.mu.Unlock()
	in.run(inLine && small)
}

// Relief implements router.Dest.
func (in *intake) Relief() (relief <-chan struct{}, full bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.relief == nil {
		in.relief = make(chan struct{})
		if in.bytes <= paceBytes && !in.crowded() {
			close(in.relief)
			relief, in.relief = in.relief, nil
			return relief, false
		}
	}
	return in.relief, in.bytes > paceBytes*2 || in.crowded()
}

// Unpack implements router.Dest; a stream is in no queue group, so nothing of it is picked again.
func (in *intake) Unpack(*router.Frames, func(*router.Sub, *router.Message)) {}

// takeLocked returns all that waits, and relieves those who wait for that; mu is held. What was returned before may be used again.
func (in *intake) takeLocked() (chunks []*netx.Chunk) {
	chunks = in.chunks
	in.chunks, in.bytes = in.spare[:0], 0
	in.spare = chunks
	in.relieve()
	return chunks
}

func (in *intake) relieve() {
	if in.relief != nil {
		close(in.relief)
		in.relief = nil
	}
}

// close refuses what comes from now on, and frees what waits.
func (in *intake) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	free(in.chunks)
	in.chunks, in.bytes = nil, 0
	in.relieve()
}
