package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"myelin/internal/vfs"
)

// Reading on gives what Read gives, whatever was read before, in files that are plain and packed and still grow.
func TestReader(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			set, _, err := Open(vfs.NewMem(), dir, Options{SegmentBytes: 16 << 10, Compress: compress})
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			r := set.Reader()
			defer r.Close()
			seq, wrote, onward := uint64(1), uint64(0), 0
			for range 5000 {
				if rng.IntN(10) == 0 {
					var batch []Record
					for range 1 + rng.IntN(40) {
						wrote += 1 + uint64(rng.IntN(10)/8*rng.IntN(200)) // with gaps
						batch = append(batch, record(wrote, 1))
					}
					if err := set.Write(batch); err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(20) == 0 {
					seq = rng.Uint64N(wrote + 2)
				}
				want, _, wantErr := set.Read(seq, nil)
				got, err := r.Read(seq)
				if errors.Is(err, ErrNotFound) != errors.Is(wantErr, ErrNotFound) || err == nil && !same(&got, &want) {
					t.Fatalf("%d: %v %v, want %v %v", seq, got.Seq, err, want.Seq, wantErr)
				}
				if r.opened != nil {
					onward++
				}
				seq += 1 + uint64(rng.IntN(10)/9*rng.IntN(90))
			}
			if onward < 100 {
				t.Errorf("read on %d times only", onward)
			}
		})
	}
}
