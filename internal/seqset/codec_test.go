package seqset

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"myelin/internal/bin"
)

func of(members ...uint64) *Set {
	s := &Set{}
	for _, v := range members {
		s.Add(v)
	}
	return s
}

func spanning(first, last uint64) *Set {
	s := &Set{}
	s.AddRange(first, last)
	return s
}

// alternating has every other number of a block.
func alternating() *Set {
	s := &Set{}
	for v := uint64(0); v < blockSize; v += 2 {
		s.Add(v)
	}
	return s
}

// The bytes of each form, which are on disks and must not change.
func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		what string
		set  *Set
		want string
	}{
		{"empty", of(), "00"},
		{"one number", of(7), "01 00 02 07 00"},
		{"a run", spanning(7, 9), "01 00 02 07 02"},
		{"two runs", of(7, 9, 10), "01 00 03 07 00 00 01"},
		{"a full block", spanning(0, 65535), "01 00 00 00"},
		{"three full blocks behind a gap", spanning(2*65536, 5*65536-1), "01 02 00 02"},
		{"over the end of a block", spanning(65535, 65536), "02 00 02 ffff03 00 00 02 00 00"},
		{"bits", alternating(), "01 00 01" + strings.Repeat(" 5555555555555555", 1024)},
	} {
		got := fmt.Sprintf("%x", c.set.Append(nil))
		if want := strings.ReplaceAll(c.want, " ", ""); got != want {
			t.Errorf("%s is %s, want %s", c.what, got, want)
		}
		if got := c.set.Append([]byte("x")); got[0] != 'x' {
			t.Errorf("%s is not appended", c.what)
		}
	}
}

// What Append would not write is refused, and the set is empty then.
func TestDecodeRefuses(t *testing.T) {
	few := make([]byte, 8192)
	few[0] = 1
	largest := "\xff\xff\xff\xff\xff\xff\x3f" // of 48 bits
	for _, c := range []struct {
		what, in string
		want     error
	}{
		{"nothing", "", bin.ErrShort},
		{"more blocks than bytes", "\x09\x00\x00\x00", bin.ErrShort},
		{"full blocks that are not one", "\x02\x00\x00\x00\x00\x00\x00", ErrForm},
		{"a block beyond the last", "\x02" + largest + "\x00\x00\x00\x02\x00\x00", ErrForm},
		{"a key beyond the last", "\x01\xff\xff\xff\xff\xff\xff\x7f\x00\x00", ErrForm},
		{"full blocks beyond the last", "\x01\x01\x00" + largest, ErrForm},
		{"bits for one run", "\x01\x00\x01" + string(few), ErrForm},
		{"bits that end", "\x01\x00\x01abc", bin.ErrShort},
		{"runs that end", "\x01\x00\x04\x00\x00\x00\x00", bin.ErrShort},
		{"more runs than go into runs", "\x01\x00\x82\x10" + strings.Repeat("\x00", 5000), ErrForm},
		{"a run that is a full block", "\x01\x00\x02\x00\xff\xff\x03", ErrForm},
		{"a run over the end of the block", "\x01\x00\x02\x01\xff\xff\x03", ErrForm},
		{"a run of immense length", "\x01\x00\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ErrForm},
		{"a number of another form", "\x01\x00\x02\x87\x00\x00", bin.ErrForm},
	} {
		s := of(1, 2, 3)
		if err := s.Decode(bin.NewReader([]byte(c.in))); !errors.Is(err, c.want) || !s.Empty() {
			t.Errorf("%s: %v, want %v; %d members", c.what, err, c.want, s.Len())
		}
	}
	s := &Set{}
	r := bin.NewReader([]byte("\x01\x00\x82\x10" + strings.Repeat("\x00", 5000)))
	r.Fail(bin.ErrShort)
	if s.Decode(r) == nil {
		t.Error("a reader that failed was read from")
	}
}

// Decode leaves what follows.
func TestDecodeLeavesTheRest(t *testing.T) {
	r := bin.NewReader(append(of(1, 5, 100000).Append(nil), "rest"...))
	s := &Set{}
	if err := s.Decode(r); err != nil || string(r.Rest()) != "rest" || s.Len() != 3 {
		t.Errorf("%d members, %v", s.Len(), err)
	}
}

// The size of what is usual: 1,000,000 numbers of which each 10th is missing, scattered ones, and one in two.
func TestEncodingIsCompact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	holes, scattered, half := spanning(1, 1_000_000), &Set{}, &Set{}
	for range 100_000 {
		holes.Remove(rng.Uint64N(1_000_000))
		scattered.Add(rng.Uint64N(100_000_000))
	}
	for range 1_000_000 {
		half.Add(rng.Uint64N(1_000_000))
	}
	for _, c := range []struct {
		what string
		set  *Set
		max  int // bytes
	}{
		{"holes", holes, 16 * 8200}, {"scattered", scattered, 350_000}, {"half", half, 16 * 8200},
	} {
		if n := len(c.set.Append(nil)); n > c.max {
			t.Errorf("%s takes %d bytes, want %d at most", c.what, n, c.max)
		}
	}
}

// Any bytes can be decoded; those that are taken make a sound set, which gives the same bytes again.
func FuzzDecode(f *testing.F) {
	f.Add(of(1, 2, 3, 70000).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bin.NewReader(data)
		s := &Set{}
		if err := s.Decode(r); err != nil {
			if !s.Empty() {
				t.Fatal("a set in spite of an error")
			}
			return
		}
		if err := check(s); err != nil {
			t.Fatal(err)
		}
		if again := s.Append(nil); string(again) != string(data[:r.Offset()]) {
			t.Fatalf("%x decoded, %x appended", data[:r.Offset()], again)
		}
	})
}

// Any sequence of operations leaves a sound set, which is the same decoded. Each takes 8 bytes: what to
// do, where, and how far.
func FuzzEdit(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00\x80\x00\x00\x80\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Set{}
		r := bin.NewReader(data)
		for r.Len() >= 8 {
			where, how := r.U32(), r.U32()
			first := uint64(where >> 1)
			last := first + uint64(how>>(how%32))
			before := s.Count(first, last)
			if where&1 == 0 {
				if n := s.AddRange(first, last); n+before != last-first+1 {
					t.Fatalf("%d added to %d, from %d to %d", n, before, first, last)
				}
			} else if n := s.RemoveRange(first, last); n != before {
				t.Fatalf("%d removed of %d, from %d to %d", n, before, first, last)
			}
		}
		if err := check(s); err != nil {
			t.Fatal(err)
		}
		decoded := &Set{}
		if err := decoded.Decode(bin.NewReader(s.Append(nil))); err != nil || !decoded.Equal(s) {
			t.Fatalf("decoded it is another set: %v", err)
		}
	})
}
