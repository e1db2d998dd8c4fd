package stream

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// held is what a table should know of a record.
type held struct {
	seq     uint64
	span    uint32
	subject string
}

// checkTable is checkBlocks and compares what ranges hold.
func checkTable(t *testing.T, x *table, want []held) {
	t.Helper()
	checkBlocks(t, x, want)
	checkRanges(t, x, want)
}

// checkBlocks compares a table with a list of what it should hold, in both directions of every chain, and
// its blocks with the rules for them.
func checkBlocks(t *testing.T, x *table, want []held) {
	t.Helper()
	chains := map[string][]uint64{}
	p, ok := x.first()
	messages := uint64(0)
	for _, h := range want {
		if !ok || x.seq(p) != h.seq || x.span(p) != h.span || string(x.subjects.text(x.at(p).subject-1)) != h.subject {
			t.Fatalf("%+v is not where it belongs", h)
		}
		if q, found := x.find(h.seq + uint64(h.span) - 1); !found || q != p {
			t.Fatalf("the end of %+v is not found", h)
		}
		chains[h.subject] = append(chains[h.subject], h.seq)
		messages += uint64(h.span)
		p, ok = x.after(p)
	}
	if ok || x.records != len(want) || x.messages != messages || x.subjects.count != len(chains) {
		t.Fatalf("%d records, %d messages, %d subjects; want %d, %d, %d", x.records, x.messages, x.subjects.count, len(want), messages, len(chains))
	}
	for subject, seqs := range chains {
		checkChain(t, x, subject, seqs)
	}
	live := 0
	for n, b := range x.blocks {
		live += b.live
		if n, bytes := sum(b.records); n != b.live || bytes != b.bytes {
			t.Fatalf("block %d has %d records and %d bytes, and counts %d and %d", n, n, bytes, b.live, b.bytes)
		}
		kept := len(b.records)
		if n == 0 {
			kept -= x.head
		}
		if b.live == 0 || n < len(x.blocks)-1 && b.live*2 < kept {
			t.Fatalf("block %d of %d keeps %d of %d", n, len(x.blocks), b.live, len(b.records))
		}
	}
	if n := len(x.blocks); n > 8*live/blockRecords+4 && want[len(want)-1].seq-want[0].seq < far {
		t.Fatalf("%d blocks for %d records", n, live)
	}
}

// sizeOf is a size that differs between records.
func sizeOf(h held) uint32 { return uint32(h.seq%251) + 1 }

// checkRanges compares what ranges of sequences hold.
func checkRanges(t *testing.T, x *table, want []held) {
	t.Helper()
	s := State{table: *x}
	rng := rand.New(rand.NewPCG(uint64(len(want)), 4))
	bound := func() uint64 {
		if len(want) == 0 || rng.IntN(20) == 0 {
			return rng.Uint64() >> rng.IntN(64) * rng.Uint64N(2)
		}
		return want[rng.IntN(len(want))].seq + rng.Uint64N(5) - 2
	}
	for range 30 {
		first, last := bound(), bound()
		records, bytes, next, ok := 0, uint64(0), uint64(0), false
		for _, h := range want {
			if first <= h.seq && h.seq <= last {
				records++
				bytes += uint64(sizeOf(h))
			}
			if end := h.seq + uint64(h.span) - 1; !ok && end >= first {
				next, ok = max(first, h.seq), true
			}
		}
		if n, b := s.Live(first, last); n != records || b != bytes {
			t.Fatalf("%d records and %d bytes from %d to %d, want %d and %d", n, b, first, last, records, bytes)
		}
		if seq, found := s.NextLive(first); seq != next || found != ok {
			t.Fatalf("%d is next from %d, %v; want %d, %v", seq, first, found, next, ok)
		}
	}
}

func checkChain(t *testing.T, x *table, subject string, seqs []uint64) {
	t.Helper()
	id, ok := x.subjects.find([]byte(subject))
	if !ok {
		t.Fatalf("%s is not found", subject)
	}
	at, prev := x.subjects.at(id).first, uint64(0)
	for _, seq := range seqs {
		p, ok := x.find(at)
		if !ok || at != seq || prev != 0 && x.prev(x.at(p), at) != prev {
			t.Fatalf("%s: %d follows %d, want %d", subject, at, prev, seq)
		}
		prev, at = at, x.next(x.at(p), at)
	}
	if at != 0 || x.subjects.at(id).last != prev {
		t.Fatalf("%s ends with %d, want %d", subject, x.subjects.at(id).last, prev)
	}
}

// Blocks fill, thin out, are packed, merged and dropped, in several ways of living: nothing gets lost.
func TestTableKeepsWhatItHolds(t *testing.T) {
	eachSeed(t, 16, func(seed int) {
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		var x table
		var want []held
		seq, subjects := uint64(1), 1+rng.IntN(1<<(1+rng.IntN(11)))
		spans, gaps := seed%3 == 1, seed%4 == 2
		remove := func(i int) {
			p, ok := x.find(want[i].seq)
			if !ok {
				t.Fatalf("seed %d: %+v is not found", seed, want[i])
			}
			x.remove(p)
			want = append(want[:i], want[i+1:]...)
		}
		for step := range 12000 {
			if grow := step/3000%2 == 0; len(want) == 0 || rng.IntN(10) < 7 == grow {
				h := held{seq, 1, fmt.Sprint("subject.", rng.IntN(subjects))}
				if spans && rng.IntN(50) == 0 {
					h.span = 1 + rng.Uint32N(9)
				} else if spans && rng.IntN(500) == 0 {
					h.span = 1 << 31
				}
				x.add(h.seq, h.span, 0, sizeOf(h), x.subjects.intern([]byte(h.subject)), life{})
				want = append(want, h)
				seq += uint64(h.span)
				if gaps && rng.IntN(100) == 0 {
					seq += rng.Uint64N(1 << (1 + rng.IntN(34)))
				}
			} else if seed%2 == 0 && rng.IntN(3) > 0 {
				remove(0)
			} else {
				remove(rng.IntN(len(want)))
			}
			if step%1000 == 999 {
				checkTable(t, &x, want)
			}
		}
		for len(want) > 0 {
			remove(rng.IntN(len(want)))
		}
		checkTable(t, &x, nil)
		if len(x.farNext) != 0 || len(x.farPrev) != 0 {
			t.Fatalf("seed %d: %d and %d far links are left", seed, len(x.farNext), len(x.farPrev))
		}
	})
}

// What is replaced before it expires does not stay in the heap for long, and all that is left expires in
// the order of its time.
func TestExpiriesAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var x table
	var want []held
	for seq := uint64(1); seq < 50_000; seq++ {
		x.add(seq, 1, 0, sizeOf(held{seq: seq}), x.subjects.intern([]byte("a")), life{expires: 1 + rng.Int64N(1e6)})
		want = append(want, held{seq, 1, "a"})
		if len(want) > 100 {
			i := rng.IntN(100)
			p, _ := x.find(want[i].seq)
			x.remove(p)
			want = append(want[:i], want[i+1:]...)
		}
		if n := len(x.expiries.heap); n > 4*blockRecords {
			t.Fatalf("%d entries for %d records", n, len(want))
		}
	}
	checkTable(t, &x, want)
	last := int64(0)
	for range want {
		p, at, ok := x.due()
		if !ok || at < last || at != x.life(p).expires {
			t.Fatalf("%v at %d after %d", p, at, last)
		}
		last = at
		x.remove(p)
	}
	if _, _, ok := x.due(); ok || x.expiries.live != 0 {
		t.Fatalf("%d are left", x.expiries.live)
	}
}

// Texts of all sizes keep their bytes while others come and go, and freed places are used again.
func TestTexts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var x texts
	type stored struct {
		ref  uint32
		text string
	}
	var list []stored
	for range 20000 {
		if len(list) < 200 || rng.IntN(2) == 0 {
			text := make([]byte, rng.IntN(1<<rng.IntN(13)))
			for i := range text {
				text[i] = byte(rng.Uint32())
			}
			list = append(list, stored{x.add(text), string(text)})
			continue
		}
		i := rng.IntN(len(list))
		if got := string(x.get(list[i].ref, len(list[i].text))); got != list[i].text {
			t.Fatalf("%q became %q", list[i].text, got)
		}
		x.remove(list[i].ref, len(list[i].text))
		list[i] = list[len(list)-1]
		list = list[:len(list)-1]
	}
	before := x.add([]byte("text"))
	x.remove(before, 4)
	if again := x.add([]byte("TEXT")); again != before {
		t.Errorf("place %d is not used again, but %d", before, again)
	}
}
