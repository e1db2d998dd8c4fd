package home

import (
	"slices"

	"myelin/internal/store/segment"
)

// Clean does one step of giving space back: it removes the files that everything alive has passed, and then
// removes or rewrites one of which at least half is dead. It reports whether there may be more to do. The first
// call after opening, which must come after recovery, also looks for files that are missing: see Damages. In a stream that lives
// in memory it makes the tail dense.
func (h *Home) Clean() (more bool, err error) {
	h.upkeep.Lock()
	defer h.upkeep.Unlock()
	set := h.set.Load()
	if set == nil {
		return h.squeeze(squeezeBytes) > 0, nil
	}
	if went, any := h.takeGone(); any || !h.reconciled {
		if err := h.count(set, went); err != nil {
			h.giveGone(went)
			return true, err
		}
	}
	return set.Clean(h.options.NextLive)
}

// takeGone returns the range of what went since it was called last.
func (h *Home) takeGone() (went hull, any bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	went, h.gone = h.gone, hull{}
	return went, went.last > 0
}

func (h *Home) giveGone(went hull) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if went.last > 0 {
		h.gone.add(went.first, went.last)
	}
}

// count tells the files how much of them lives, and removes those that are passed.
func (h *Home) count(set *segment.Set, went hull) error {
	if h.reconciled {
		set.Recount(went.first, went.last, h.liveBytes)
	} else {
		set.Reconcile(h.liveBytes)
		h.reconciled = true
	}
	before := set.Last() + 1 // what is flushed from now on is not passed, whatever NextLive says
	if first, ok := h.options.NextLive(1); ok {
		before = min(before, first)
	}
	if err := h.settle(); err != nil {
		return err
	}
	return set.Drop(before)
}

// The sizes by which the machine counts a message more than its subject, header and body, and those by
// which a file does, differ by no more than this: a head of 40 bytes and up to 7 to fill up, instead of at least 30.
const maxMoreBytes = 40 + 7 - 30

// liveBytes is how much the live messages of a range take in files, at most.
func (h *Home) liveBytes(first, last uint64) int64 {
	records, bytes := h.options.Live(first, last)
	return int64(bytes) + int64(records)*maxMoreBytes
}

// Erase sees to it that no file and no memory of ours holds the messages that occupied some sequences, which are gone
// by what Absorb was told, and returns when that is on the disk. It must be repeated after a crash or an error.
// Damage may keep messages from being found: that is an error, and the others are erased. Erasing many
// at once costs far less than each by itself.
func (h *Home) Erase(seqs ...uint64) error {
	h.upkeep.Lock()
	defer h.upkeep.Unlock()
	seqs = slices.Clone(seqs)
	slices.Sort(seqs)
	if err := h.settle(); err != nil {
		return err
	}
	h.scrub(seqs)
	if set := h.set.Load(); set != nil {
		return set.Erase(seqs...)
	}
	return nil
}

// scrub takes messages, whose sequences ascend, out of memory. Those that are on their way to the files are there when it
// returns; no more will go.
func (h *Home) scrub(seqs []uint64) {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	for young, rescued := seqs, seqs; len(young)+len(rescued) > 0; {
		h.mu.Lock()
		young = h.young.scrub(young, squeezeBytes)
		rescued = h.rescued.scrub(rescued, squeezeBytes)
		h.tailBytes.Store(h.young.bytes)
		h.mu.Unlock()
	}
}
