package bin

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The bytes of each form, which are on disks and must not change.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"byte", AppendByte(nil, 0xab), "ab"},
		{"true", AppendBool(nil, true), "01"},
		{"false", AppendBool(nil, false), "00"},
		{"uvarint 0", AppendUvarint(nil, 0), "00"},
		{"uvarint 127", AppendUvarint(nil, 127), "7f"},
		{"uvarint 300", AppendUvarint(nil, 300), "ac02"},
		{"uvarint max", AppendUvarint(nil, math.MaxUint64), "ffffffffffffffffff01"},
		{"varint -1", AppendVarint(nil, -1), "01"},
		{"varint 1", AppendVarint(nil, 1), "02"},
		{"varint min", AppendVarint(nil, math.MinInt64), "ffffffffffffffffff01"},
		{"u32", AppendU32(nil, 0x01020304), "04030201"},
		{"u64", AppendU64(nil, 0x0102030405060708), "0807060504030201"},
		{"bytes", AppendBytes(nil, []byte{1, 2}), "020102"},
		{"string", AppendString(nil, "ab"), "026162"},
		{"behind what is there", AppendString([]byte("x"), ""), "7800"},
	} {
		if got := fmt.Sprintf("%x", c.got); got != c.want {
			t.Errorf("%s is %s, want %s", c.what, got, c.want)
		}
	}
}

// What was appended is read again, whatever stands behind it.
func TestReadsWhatWasAppended(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		u, text := rng.Uint64()>>rng.IntN(64), make([]byte, rng.IntN(300))
		i := int64(rng.Uint64()) >> rng.IntN(64)
		b := AppendVarint(AppendUvarint(nil, u), i)
		b = AppendU64(AppendU32(b, uint32(u)), u)
		b = AppendString(AppendBytes(AppendBool(AppendByte(b, byte(u)), u%2 == 1), text), string(text))
		end := len(b)
		b = append(b, "rest"...)

		r := NewReader(b)
		got := fmt.Sprint(r.Uvarint(), r.Varint(), r.U32(), r.U64(), r.Byte(), r.Bool(), r.Bytes(), r.String(), r.Offset())
		want := fmt.Sprint(u, i, uint32(u), u, byte(u), u%2 == 1, text, string(text), end)
		if got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if rest := string(r.Rest()); rest != "rest" || r.Close() != nil {
			t.Fatalf("the rest is %q, %v", rest, r.Err())
		}
	}
}

// Forms that no writer makes are refused, with the place.
func TestRefuses(t *testing.T) {
	uvarint := func(r *Reader) { r.Uvarint() }
	text := func(r *Reader) { _ = r.String() }
	for _, c := range []struct {
		what string
		in   string
		read func(*Reader)
		want error
	}{
		{"no uvarint", "", uvarint, ErrShort},
		{"half a uvarint", "\x80", uvarint, ErrShort},
		{"a uvarint with a needless byte", "\x81\x00", uvarint, ErrForm},
		{"a uvarint over 64 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", uvarint, ErrForm},
		{"a uvarint of 11 bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", uvarint, ErrForm},
		{"a bool of 2", "\x02", func(r *Reader) { r.Bool() }, ErrForm},
		{"no bool", "", func(r *Reader) { r.Bool() }, ErrShort},
		{"3 bytes of a u32", "abc", func(r *Reader) { r.U32() }, ErrShort},
		{"7 bytes of a u64", "abcdefg", func(r *Reader) { r.U64() }, ErrShort},
		{"a string shorter than it says", "\x03ab", text, ErrShort},
		{"a string beyond all memory", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", text, ErrShort},
		{"more elements than bytes", "\x03abcde", func(r *Reader) { r.Count(2) }, ErrShort},
		{"a negative length", "abc", func(r *Reader) { r.Raw(-1) }, ErrShort},
		{"trailing bytes", "abc", func(r *Reader) { r.Raw(2); _ = r.Close() }, ErrTrailing},
	} {
		r := NewReader([]byte(c.in))
		c.read(r)
		if !errors.Is(r.Err(), c.want) {
			t.Errorf("%s: %v, want %v", c.what, r.Err(), c.want)
		}
	}
}

// After an error everything is zero, and the first error stays.
func TestErrorSticks(t *testing.T) {
	r := NewReader([]byte("\x01\x80"))
	r.Uvarint()
	r.Uvarint()
	first := r.Err()
	if want := "byte 1: data ends too early"; first == nil || first.Error() != want {
		t.Fatalf("error is %v, want %s", first, want)
	}
	r.Fail(errors.New("another"))
	got := fmt.Sprint(r.Uvarint(), r.Varint(), r.U32(), r.U64(), r.Byte(), r.Bool(), r.Bytes(), r.String(), r.Rest(), r.Count(1), r.Len())
	if want := fmt.Sprint(0, 0, 0, 0, 0, false, []byte{}, "", []byte{}, 0, 0); got != want || r.Close() != first {
		t.Fatalf("after an error: %s, %v", got, r.Err())
	}
	r.Reset([]byte("\x05"))
	if v := r.Uvarint(); v != 5 || r.Close() != nil {
		t.Fatalf("after a reset: %d, %v", v, r.Err())
	}
}

// Bytes cannot be appended to beyond their end, over what follows in the buffer.
func TestBytesEndWhereTheyEnd(t *testing.T) {
	b := AppendString(AppendString(nil, "a"), "b")
	r := NewReader(b)
	_ = append(r.Bytes(), "xyz"...)
	if s := r.String(); s != "b" {
		t.Fatalf("the neighbour is %q", s)
	}
}

func TestNoAllocations(t *testing.T) {
	b := AppendBytes(AppendU64(AppendVarint(nil, -5), 7), []byte("abc"))
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		r := NewReader(b)
		dst = AppendVarint(dst[:0], r.Varint())
		dst = AppendU64(dst, r.U64())
		dst = AppendBytes(dst, r.Bytes())
	}); n != 0 || !bytes.Equal(dst, b) {
		t.Fatalf("%v allocations, %x for %x", n, dst, b)
	}
}

// step reads one value of a kind and appends it again.
func step(r *Reader, kind byte, dst []byte) []byte {
	switch kind % 8 {
	case 0:
		return AppendUvarint(dst, r.Uvarint())
	case 1:
		return AppendVarint(dst, r.Varint())
	case 2:
		return AppendU32(dst, r.U32())
	case 3:
		return AppendU64(dst, r.U64())
	case 4:
		return AppendBytes(dst, r.Bytes())
	case 5:
		return AppendString(dst, r.String())
	case 6:
		return AppendBool(dst, r.Bool())
	}
	return AppendByte(dst, r.Byte())
}

// Any bytes can be read as any values; those that are read give the same bytes when appended again.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 4, 6, 1}, []byte("\xac\x02\x02ab\x01\x03"))
	f.Fuzz(func(t *testing.T, kinds, data []byte) {
		r := NewReader(data)
		var again []byte
		for _, kind := range kinds {
			longer := step(r, kind, again)
			if r.Err() != nil {
				break
			}
			again = longer
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("read %x, appended %x", data, again)
		}
		if rest := r.Rest(); r.Err() == nil && len(again)+len(rest) != len(data) {
			t.Fatalf("%d read and %d left of %d", len(again), len(rest), len(data))
		}
	})
}
