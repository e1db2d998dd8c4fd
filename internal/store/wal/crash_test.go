package wal

import (
	"testing"
	"time"
)

var small = Options{SegmentBytes: 24 << 10, ReserveBytes: 16 << 10, MaxCommitBytes: 12 << 10}

// At every single operation on the disk the power may fail, with any part of what was not synced kept, torn
// or lost: what was answered is there, what is there was asked for, and no group is ever refused.
func TestNothingAnsweredIsLost(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) { crashes(t, seed, small) })
}

// The same where only hard states, and what asks for it, are synced before the answer.
func TestNothingSyncedIsLostWhenRelaxed(t *testing.T) {
	opts := small
	opts.SyncEvery = 5 * time.Millisecond
	seeds(t, 10, func(t *testing.T, seed uint64) { crashes(t, seed, opts) })
}

func crashes(t *testing.T, seed uint64, opts Options) {
	w := newWorld(t, seed, opts)
	for range 4 {
		for range 20 + w.rng.IntN(20) {
			w.step()
		}
		if w.rng.IntN(4) == 0 {
			if err := w.log.Close(); err != nil {
				t.Fatalf("seed %d: close: %v", seed, err)
			}
			w.durable(len(w.order))
		}
		if w.rng.IntN(4) > 0 {
			w.disk = w.disk.Crash(w.policy())
		} // else only the process died, and the system still has what was not synced
		w.boot()
	}
	if w.checks < 100 {
		t.Fatalf("seed %d: looked at %d crashes only", seed, w.checks)
	}
}
