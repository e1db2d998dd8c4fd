package consumer

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"myelin/internal/stream"
)

// Entries are held against a map: what was added is found until it is removed, lists keep their order, and the heap
// gives the earliest first, however sequences are spread.
func TestEntriesAgainstMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		e := entries{lists: make([]list, firstWait+1)}
		there := map[uint64]uint32{}
		var order []uint64
		seq := uint64(0)
		for range 3000 {
			if r.IntN(5) < 3 {
				seq += 1 + uint64(r.Int64N(1<<(r.IntN(40))))
				i := e.add(seq, seq, 0, 1)
				there[seq] = i
				order = append(order, seq)
				if r.IntN(2) == 0 {
					e.link(i, firstWait)
				} else {
					e.delay(i, r.Int64N(1000))
				}
			} else if len(order) > 0 {
				at := r.IntN(len(order))
				e.remove(there[order[at]])
				delete(there, order[at])
				order = slices.Delete(order, at, at+1)
			}
			if probe := uint64(r.Int64N(int64(seq) + 2)); e.find(probe) != there[probe] {
				t.Fatalf("seed %d: %d is at %d, not %d", seed, probe, e.find(probe), there[probe])
			}
		}
		compareEntries(t, &e, order)
	}
}

func compareEntries(t *testing.T, e *entries, order []uint64) {
	t.Helper()
	var got []uint64
	for i := e.lists[all].head; i != 0; i = e.slab[i].newer {
		got = append(got, e.slab[i].seq)
		if e.find(e.slab[i].seq) != i {
			t.Fatalf("%d is not found", e.slab[i].seq)
		}
	}
	if !slices.Equal(got, order) || e.live != len(order) {
		t.Fatalf("%d entries, not %d, or in another order", len(got), len(order))
	}
	waiting, last := len(e.heap), int64(0)
	for i := e.lists[firstWait].head; i != 0; i = e.slab[i].next {
		waiting++
	}
	if waiting != len(order) {
		t.Fatalf("%d wait, not %d", waiting, len(order))
	}
	for len(e.heap) > 0 {
		i := e.heap[0]
		if e.slab[i].time < last {
			t.Fatalf("the heap gives %d after %d", e.slab[i].time, last)
		}
		last = e.slab[i].time
		e.remove(i)
	}
}

// Numbers that clients make up end up as never, not in the past.
func TestNumbersWithoutMeasure(t *testing.T) {
	const most = 1<<63 - 1
	var out Out
	d := fresh(stream.ConsumerConfig{MaxWaiting: 512}, &endless{0}, nil)
	for range 3 {
		d.Pull(1e18, Request{To: []byte("a"), Batch: most, Expires: most, Heartbeat: most / 2, MaxBytes: most}, &out)
	}
	d.Run(2e18, 10, &out)
	if len(out.Statuses) > 0 || d.Waiting() != 3 || d.Deadline() <= 2e18 {
		t.Errorf("%+v, %d wait, Deadline %d", out.Statuses, d.Waiting(), d.Deadline())
	}
}

// The number of digits is that of the number as it is written.
func TestDigits(t *testing.T) {
	for _, n := range []uint64{0, 1, 7, 8, 1 << 20, math.MaxInt64, math.MaxUint64} {
		if got := digits(n); got != len(strconv.FormatUint(n, 10)) {
			t.Errorf("%d has %d digits", n, got)
		}
	}
	for _, power := range powers {
		for _, n := range []uint64{power - 1, power, power + 1} {
			if got := digits(n); got != len(strconv.FormatUint(n, 10)) {
				t.Errorf("%d has %d digits", n, got)
			}
		}
	}
}
