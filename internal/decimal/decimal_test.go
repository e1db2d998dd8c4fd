package decimal

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func check(t testing.TB, n uint64) {
	if got, want := string(Append([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
		t.Fatalf("got %s instead of %s", got, want)
	}
}

// Every group of eight digits comes from spread, so that each is tried, and numbers of each length in groups.
func TestAppend(t *testing.T) {
	step := uint64(1)
	if testing.Short() {
		step = 7
	}
	for n := uint64(0); n < 10_000; n++ {
		check(t, n)
		check(t, n*10_000)
		check(t, n*10_001)
	}
	for n := uint64(0); n < 2_000_000; n += step {
		check(t, n)
		check(t, e8-1-n)
	}
	power := uint64(1)
	for range MaxLen {
		for d := range uint64(3) {
			check(t, power+d-1)
			check(t, power*9+d)
		}
		power *= 10
	}
	check(t, math.MaxUint64)
	random := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		check(t, random.Uint64()>>random.UintN(64))
	}
}

// A slice with little room is not written behind its end.
func TestAppendNearTheEnd(t *testing.T) {
	for room := range MaxLen + group + 1 {
		back := make([]byte, room+1)
		back[room] = '!'
		got := Append(back[:0:room], 1234567)
		if string(got) != "1234567" || back[room] != '!' {
			t.Fatalf("with room for %d: %q, %q", room, got, back)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(uint64(0))
	f.Add(uint64(e8 * e8))
	f.Fuzz(func(t *testing.T, n uint64) { check(t, n) })
}

func Benchmark(b *testing.B) {
	for _, n := range []uint64{7, 168, 4_567_890, 1_700_000_000_123_456_789} {
		buf := make([]byte, 0, 64)
		name := strconv.Itoa(len(strconv.FormatUint(n, 10)))
		b.Run("decimal/"+name, func(b *testing.B) {
			for b.Loop() {
				buf = Append(buf[:0], n)
			}
		})
		b.Run("strconv/"+name, func(b *testing.B) {
			for b.Loop() {
				buf = strconv.AppendUint(buf[:0], n, 10)
			}
		})
	}
}
