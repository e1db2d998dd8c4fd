package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"myelin/internal/vfs"
)

const dir = "data/stream"

// seeds calls do for a few seeds, or for as many as the environment's SEEDS says.
func seeds(t *testing.T, few uint64, do func(t *testing.T, seed uint64)) {
	t.Helper()
	if text := os.Getenv("SEEDS"); text != "" {
		count, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SEEDS is %q instead of a number", text)
		}
		few = max(few, count/20)
	}
	for seed := range few {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { do(t, seed) })
	}
}

// record is what a test stores under a sequence: everything follows from that.
func record(seq uint64, span uint32) Record {
	rng := rand.New(rand.NewPCG(seq, 1))
	body := fmt.Appendf(nil, "<body of %d>", seq)
	for range rng.IntN(20) {
		body = append(body, bytes.Repeat([]byte{byte(rng.IntN(256))}, rng.IntN(15))...)
	}
	r := Record{Seq: seq, Time: int64(seq) * 1000, Span: max(span, 1), Subject: fmt.Appendf(nil, "subject.%d", seq%7), Body: body}
	if seq%3 == 0 {
		r.Header = []byte("NATS/1.0\r\nA: b\r\n\r\n")
	}
	return r
}

func same(a, b *Record) bool {
	return a.Seq == b.Seq && a.Time == b.Time && max(a.Span, 1) == max(b.Span, 1) && bytes.Equal(a.Subject, b.Subject) &&
		bytes.Equal(a.Header, b.Header) && bytes.Equal(a.Body, b.Body)
}

// model is what a set should hold.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	options Options
	set     *Set

	records []Record // written, ascending
	dead    map[uint64]bool
	erased  map[uint64]bool
	synced  uint64   // Last at the last Sync that returned
	fragile []uint64 // being erased right now, ascending
	last    uint64
}

func newModel(t *testing.T, fs vfs.FS, rng *rand.Rand, options Options) *model {
	t.Helper()
	options.Keys = keysFor(t)
	if err := errors.Join(fs.MakeDirs("data"), fs.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	set, damages, err := Open(fs, dir, options)
	if err != nil || len(damages) > 0 {
		t.Fatal(err, damages)
	}
	return &model{t: t, rng: rng, options: options, set: set, dead: map[uint64]bool{}, erased: map[uint64]bool{}}
}

// write writes a batch with gaps and spans.
func (m *model) write() {
	m.t.Helper()
	var batch []Record
	for range 1 + m.rng.IntN(12) {
		seq, span := m.last+1, uint32(1)
		if m.rng.IntN(6) == 0 {
			seq += m.rng.Uint64N(20)
		}
		if m.rng.IntN(8) == 0 {
			span += m.rng.Uint32N(30)
		}
		batch = append(batch, record(seq, span))
		m.last = seq + uint64(span) - 1
	}
	m.records = append(m.records, batch...)
	m.ok(m.set.Write(batch))
}

func (m *model) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) sync() {
	m.t.Helper()
	m.ok(m.set.Sync())
	m.synced = m.set.Last()
}

func (m *model) live() Live {
	var list []uint64
	for i := range m.records {
		if !m.dead[m.records[i].Seq] {
			list = append(list, m.records[i].Seq)
		}
	}
	return func(from uint64) (uint64, bool) {
		i, _ := slices.BinarySearch(list, from)
		if i == len(list) {
			return 0, false
		}
		return list[i], true
	}
}

func (m *model) kill(r *Record) {
	if !m.dead[r.Seq] {
		m.dead[r.Seq] = true
		m.set.Dead(r.Seq, r.size())
	}
}

func (m *model) drop() {
	m.t.Helper()
	n := m.rng.IntN(len(m.records)/3 + 1)
	for i := range m.records[:n] {
		m.kill(&m.records[i])
	}
	m.ok(m.set.Drop(m.records[n].Seq))
}

func (m *model) clean() {
	m.t.Helper()
	for range 10 {
		more, err := m.set.Clean(m.live())
		m.ok(err)
		if !more {
			return
		}
	}
}

func (m *model) erase() {
	m.t.Helper()
	var seqs []uint64
	for range 1 + m.rng.IntN(8)*m.rng.IntN(2) {
		if r := &m.records[m.rng.IntN(len(m.records))]; r.Seq <= m.synced {
			m.kill(r)
			m.erased[r.Seq] = true
			seqs = append(seqs, r.Seq)
		}
	}
	m.fragile = slices.Sorted(slices.Values(seqs))
	m.ok(m.set.Erase(seqs...))
	m.fragile = nil
}

func (m *model) step() {
	m.t.Helper()
	switch m.rng.IntN(12) {
	case 0, 1, 2, 3:
		m.write()
	case 4, 5:
		m.sync()
	case 6:
		m.ok(m.set.Rest())
		m.synced = m.set.Last()
	case 7:
		for range 10 {
			if len(m.records) > 0 {
				m.kill(&m.records[m.rng.IntN(len(m.records))])
			}
		}
	case 8:
		m.clean()
	case 9:
		if len(m.records) > 0 {
			m.drop()
		}
	case 10:
		if len(m.records) > 0 {
			m.erase()
		}
	case 11:
		m.check(m.set, m.last)
	}
}

// check compares a set with the model: what lives up to a sequence must be there; what was written after it
// may be, up to some record; what is dead may be.
func (m *model) check(set *Set, certain uint64) {
	m.t.Helper()
	found := map[uint64]bool{}
	for from := uint64(0); ; {
		err := set.Scan(from, func(r *Record) bool {
			i, ok := slices.BinarySearchFunc(m.records, r.Seq, func(a Record, seq uint64) int { return int(int64(a.Seq - seq)) })
			if !ok || !same(r, &m.records[i]) {
				m.t.Fatalf("scan shows sequence %d, which was not written like that", r.Seq)
			}
			if m.erased[r.Seq] && !slices.Contains(m.fragile, r.Seq) {
				m.t.Fatalf("scan shows sequence %d, which was erased", r.Seq)
			}
			found[r.Seq] = true
			return true
		})
		var d *Damage
		if errors.As(err, &d) && slices.ContainsFunc(m.fragile, func(seq uint64) bool { return from <= seq && seq < d.Next }) {
			from = d.Next
			continue
		}
		m.ok(err)
		break
	}
	missing := uint64(0)
	var buf []byte
	for i := range m.records {
		r := &m.records[i]
		if m.dead[r.Seq] {
			continue
		}
		if !found[r.Seq] {
			missing = r.Seq
			if r.Seq <= certain {
				m.t.Fatalf("sequence %d of %d certain ones is missing", r.Seq, certain)
			}
			continue
		}
		if missing > 0 {
			m.t.Fatalf("sequence %d is there, and %d before it is not", r.Seq, missing)
		}
		var got Record
		var err error
		if got, buf, err = set.Read(r.Seq+m.rng.Uint64N(uint64(r.Span)), buf); err != nil || !same(&got, r) {
			m.t.Fatalf("read %d: %v", r.Seq, err)
		}
	}
}
