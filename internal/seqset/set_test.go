package seqset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"myelin/internal/bin"
)

// seeds is how many seeds a seeded test draws: so many, or what SEEDS asks for.
func seeds(t *testing.T, usual int) uint64 {
	t.Helper()
	text := os.Getenv("SEEDS")
	if text == "" {
		return uint64(usual)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("SEEDS is %q instead of a number", text)
	}
	return n
}

// check finds what breaks the rules of the representation.
func check(s *Set) error {
	var n, next uint64
	for i := range s.blocks {
		b := &s.blocks[i]
		switch {
		case i > 0 && b.key < next, b.last < b.key, b.n <= 0:
			return fmt.Errorf("block %d is out of order or empty", i)
		case i > 0 && s.blocks[i-1].continues(b):
			return fmt.Errorf("blocks %d and %d are not merged", i-1, i)
		case b.full() && (b.runs != nil || b.bits != nil), !b.full() && (b.last > b.key || (b.runs == nil) == (b.bits == nil)):
			return fmt.Errorf("block %d has a wrong form", i)
		}
		if !b.full() {
			var members, count int32
			for r := range b.each(0) {
				members, count = members+r.size(), count+1
			}
			if members != b.n || count != b.count || b.bits == nil && count > maxRuns || b.bits != nil && count < fewRuns {
				return fmt.Errorf("block %d counts %d members in %d runs, has %d in %d", i, b.n, b.count, members, count)
			}
		}
		n, next = n+b.size(), b.last+1
	}
	if n != s.n {
		return fmt.Errorf("%d members counted, %d there", s.n, n)
	}
	return nil
}

// model is a set of numbers from base on, one bool each.
type model struct {
	base uint64
	has  []bool
}

func (m *model) edit(first, last uint64, on bool) (changed uint64) {
	for v := first; v <= last; v++ {
		if m.has[v] != on {
			m.has[v] = on
			changed++
		}
	}
	return changed
}

// next returns the first number from v on with that membership.
func (m *model) next(v uint64, on bool) (uint64, bool) {
	i := slices.Index(m.has[v:], on)
	return m.base + v + uint64(max(i, 0)), i >= 0
}

// draw changes set and model in one of the ways in which such sets are used.
func (m *model) draw(rng *rand.Rand, s *Set) error {
	size := uint64(len(m.has))
	on := rng.IntN(5) > 1
	first := rng.Uint64N(size)
	last := first
	switch rng.IntN(6) {
	case 0: // a run
		last = min(size-1, first+rng.Uint64N(1000))
	case 1: // a long run, from and to the end of a block perhaps
		last = first + rng.Uint64N(size-first)
		if rng.IntN(2) == 0 {
			first, last = first&^maxLow, min(size-1, last|maxLow)
		}
	case 2, 3: // many single ones near to each other
		for range rng.IntN(6000) {
			v := min(size-1, first+rng.Uint64N(20000))
			want := m.edit(v, v, on) > 0
			if on && s.Add(m.base+v) != want || !on && s.Remove(m.base+v) != want {
				return fmt.Errorf("%d was there or was not", v)
			}
		}
		return nil
	}
	do := s.RemoveRange
	if on {
		do = s.AddRange
	}
	if got, want := do(m.base+first, m.base+last), m.edit(first, last, on); got != want {
		return fmt.Errorf("%d changed from %d to %d, want %d", got, first, last, want)
	}
	return nil
}

// probe compares set and model from some number on.
func (m *model) probe(rng *rand.Rand, s *Set) error {
	v := rng.Uint64N(uint64(len(m.has)))
	member, ok := s.Next(m.base + v)
	if want, wantOK := m.next(v, true); ok != wantOK || ok && member != want {
		return fmt.Errorf("after %d comes %d, want %d", v, member, want)
	}
	gap, ok := s.NextGap(m.base + v)
	if want, wantOK := m.next(v, false); wantOK && (!ok || gap != want) {
		return fmt.Errorf("the gap after %d is %d, want %d", v, gap, want)
	}
	if s.Has(m.base+v) != m.has[v] {
		return fmt.Errorf("%d is there or is not", v)
	}
	last := v + rng.Uint64N(uint64(len(m.has))-v)
	count := uint64(0)
	for _, has := range m.has[v : last+1] {
		if has {
			count++
		}
	}
	if got := s.Count(m.base+v, m.base+last); got != count {
		return fmt.Errorf("from %d to %d there are %d, want %d", v, last, got, count)
	}
	return nil
}

// By seed, against a plain model: what is drawn over a few blocks, at the beginning, at the end and in
// the middle of all numbers.
func TestModel(t *testing.T) {
	for seed := range seeds(t, 60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := &model{has: make([]bool, 4*blockSize)}
		m.base = []uint64{0, math.MaxUint64 - 4*blockSize + 1, 1 << 40}[rng.IntN(3)]
		s := &Set{}
		for step := range 30 {
			err := m.draw(rng, s)
			for i := 0; i < 5 && err == nil; i++ {
				err = m.probe(rng, s)
			}
			if err == nil {
				err = check(s)
			}
			if err != nil {
				t.Fatalf("seed %d step %d: %v", seed, step, err)
			}
		}
		checkWhole(t, seed, m, s)
	}
}

// checkWhole compares all members, walks and ends.
func checkWhole(t *testing.T, seed uint64, m *model, s *Set) {
	t.Helper()
	var want []uint64
	for v, has := range m.has {
		if has {
			want = append(want, m.base+uint64(v))
		}
	}
	if got := slices.Collect(s.Range(0)); !slices.Equal(got, want) || s.Len() != uint64(len(want)) || s.Empty() != (want == nil) {
		t.Fatalf("seed %d: %d members of %d, want %d", seed, len(got), s.Len(), len(want))
	}
	lowest, hasLowest := s.Min()
	highest, hasHighest := s.Max()
	if hasLowest != (want != nil) || hasHighest != hasLowest || hasLowest && (lowest != want[0] || highest != want[len(want)-1]) {
		t.Fatalf("seed %d: from %d to %d", seed, lowest, highest)
	}
	byRuns, end := &Set{}, uint64(0)
	for first, last := range s.Runs(0) {
		if !byRuns.Empty() && first <= end+1 {
			t.Fatalf("seed %d: a run ends with %d, the next starts with %d", seed, end, first)
		}
		byRuns.AddRange(first, last)
		end = last
	}
	reordered := &Set{}
	rand.New(rand.NewPCG(seed, 4)).Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
	for _, v := range want {
		reordered.Add(v)
	}
	decoded := &Set{}
	r := bin.NewReader(s.Append(nil))
	if err := decoded.Decode(r); err != nil || r.Close() != nil {
		t.Fatalf("seed %d: decode: %v", seed, err)
	}
	for what, other := range map[string]*Set{"runs": byRuns, "other order": reordered, "decoded": decoded, "clone": s.Clone()} {
		if err := check(other); err != nil || !other.Equal(s) || string(other.Append(nil)) != string(s.Append(nil)) {
			t.Fatalf("seed %d: %s: another set, or another encoding, or %v", seed, what, err)
		}
	}
}

// What is far apart, and what is immense, costs as much as it has runs.
func TestImmense(t *testing.T) {
	s := &Set{}
	if n := s.AddRange(5, math.MaxUint64-5); n != math.MaxUint64-9 {
		t.Errorf("%d added", n)
	}
	if !s.Remove(1<<50+7) || s.Remove(1<<50+7) || s.RemoveRange(1<<51, 1<<52) != 1<<51+1 {
		t.Error("removed wrongly")
	}
	if gap, ok := s.NextGap(10); gap != 1<<50+7 || !ok {
		t.Errorf("the first gap is %d", gap)
	}
	if n := s.Count(0, 1<<51); n != 1<<51-6 {
		t.Errorf("%d below", n)
	}
	if err := check(s); err != nil || len(s.blocks) > 10 || len(s.Append(nil)) > 200 {
		t.Errorf("%d blocks, %d bytes, %v", len(s.blocks), len(s.Append(nil)), err)
	}
	s.AddRange(0, math.MaxUint64)
	if _, ok := s.NextGap(0); ok || s.Len() != math.MaxUint64 || len(s.blocks) != 1 || !s.Has(math.MaxUint64) {
		t.Errorf("all numbers: %d, %d blocks", s.Len(), len(s.blocks))
	}
	if last, _ := s.Max(); last != math.MaxUint64 {
		t.Errorf("the last of all is %d", last)
	}
	decoded := &Set{}
	if err := decoded.Decode(bin.NewReader(s.Append(nil))); err != nil || !decoded.Equal(s) {
		t.Errorf("all numbers decoded: %v", err)
	}
	s.RemoveRange(1, math.MaxUint64)
	if got := slices.Collect(s.Range(0)); !slices.Equal(got, []uint64{0}) {
		t.Errorf("0 is left of %v", got)
	}
}

// The edges of an empty set and of ranges.
func TestEdges(t *testing.T) {
	s := &Set{}
	_, lowest := s.Min()
	_, highest := s.Max()
	gap, ok := s.NextGap(7)
	if lowest || highest || !ok || gap != 7 || s.Len() != 0 || !s.Empty() || s.Count(0, math.MaxUint64) != 0 {
		t.Error("the empty set has something")
	}
	if s.AddRange(5, 4) != 0 || s.RemoveRange(5, 4) != 0 || s.Count(5, 4) != 0 || !s.Empty() {
		t.Error("a range from back to front has something")
	}
	s.AddRange(10, 20)
	for v := range s.Range(15) {
		if v == 17 {
			break
		}
	}
	if first, _ := s.Next(15); first != 15 {
		t.Errorf("from 15 on comes %d", first)
	}
	other := s.Clone()
	other.Add(100)
	other.Remove(15)
	if s.Len() != 11 || s.Equal(other) || !s.Has(15) {
		t.Error("a clone is not its own")
	}
	if s.Clear(); !s.Empty() || s.Len() != 0 {
		t.Error("not cleared")
	}
}

// Runs and bits change into each other without a word.
func TestForms(t *testing.T) {
	s := &Set{}
	for v := uint64(0); v < 10000; v += 2 {
		s.Add(v)
	}
	if s.blocks[0].bits == nil || check(s) != nil {
		t.Fatal("5,000 scattered numbers are not bits")
	}
	for v := uint64(1); v < 9000; v += 2 {
		s.Add(v)
	}
	if s.blocks[0].bits != nil || check(s) != nil {
		t.Fatal("500 runs are bits")
	}
	s.AddRange(0, maxLow)
	if !s.blocks[0].full() || check(s) != nil {
		t.Fatal("all of a block is not full")
	}
}

// Costs of the usual: a consumer acknowledges in order but for some, and a stream loses messages here and there.
func BenchmarkAckNearlyInOrder(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := &Set{}
	next := uint64(0)
	for b.Loop() {
		s.Add(next + rng.Uint64N(1000))
		next++
		if low, ok := s.Min(); ok && next%1000 == 0 {
			s.RemoveRange(low, next-1000)
		}
	}
}

func BenchmarkAddScattered(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := &Set{}
	for b.Loop() {
		s.Add(rng.Uint64N(100_000_000))
	}
}

func BenchmarkHas(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := &Set{}
	for range 1_000_000 {
		s.Add(rng.Uint64N(100_000_000))
	}
	for v := uint64(0); b.Loop(); v += 7919 {
		s.Has(v % 100_000_000)
	}
}
