package heap

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

type thing struct{ key, at int }

func (x *thing) Placed(at int) { x.at = at }

// Whatever is entered, moved and taken out, the first is the lowest, each knows its place, and those up to a key are found.
func TestHeapBySeed(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var h Heap[int, *thing]
		things := make([]thing, 1+rnd.IntN(40))
		for range 400 {
			x := &things[rnd.IntN(len(things))]
			if rnd.IntN(3) == 0 {
				h.Remove(x.at)
				if x.at != 0 {
					t.Fatalf("seed %d: gone, and at %d", seed, x.at)
				}
			} else {
				x.key = rnd.IntN(30)
				h.Set(x.at, x.key, x)
			}
			check(t, seed, &h, things, rnd.IntN(30))
		}
	}
}

func check(t *testing.T, seed uint64, h *Heap[int, *thing], things []thing, limit int) {
	t.Helper()
	var in, low, found []int
	for i := range things {
		if x := &things[i]; x.at > 0 {
			in = append(in, x.key)
			if h.list[x.at-1].item != x {
				t.Fatalf("seed %d: another stands at %d", seed, x.at)
			}
			if x.key <= limit {
				low = append(low, x.key)
			}
		}
	}
	h.UpTo(limit, func(x *thing) { found = append(found, x.key) })
	slices.Sort(found)
	slices.Sort(low)
	if h.Len() != len(in) || !slices.Equal(found, low) {
		t.Fatalf("seed %d: %d of %d, %v up to %d instead of %v", seed, h.Len(), len(in), found, limit, low)
	}
	if len(in) > 0 {
		if key, x := h.First(); key != slices.Min(in) || x.key != key {
			t.Fatalf("seed %d: %d is first of %v", seed, key, in)
		}
	}
}

// plain is a heap of pointers that reads the key where it compares, written out by hand.
type plain []*thing

func (h plain) fix(i int) {
	for i > 0 && h[i].key < h[(i-1)/2].key {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for child := 2*i + 1; child < len(h); child = 2*i + 1 {
		if child+1 < len(h) && h[child+1].key < h[child].key {
			child++
		}
		if h[child].key >= h[i].key {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h plain) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i+1, j+1
}

// BenchmarkMove moves items to later keys, as timers do, in a heap of this package and in one that is written out by hand.
func BenchmarkMove(b *testing.B) {
	for _, n := range []int{1, 16, 1000, 100_000} {
		things := make([]*thing, n)
		var h Heap[int, *thing]
		reset := func() {
			for i := range things {
				things[i] = &thing{key: i}
			}
		}
		name := func(kind string) string { return kind + "/" + strconv.Itoa(n) }
		reset()
		for _, x := range things {
			h.Set(0, x.key, x)
		}
		b.Run(name("heap"), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				x := things[rnd.IntN(n)]
				x.key += n / 2
				h.Set(x.at, x.key, x)
			}
		})
		reset()
		var p plain
		for _, x := range things {
			p = append(p, x)
			x.at = len(p)
		}
		b.Run(name("plain"), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				x := things[rnd.IntN(n)]
				x.key += n / 2
				p.fix(x.at - 1)
			}
		})
	}
}
