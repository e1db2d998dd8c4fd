package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

// secret is a record whose body says so.
func secret(seq uint64) Record {
	r := record(seq, 1)
	r.Body = bytes.Repeat(fmt.Appendf(nil, "secret-%d.", seq), 30)
	return r
}

// secrets opens a set of about two megabytes in three files, all on the disk.
func secrets(t *testing.T, fs vfs.FS, rng *rand.Rand) *model {
	t.Helper()
	m := newModel(t, fs, rng, Options{SegmentBytes: 768 << 10})
	for range 5000 {
		m.last++
		m.records = append(m.records, secret(m.last))
	}
	m.ok(m.set.Write(m.records))
	m.sync()
	return m
}

// pick kills one of so many records and returns what was killed.
func (m *model) pick(oneOf int) (seqs []uint64) {
	for i := range m.records {
		if r := &m.records[i]; !m.dead[r.Seq] && m.rng.IntN(oneOf) == 0 {
			m.kill(r)
			seqs = append(seqs, r.Seq)
		}
	}
	m.rng.Shuffle(len(seqs), func(i, j int) { seqs[i], seqs[j] = seqs[j], seqs[i] })
	return seqs
}

// holds fails if a file holds a body that was erased.
func (m *model) holds(disk *vfs.Mem) {
	m.t.Helper()
	names, err := disk.List(dir)
	m.ok(err)
	for _, name := range names {
		data, err := vfs.ReadFile(disk, filepath.Join(dir, name))
		m.ok(err)
		for at := bytes.Index(data, []byte("secret-")); at >= 0; {
			var seq uint64
			if _, err := fmt.Sscanf(string(data[at:at+16]), "secret-%d.", &seq); err == nil && m.erased[seq] {
				m.t.Fatalf("%s holds the erased sequence %d", name, seq)
			}
			next := bytes.Index(data[at+7:], []byte("secret-"))
			if next < 0 {
				break
			}
			at += 7 + next
		}
	}
}

// Many records are erased at once: few of a file where they are, for two syncs per portion, and many by rewriting it.
func TestEraseMany(t *testing.T) {
	for _, oneOf := range []int{100, 8, 2, 1} {
		disk := vfs.NewMem()
		process := vfs.NewFault(disk)
		m := secrets(t, process, rand.New(rand.NewPCG(uint64(oneOf), 1)))
		files, syncs, made := m.set.Stats().Files, process.Count(vfs.OpSync), process.Count(vfs.OpCreate)
		seqs := m.pick(oneOf)
		for _, seq := range seqs {
			m.erased[seq] = true
		}
		m.ok(m.set.Erase(append(seqs, m.last+5)...))
		syncs, made = process.Count(vfs.OpSync)-syncs, process.Count(vfs.OpCreate)-made
		if most := files * 8; syncs > most {
			t.Errorf("erasing %d records of %d files takes %d syncs", len(seqs), files, syncs)
		}
		if rewritten := made > 0; rewritten != (oneOf == 2) {
			t.Errorf("erasing one of %d records makes %d files", oneOf, made)
		}
		m.holds(disk)
		m.holds(disk.Crash(vfs.Policy{}))
		m.check(m.set, m.last)
		syncs = process.Count(vfs.OpSync)
		m.ok(m.set.Erase(seqs...))
		if syncs != process.Count(vfs.OpSync) {
			t.Error("what is erased is erased again")
		}
		if damages, err := m.set.Check(); err != nil || len(damages) > 0 {
			t.Fatal(err, damages)
		}
	}
}

// The power goes while many records are erased, and again while the rest is, with still more: in the end nothing is
// damaged, what lives is there and what was erased is not.
func TestCrashWhileErasingMany(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) {
		disk := vfs.NewMem()
		process := vfs.NewFault(disk)
		m := secrets(t, process, rand.New(rand.NewPCG(seed, 2)))
		var seqs []uint64
		for round := range 3 {
			seqs = append(seqs, m.pick([]int{30, 8, 2}[(int(seed)+round)%3])...)
			process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: m.rng.IntN(len(seqs)), Err: vfs.ErrKilled})
			if err := m.set.Erase(seqs...); err != nil && !errors.Is(err, vfs.ErrKilled) {
				t.Fatal(err)
			}
			disk = disk.Crash(vfs.PowerLoss(seed*8 + uint64(round)))
			process = vfs.NewFault(disk)
			m.options.Synced = m.synced
			var damages []Damage
			var err error
			if m.set, damages, err = Open(process, dir, m.options); err != nil || len(damages) > 0 {
				t.Fatal(err, damages)
			}
		}
		for _, seq := range seqs {
			m.erased[seq] = true
		}
		m.ok(m.set.Erase(seqs...))
		m.holds(disk)
		m.check(m.set, m.last)
		if damages, err := m.set.Check(); err != nil || len(damages) > 0 {
			t.Fatal(err, damages)
		}
	})
}
