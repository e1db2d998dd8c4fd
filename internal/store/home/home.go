package home

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"myelin/internal/store/segment"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// Options are what the owner of a stream decides.
type Options struct {
	FS  vfs.FS
	Dir string // of this stream alone

	// Segment says how the files are written. Its Synced is what Sync returned last.
	Segment segment.Options
	// Memory is for a stream that lives in memory: there are no files then, and FS, Dir and Segment mean nothing.
	Memory bool

	// Live tells the number of records that live whose first sequence lies in a range, and their bytes as
	// the stream's machine counts them. It may err high.
	Live func(first, last uint64) (records int, bytes uint64)
	// NextLive tells the first sequence at or after one that lives. Neither is called with a lock held
	// that Absorb takes.
	NextLive segment.Live
}

// ErrLost says that files have lost what was flushed to them before it was synced: the Home must be opened
// anew and the log be applied once more.
var ErrLost = errors.New("messages that were flushed are lost until the log is applied again")

// Home is where the messages of one stream are. Its methods may be called concurrently.
type Home struct {
	options   Options
	set       atomic.Pointer[segment.Set] // nil in a stream that lives in memory
	tailBytes atomic.Int64

	// The token of upkeep: Clean, Erase, Reopen, Close.
	upkeep     sync.Mutex
	reconciled bool

	// The token of flushing: Flush, Sync, Rest, Reopen, Close, and Erase for a moment. Taken after that of upkeep.
	flushing sync.Mutex
	synced   uint64 // what the last Sync returned

	mu      sync.Mutex // guards all below; a leaf but for the set
	young   tail       // messages above the floor
	rescued tail       // messages up to the floor that the files have lost
	floor   uint64     // sequences up to it are in the files
	moving  uint64     // sequences up to it are being written
	suspect bool       // the files may lack what they should have
	gone    hull       // of sequences that went from the files and were not counted yet
}

// hull is a range of sequences, empty when last is 0.
type hull struct{ first, last uint64 }

func (h *hull) add(first, last uint64) {
	if h.last == 0 {
		h.first = first
	}
	h.first, h.last = min(h.first, first), max(h.last, last)
}

// Open takes stock of the files of a stream. It returns all damage found on the way; an error only when the
// file system fails.
func Open(o Options) (*Home, []segment.Damage, error) {
	h := &Home{options: o, synced: o.Segment.Synced}
	if o.Memory {
		return h, nil, nil
	}
	set, damages, err := segment.Open(o.FS, o.Dir, o.Segment)
	if err != nil {
		return nil, nil, err
	}
	h.set.Store(set)
	h.floor = set.Last()
	h.suspect = set.Stats().Last < o.Segment.Synced
	for i := range damages {
		h.suspect = h.suspect || damages[i].Cut == 0
	}
	return h, damages, nil
}

// Absorb takes what one entry stored and removed. It is called within the turn of the stream's group, while
// the stream's lock is held, so that readers see state and messages change together. data is the entry's
// Data, which is kept for as long as something in it lives. What the files have already is not taken.
func (h *Home) Absorb(data []byte, stored []stream.Stored, gone []stream.Gone) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(stored) > 0 && stored[0].Seq <= h.floor {
		h.again(data, stored[:1])
		stored = stored[1:]
	}
	if len(stored) > 0 {
		h.young.add(data, stored)
	}
	filed := max(h.floor, h.moving)
	for _, g := range gone {
		h.young.remove(g.First, g.Last)
		h.rescued.remove(g.First, g.Last)
		if g.First <= filed {
			h.gone.add(g.First, min(g.Last, filed))
		}
	}
	h.young.squeeze(squeezeBytes)
	h.tailBytes.Store(h.young.bytes)
}

// again takes a message that the files should have, as the log brings it back at recovery: it is kept when they
// have lost it.
func (h *Home) again(data []byte, stored []stream.Stored) {
	if !h.suspect {
		return
	}
	if last := h.rescued.last(); last != nil && stored[0].Seq <= last.lastSeq() {
		return
	}
	if _, _, err := h.set.Load().Read(stored[0].Seq, nil); err != nil {
		h.rescued.copy(data, &stored[0])
	}
}

// TailBytes is how much memory the messages take that were not flushed yet.
func (h *Home) TailBytes() int64 { return h.tailBytes.Load() }

// Stats are the figures of the files.
func (h *Home) Stats() segment.Stats {
	if set := h.set.Load(); set != nil {
		return set.Stats()
	}
	return segment.Stats{}
}

// Damages are all damages of the files that were found since they were opened.
func (h *Home) Damages() []segment.Damage {
	if set := h.set.Load(); set != nil {
		return set.Damages()
	}
	return nil
}

// Reopen opens the files anew after a write or sync has failed, so that Flush may go on. When it fails itself
// everything stays as it was. ErrLost says that flushing must not go on.
func (h *Home) Reopen() error {
	h.upkeep.Lock()
	defer h.upkeep.Unlock()
	h.flushing.Lock()
	defer h.flushing.Unlock()
	old := h.set.Load()
	if old == nil {
		return nil
	}
	o := h.options.Segment
	o.Synced = h.synced
	set, _, err := segment.Open(h.options.FS, h.options.Dir, o)
	if err != nil {
		return fmt.Errorf("open the files of the stream again: %w", err)
	}
	if is, was := set.Stats().Last, old.Stats().Last; is < was {
		return errors.Join(fmt.Errorf("the files end with sequence %d instead of %d: %w", is, was, ErrLost), set.Close())
	}
	h.reconciled = false
	h.set.Store(set)
	_ = old.Close() // it says again what failed
	return nil
}

// Close syncs the files and ends their use. The tail is not flushed.
func (h *Home) Close() error {
	h.upkeep.Lock()
	defer h.upkeep.Unlock()
	h.flushing.Lock()
	defer h.flushing.Unlock()
	set := h.set.Load()
	if set == nil {
		return nil
	}
	return set.Close()
}

// Remove closes the Home and deletes all files of the stream.
func (h *Home) Remove() error {
	// What fails when files are closed does not matter once they are gone.
	_ = h.Close()
	if h.options.Memory {
		return nil
	}
	if err := vfs.RemoveAll(h.options.FS, h.options.Dir); err != nil {
		return fmt.Errorf("remove the files of a stream: %w", err)
	}
	return h.options.FS.SyncDir(filepath.Dir(h.options.Dir))
}
