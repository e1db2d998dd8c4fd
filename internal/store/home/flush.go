package home

import (
	"fmt"
)

// flushBytes is about how much goes to the files at once.
const flushBytes = 1 << 20

// Flush writes messages of the tail that begin at or before a sequence to the files and drops them from memory:
// the oldest, until about maxBytes were written or there are no more. It returns how many bytes of memory
// are free again. After an error the tail is as it was, and nothing is written until Reopen. In a stream that
// lives in memory it only makes the tail dense.
func (h *Home) Flush(upTo uint64, maxBytes int64) (freed int64, err error) {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	set := h.set.Load()
	if set == nil {
		return h.squeeze(maxBytes), nil
	}
	g := cargoes.Get().(*cargo)
	defer g.release()
	for taken := int64(0); taken < maxBytes; taken += g.bytes {
		h.load(g, upTo, min(flushBytes, maxBytes-taken))
		if err := h.settle(); err != nil {
			return freed, fmt.Errorf("flush: %w", err)
		}
		last := g.decode(set.Last())
		if err := set.Write(g.records); err != nil {
			return freed, fmt.Errorf("flush: %w", err)
		}
		freed += h.unload(g, last)
		if len(g.runs) == 0 {
			break
		}
	}
	return freed, nil
}

// load takes a portion of the tail.
func (h *Home) load(g *cargo, upTo uint64, maxBytes int64) {
	g.reset()
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &h.young
	g.collect(t, 0, upTo, maxBytes)
	if t.open != nil && t.open.base <= g.through {
		t.close() // what comes now gets a chunk of its own, so that this one can go
	}
	h.moving = max(h.moving, g.through)
}

// unload drops from memory what was written, and moves the floor in the same moment.
func (h *Home) unload(g *cargo, last uint64) (freed int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.young.bytes
	h.floor = max(h.floor, g.through, last)
	h.young.removeThrough(g.through)
	h.tailBytes.Store(h.young.bytes)
	return before - h.young.bytes
}

// squeeze makes the tail dense.
func (h *Home) squeeze(maxBytes int64) (freed int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.young.bytes
	h.young.squeeze(min(maxBytes, squeezeBytes))
	h.tailBytes.Store(h.young.bytes)
	return before - h.young.bytes
}

// Sync returns when all that was flushed is on the disk, with the last sequence written: what Options.Segment.Synced
// must be the next time, once the owner has noted it durably. The log may forget what was flushed then.
func (h *Home) Sync() (last uint64, err error) {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	set := h.set.Load()
	if set == nil {
		return 0, nil
	}
	if err := set.Sync(); err != nil {
		return h.synced, err
	}
	h.synced = set.Last()
	return h.synced, nil
}

// Rest is for a stream that nobody writes to for a while: it syncs and closes the file being written. The next
// Flush opens it again.
func (h *Home) Rest() error {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	set := h.set.Load()
	if set == nil {
		return nil
	}
	return set.Rest()
}

// settle waits until a crash does not take back what the files are about to rely on: a message that was removed, and is
// left out there, must not come back.
func (h *Home) settle() error {
	if h.options.Memory || h.options.Segment.Settle == nil {
		return nil
	}
	return h.options.Segment.Settle()
}
