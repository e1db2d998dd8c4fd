package home

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"myelin/internal/store/segment"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// On a full disk, wherever that is found, nothing is lost, more messages are taken, and flushing goes on once there is room
// and the files were opened again.
func TestFullDisk(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		m := newModel(t, seed, segment.Options{SegmentBytes: 30_000})
		full := vfs.NewFault(m.disk)
		m.options.FS = full
		m.ok(m.home.Close())
		m.open()
		full.SetSpace(10_000 + m.rng.Int64N(60_000))
		var err error
		for err == nil {
			m.absorb(m.publish(20, 300))
			if _, err = m.home.Flush(math.MaxUint64, math.MaxInt64); err == nil && m.rng.IntN(2) == 0 {
				_, err = m.home.Sync()
			}
			m.check()
		}
		if !vfs.IsFull(err) {
			t.Fatalf("a full disk gives %v", err)
		}
		m.absorb(m.publish(20, 300))
		s := m.remove()
		for i := range s.gone {
			s.gone[i].Reason = stream.Deleted // erasing needs the disk
		}
		m.absorb(s)
		m.check()
		if _, err := m.home.Flush(math.MaxUint64, 1); !errors.Is(err, segment.ErrFailed) && len(m.live) > 0 {
			t.Errorf("flushing after a failure gives %v", err)
		}
		full.SetSpace(1 << 40)
		m.ok(m.home.Reopen())
		m.check()
		m.absorb(m.publish(20, 300))
		m.save(len(m.log))
		m.check()
		if m.home.TailBytes() != 0 {
			t.Errorf("%d bytes are left in memory", m.home.TailBytes())
		}
		m.disk = m.disk.Crash(vfs.Policy{})
		m.options.FS = m.disk
		m.open()
		m.check()
	})
}

// After a sync that failed nobody knows what the disk has. What was flushed is written again when it can still be read; when
// it cannot, Reopen says so instead of going on with a hole.
func TestFailedSync(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		m := newModel(t, 1, segment.Options{})
		fault := vfs.NewFault(m.disk)
		m.options.FS = fault
		m.ok(m.home.Close())
		m.open()
		m.absorb(m.publish(20, 300))
		m.save(len(m.log))
		m.absorb(m.publish(20, 300))
		m.flush(math.MaxUint64, math.MaxInt64)
		fault.Inject(vfs.Rule{Kinds: vfs.OpSync, Times: 1, Err: errors.New("input/output error")})
		if _, err := m.home.Sync(); err == nil {
			t.Fatal("the sync did not fail")
		}
		m.check()
		if !forgotten {
			m.ok(m.home.Reopen())
			m.check()
			m.save(len(m.log))
			m.crash(vfs.Policy{})
			m.check()
			continue
		}
		file := m.files()[0]
		f, err := m.disk.OpenReadWrite(file)
		m.ok(err)
		size, err := f.Size()
		m.ok(err)
		m.ok(f.Truncate(size - 100))
		if err := m.home.Reopen(); !errors.Is(err, ErrLost) {
			t.Errorf("opening files that lost something gives %v", err)
		}
		if m.home.Close() == nil {
			t.Error("a Home that failed is closed as if nothing had been")
		}
	}
}

// files are the names of the files.
func (m *model) files() []string {
	m.t.Helper()
	names, err := m.disk.List(dir)
	m.ok(err)
	for i := range names {
		names[i] = dir + "/" + names[i]
	}
	return names
}

// What the files have lost is had again from the log, as far as that reaches back, and the damage is still reported.
func TestDamageIsMadeGoodFromTheLog(t *testing.T) {
	m := newModel(t, 3, segment.Options{})
	m.absorb(m.publish(30, 300))
	m.flush(math.MaxUint64, math.MaxInt64)
	last, err := m.home.Sync()
	m.ok(err)
	m.ok(m.home.Rest())
	m.synced = last // and the log still has all
	hurt := m.live[len(m.live)/2]
	m.flip(hurt.body)
	m.ok(m.home.Close())
	m.open()
	var d *segment.Damage
	for i := range m.live {
		w := &m.live[i]
		if r, _, err := m.home.Read(w.seq, nil); w.seq != hurt.seq && (err != nil || !w.is(&r)) {
			t.Errorf("the damage of %d costs %d: %v", hurt.seq, w.seq, err)
		} else if w.seq == hurt.seq && !errors.As(err, &d) {
			t.Errorf("a damaged message reads as %v", err)
		}
	}
	// Known to be damaged, the file does not pass for whole the next time either.
	m.damageFooter()
	m.ok(m.home.Close())
	if damages := m.open(); len(damages) == 0 {
		t.Fatal("no damage was found")
	}
	for i := range m.live {
		w := &m.live[i]
		if r, _, err := m.home.Read(w.seq, nil); err != nil || !w.is(&r) {
			t.Errorf("reading %d: %v", w.seq, err)
		}
	}
	seen := m.scanAll()
	if len(seen) != len(m.live) {
		t.Errorf("scanning shows %d of %d messages", len(seen), len(m.live))
	}
	m.absorb(step{data: stream.Tick{}.Encode(nil), gone: []stream.Gone{{First: hurt.seq, Last: hurt.last(), Reason: stream.Deleted}}})
	if _, _, err := m.home.Read(hurt.seq, nil); err == nil {
		t.Error("what is gone is still there")
	}
	if len(m.home.Damages()) == 0 {
		t.Error("the damage is forgotten")
	}
}

// scanAll scans, going on behind damage.
func (m *model) scanAll() (seqs []uint64) {
	m.t.Helper()
	from := uint64(0)
	for {
		err := m.home.Scan(from, func(r *segment.Record) bool {
			if n := len(seqs); n > 0 && seqs[n-1] >= r.Seq {
				m.t.Fatalf("the scan shows %d after %d", r.Seq, seqs[n-1])
			}
			seqs = append(seqs, r.Seq)
			return true
		})
		var d *segment.Damage
		if !errors.As(err, &d) {
			m.ok(err)
			return seqs
		}
		if d.Next <= from {
			m.t.Fatalf("damage ends at %d, which is not behind %d", d.Next, from)
		}
		from = d.Next
	}
}

// flip changes a byte in the only file, at some text that is in it once.
func (m *model) flip(what string) {
	m.t.Helper()
	name := m.files()[0]
	b, err := vfs.ReadFile(m.disk, name)
	m.ok(err)
	at := bytes.Index(b, []byte(what))
	if at < 0 {
		m.t.Fatal("the text is not in the file")
	}
	m.change(name, int64(at), b[at]^1)
}

// damageFooter changes the last byte of the only file.
func (m *model) damageFooter() {
	m.t.Helper()
	name := m.files()[0]
	b, err := vfs.ReadFile(m.disk, name)
	m.ok(err)
	m.change(name, int64(len(b)-1), b[len(b)-1]^1)
}

func (m *model) change(name string, at int64, to byte) {
	m.t.Helper()
	f, err := m.disk.OpenReadWrite(name)
	m.ok(err)
	_, err = f.WriteAt([]byte{to}, at)
	m.ok(errors.Join(err, f.Sync(), f.Close()))
}

// A file that is gone as a whole is found by the first Clean.
func TestMissingFileIsReported(t *testing.T) {
	m := newModel(t, 4, segment.Options{SegmentBytes: 3000})
	for range 5 {
		m.absorb(m.publish(10, 300))
		m.save(len(m.log))
	}
	m.ok(m.home.Close())
	m.ok(m.disk.Remove(m.files()[1]))
	m.open()
	if _, err := m.home.Clean(); err != nil {
		t.Fatal(err)
	}
	if len(m.home.Damages()) == 0 {
		t.Error("nobody noticed")
	}
}
