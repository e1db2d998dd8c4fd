package machine

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"myelin/internal/bin"
)

// tally is a small machine: each byte of an entry is a command that counts itself; a count is forgotten a
// second after the last one.
type tally struct {
	counts map[byte]uint64
	last   int64
}

type replies struct{ counts []uint64 }

var _ Machine[replies] = (*tally)(nil)

func (m *tally) Apply(e Entry, fx *replies) {
	if m.counts == nil || m.last > 0 && e.Time >= m.Deadline() {
		m.counts, m.last = map[byte]uint64{}, 0
	}
	for _, command := range e.Data {
		m.counts[command]++
		m.last = e.Time
		fx.counts = append(fx.counts, m.counts[command])
	}
}

func (m *tally) Deadline() int64 {
	if m.last == 0 {
		return 0
	}
	return m.last + 1e9
}

func (m *tally) Snapshot(dst []byte) []byte {
	dst = bin.AppendVarint(bin.AppendByte(dst, 1), m.last)
	dst = bin.AppendUvarint(dst, uint64(len(m.counts)))
	for command := range 256 {
		if n := m.counts[byte(command)]; n > 0 {
			dst = bin.AppendUvarint(bin.AppendByte(dst, byte(command)), n)
		}
	}
	return dst
}

func (m *tally) Restore(r *bin.Reader) error {
	if version := r.Byte(); version != 1 {
		r.Fail(errors.New("unknown version"))
	}
	*m = tally{counts: map[byte]uint64{}, last: r.Varint()}
	for range r.Count(2) {
		m.counts[r.Byte()] = r.Uvarint()
	}
	return r.Err()
}

// The contract, as each machine's own tests ask for it: the same commands with other batching, and with
// restarts in between, give the same effects and the same state.
func TestContract(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var entries []Entry
		for i := range 50 {
			data := make([]byte, rng.IntN(20))
			for j := range data {
				data[j] = byte(rng.IntN(5))
			}
			entries = append(entries, Entry{Index: uint64(i + 1), Time: int64(i+1) * rng.Int64N(4) * 3e8, Data: data})
			if i > 0 {
				entries[i].Time = max(entries[i].Time, entries[i-1].Time)
			}
		}
		whole, split := &tally{}, &tally{}
		var fx, fxSplit replies
		for _, e := range entries {
			whole.Apply(e, &fx)
			cut := rng.IntN(len(e.Data) + 1)
			split.Apply(Entry{Index: e.Index, Time: e.Time, Data: e.Data[:cut]}, &fxSplit)
			restarted := &tally{}
			if err := Copy(restarted, split); err != nil {
				t.Fatal(err)
			}
			split = restarted
			split.Apply(Entry{Index: e.Index, Time: e.Time, Data: e.Data[cut:]}, &fxSplit)
		}
		if Hash(whole) != Hash(split) || !slices.Equal(fx.counts, fxSplit.counts) {
			t.Fatalf("seed %d: %v and %v", seed, whole, split)
		}
	}
}

// forgetful loses a part of its state in Restore.
type forgetful struct{ tally }

func (m *forgetful) Restore(r *bin.Reader) error {
	err := m.tally.Restore(r)
	m.last = 0
	return err
}

// lazy leaves a part of the snapshot unread.
type lazy struct{ tally }

func (m *lazy) Restore(r *bin.Reader) error {
	r.Byte()
	return nil
}

// Copy finds what a restart would lose, and Hash tells states apart.
func TestCopyFindsWhatGetsLost(t *testing.T) {
	from := &tally{}
	empty := Hash(from)
	from.Apply(Entry{Time: 5, Data: []byte("abc")}, &replies{})
	if Hash(from) == empty {
		t.Error("another state has the same hash")
	}
	if err := Copy(&forgetful{}, from); !errors.Is(err, ErrUnlike) {
		t.Errorf("of a machine that forgets: %v", err)
	}
	if err := Copy(&lazy{}, from); !errors.Is(err, bin.ErrTrailing) {
		t.Errorf("of a machine that does not read all: %v", err)
	}
	if err := Copy(&tally{}, broken{}); err == nil {
		t.Error("a snapshot that is none was restored")
	}
	to := &tally{}
	if err := Copy(to, from); err != nil || Hash(to) != Hash(from) {
		t.Errorf("a copy has another hash, or %v", err)
	}
}

type broken struct{}

func (broken) Snapshot(dst []byte) []byte { return append(dst, 99) }
