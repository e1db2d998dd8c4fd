package stream

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"myelin/internal/machine"
	"myelin/internal/subject"
)

// A ranked set counts and finds like a sorted list, dense and sparse, with members that go at either end and
// between, and what it shared stays.
func TestRanksAgreeWithList(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 0))
		stride := []uint64{1, 3, 500, 100_000}[seed%4]
		var r, shared ranks
		var list, was []uint64
		seq := uint64(0)
		for step := range 20_000 {
			if n := len(list); n > 0 && rng.IntN(5) < 2 {
				i := []int{0, n - 1, rng.IntN(n)}[rng.IntN(3)]
				if !r.remove(list[i]) || r.remove(list[i]) {
					t.Fatalf("seed %d: %d cannot be removed once", seed, list[i])
				}
				list = slices.Delete(list, i, i+1)
			} else {
				seq += 1 + rng.Uint64N(stride)
				r.add(seq)
				list = append(list, seq)
			}
			if step == 15_000 {
				shared, was = r.share(), slices.Clone(list)
			}
			if step%97 == 0 {
				compareRanks(t, &r, list, rng.Uint64N(seq+5))
			}
		}
		for _, seq := range list {
			compareRanks(t, &r, list, seq)
			r.remove(seq)
			list = list[1:]
		}
		if r.count != 0 || shared.count != uint64(len(was)) {
			t.Fatalf("seed %d: %d are left, %d of %d were kept", seed, r.count, shared.count, len(was))
		}
		for i, seq := range was {
			if n := shared.before(seq); n != uint64(i) || !shared.has(seq) {
				t.Fatalf("seed %d: %d stands at %d, not %d", seed, seq, n, i)
			}
		}
	}
}

func compareRanks(t *testing.T, r *ranks, list []uint64, at uint64) {
	t.Helper()
	i, found := slices.BinarySearch(list, at)
	if got := r.before(at); got != uint64(i) || r.from(at) != uint64(len(list)-i) || r.has(at) != found {
		t.Fatalf("before %d there are %d, not %d", at, got, i)
	}
	next, ok := r.next(at)
	if ok != (i < len(list)) || ok && next != list[i] {
		t.Fatalf("after %d comes %d %v, not %d of %d", at, next, ok, i, len(list))
	}
}

// Pending messages by the thousands are what a map says, and a view of them stays.
func TestPendingAgreesWithMap(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var p, frozen pending
		want, was := map[uint64]uint32{}, map[uint64]uint32{}
		seq := uint64(0)
		for step := range 20_000 {
			if n := rng.IntN(4); n < 2 || p.count == 0 {
				seq += 1 + rng.Uint64N(3)
				p.add(seq, seq, int64(step), 1)
				want[seq] = 1
			} else {
				pick := 1 + rng.Uint64N(seq)
				if first, _ := p.first(); n == 2 {
					pick = p.seq(first)
				}
				at, ok := p.find(pick)
				if ok != (want[pick] > 0) {
					t.Fatalf("seed %d: finding %d is %v", seed, pick, ok)
				}
				if ok && rng.IntN(5) == 0 {
					want[pick]++
					p.deliver(at, 1, int64(step), want[pick])
				} else if ok {
					p.remove(at)
					delete(want, pick)
				}
			}
			if step == 10_000 {
				frozen, was = p, maps.Clone(want)
				p = p.clone()
			}
		}
		for name, c := range map[string]struct {
			p    *pending
			want map[uint64]uint32
		}{"now": {&p, want}, "then": {&frozen, was}} {
			got, redelivered := map[uint64]uint32{}, 0
			for seq, e := range c.p.all() {
				if got[seq] = e.count; e.count > 1 {
					redelivered++
				}
			}
			if !maps.Equal(got, c.want) || c.p.count != len(got) || c.p.redelivered != redelivered {
				t.Fatalf("seed %d: %s there are %d of %d, %d of %d redelivered", seed, name, len(got), len(c.want), c.p.redelivered, redelivered)
			}
		}
	}
}

// A consumer that goes takes with it what only it wanted, of a stream so large that it goes in one walk; and
// all others count what there is.
func TestManyMessagesGoAtOnce(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := benchState(t, Config{Subjects: []string{"a.*"}, Retention: Interest})
		addConsumers(t, s, 4, ConsumerConfig{Ack: AckExplicit}, func(i int) string { return []string{"", "a.1", "a.*", "a.2"}[i] })
		var fx Effects
		apply := func(command any) {
			fx.Reset()
			s.Apply(machine.Entry{Time: 1, Data: encode(command)}, &fx)
		}
		for range 30_000 {
			apply(&Append{Span: 1, Subject: fmt.Appendf(nil, "a.%d", rng.IntN(5))})
		}
		for _, number := range []uint32{1, 3} {
			d, a := &Delivered{Consumer: number}, &Ack{Consumer: number}
			for seq := range uint64(20_000) {
				d.At = append(d.At, Delivery{seq + 1, seq + 1, 1})
				if rng.IntN(100) > 0 {
					a.Acks = append(a.Acks, AckItem{Kind: AckDone, Seq: seq + 1})
				}
			}
			apply(d)
			apply(a)
		}
		for _, name := range []string{"C00001", "C00002", "C00000"} {
			if rng.IntN(2) == 0 {
				if err := machine.Copy(new(State), s); err != nil {
					t.Fatal(err)
				}
			}
			apply(DropConsumer{Name: name})
			for v := range s.Consumers() {
				pending := uint64(0)
				s.table.eachRecord(func(seq uint64, r *record) {
					filter := cmp.Or(v.Config.FilterSubject, ">")
					if seq > v.Delivered.Stream && subject.Matches(filter, string(s.table.subjects.text(r.subject-1))) {
						pending++
					}
				})
				if v.NumPending != pending {
					t.Fatalf("seed %d: without %s, %s has %d pending, counted %d", seed, name, v.Config.Name, v.NumPending, pending)
				}
			}
			s.table.eachRecord(func(seq uint64, _ *record) {
				if s.consumers.needs.of(seq) == 0 {
					t.Fatalf("seed %d: without %s, nobody wants %d", seed, name, seq)
				}
			})
		}
		if v, _ := s.Consumer("C00003"); v.NumPending != s.Info().Messages || v.NumPending == 0 {
			t.Fatalf("seed %d: %d messages for one consumer that wants %d", seed, s.Info().Messages, v.NumPending)
		}
		apply(DropConsumer{Name: "C00003"})
		if s.Info().Messages != 0 || s.NumConsumers() != 0 || !s.consumers.filters.none() {
			t.Fatalf("seed %d: %d messages for nobody", seed, s.Info().Messages)
		}
	}
}
