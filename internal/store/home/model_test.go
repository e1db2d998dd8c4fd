package home

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"myelin/internal/store/segment"
	"myelin/internal/stream"
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

// want is a message that lives.
type want struct {
	seq                   uint64
	span                  uint32
	time                  int64
	subject, header, body string
}

func (w *want) last() uint64 { return w.seq + uint64(w.span) - 1 }

// size is how the machine counts it in a file stream.
func (w *want) size() uint64 {
	n := uint64(len(w.subject) + len(w.header) + len(w.body) + 30)
	if w.header != "" {
		n += 4
	}
	return n
}

func (w *want) is(r *segment.Record) bool {
	return w.seq == r.Seq && w.span == max(r.Span, 1) && w.time == r.Time && w.subject == string(r.Subject) &&
		w.header == string(r.Header) && w.body == string(r.Body)
}

// step is one entry and what the machine made of it.
type step struct {
	data   []byte
	stored []stream.Stored
	gone   []stream.Gone
}

// wants is what lives, ascending.
type wants []want

// after is what lives after a step.
func (w wants) after(s *step) wants {
	for i := range s.stored {
		m := &s.stored[i]
		w = append(w, want{m.Seq, m.Span, m.Time, string(m.Subject), string(m.Header), string(m.Body)})
	}
	for _, g := range s.gone {
		w = slices.DeleteFunc(w, func(m want) bool { return g.First <= m.seq && m.seq <= g.Last })
	}
	return w
}

// from is the first that begins at a sequence or later.
func (w wants) from(seq uint64) int {
	i, _ := slices.BinarySearchFunc(w, seq, func(m want, seq uint64) int {
		switch {
		case m.seq < seq:
			return -1
		case m.seq > seq:
			return 1
		}
		return 0
	})
	return i
}

func (w wants) nextLive(from uint64) (uint64, bool) {
	i := w.from(from)
	if i > 0 && w[i-1].last() >= from {
		i--
	}
	if i == len(w) {
		return 0, false
	}
	return w[i].seq, true
}

func (w wants) count(first, last uint64) (records int, bytes uint64) {
	for i := w.from(first); i < len(w) && w[i].seq <= last; i++ {
		records++
		bytes += w[i].size()
	}
	return records, bytes
}

// model is a Home, what it should hold, and the log that it can be rebuilt from.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	disk    *vfs.Mem
	options Options
	home    *Home
	reader  *Reader // of home, across checks; nil: none

	live wants
	last uint64 // the last sequence given out
	now  int64

	// As they were at the last checkpoint, and what came since.
	base   wants
	synced uint64
	log    []step
}

func newModel(t *testing.T, seed uint64, o segment.Options) *model {
	t.Helper()
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 7)), disk: vfs.NewMem()}
	m.ok(errors.Join(m.disk.MakeDirs("data"), m.disk.SyncDir(".")))
	m.options = Options{FS: m.disk, Dir: dir, Segment: o, Live: m.count, NextLive: m.nextLive}
	m.open()
	return m
}

func (m *model) count(first, last uint64) (int, uint64) { return m.live.count(first, last) }
func (m *model) nextLive(from uint64) (uint64, bool)    { return m.live.nextLive(from) }
func (m *model) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}
func (m *model) flush(upTo uint64, maxBytes int64) {
	m.t.Helper()
	_, err := m.home.Flush(upTo, maxBytes)
	m.ok(err)
}

// open opens the Home and applies the log again.
func (m *model) open() []segment.Damage {
	m.t.Helper()
	m.options.Segment.Synced = m.synced
	home, damages, err := Open(m.options)
	m.ok(err)
	m.home, m.live = home, slices.Clone(m.base)
	for i := range m.log {
		s := &m.log[i]
		m.live = m.live.after(s)
		m.home.Absorb(s.data, s.stored, s.gone)
	}
	for i := range m.log {
		m.erase(&m.log[i])
	}
	return damages
}

func (m *model) erase(s *step) {
	m.t.Helper()
	var seqs []uint64
	for _, g := range s.gone {
		if g.Reason == stream.Erased {
			seqs = append(seqs, g.First)
		}
	}
	m.ok(m.home.Erase(seqs...))
}

// absorb takes one more entry.
func (m *model) absorb(s step) {
	m.t.Helper()
	m.log = append(m.log, s)
	m.live = m.live.after(&s)
	m.home.Absorb(s.data, s.stored, s.gone)
	m.erase(&s)
	m.checkAccount()
}

// checkAccount counts the memory of the tail from scratch.
func (m *model) checkAccount() {
	m.t.Helper()
	held, needed, t := int64(0), int64(0), &m.home.young
	for _, c := range t.chunks {
		held += c.held
		live := 0
		for i, e := range c.entries {
			if e.offset&dead == 0 {
				needed += c.cost(i) + entryBytes
				live++
			}
		}
		if live != c.live || live == 0 && c != t.open {
			m.t.Fatalf("a chunk counts %d messages and has %d", c.live, live)
		}
	}
	if m.home.TailBytes() != held || t.needed != needed {
		m.t.Fatalf("%d bytes are counted and %d held; %d counted and %d needed", m.home.TailBytes(), held, t.needed, needed)
	}
}

func text(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.IntN(256))
	}
	return string(b)
}

// publish makes an entry of some messages, of which some are not stored, or as something else than was published.
func (m *model) publish(messages, size int) step {
	var s step
	m.now += m.rng.Int64N(3)
	changes := m.rng.IntN(4) == 0
	for range messages {
		a := stream.Append{Span: 1, Subject: fmt.Appendf(nil, "subject.%d", m.rng.IntN(9)), Body: []byte(text(m.rng, m.rng.IntN(size+1)))}
		if m.rng.IntN(8) == 0 {
			a.Span += m.rng.Uint32N(30)
		}
		if m.rng.IntN(3) == 0 {
			a.Header = []byte("NATS/1.0\r\nA: b\r\n\r\n")
		}
		offset := uint32(len(s.data))
		if m.rng.IntN(10) == 0 {
			s.data = a.Encode(s.data) // refused
			continue
		}
		seq := m.last + 1
		switch m.rng.IntN(200) {
		case 0:
			seq += 1 << 33
		case 1:
			seq += m.rng.Uint64N(1000)
		}
		m.last = seq + uint64(a.Span) - 1
		a.Body = fmt.Appendf(a.Body, "<body of %d>", seq)
		s.data = a.Encode(s.data)
		stored := stream.Stored{Seq: seq, Time: m.now, Span: a.Span, Offset: offset, Subject: a.Subject, Header: a.Header, Body: a.Body}
		if changes && m.rng.IntN(3) == 0 {
			stored.Changed = true
			stored.Subject = []byte("changed")
		}
		s.stored = append(s.stored, stored)
	}
	for _, p := range s.stored {
		if m.rng.IntN(20) == 0 {
			s.gone = append(s.gone, stream.Gone{First: p.Seq, Last: p.Seq + uint64(p.Span) - 1, Reason: stream.Evicted})
		}
	}
	return s
}

// remove makes an entry that removes a part of what lives, in ranges of whole messages.
func (m *model) remove() step {
	s := step{data: stream.Purge{}.Encode(nil)}
	if len(m.live) == 0 {
		return s
	}
	gone := func(lo, hi int, why stream.Reason) {
		s.gone = append(s.gone, stream.Gone{First: m.live[lo].seq, Last: m.live[hi].last(), Reason: why})
	}
	n := len(m.live)
	switch m.rng.IntN(12) {
	case 0, 1, 2, 3: // the oldest
		gone(0, m.rng.IntN(1+n/2), stream.Evicted)
	case 4, 5: // a run
		lo := m.rng.IntN(n)
		gone(lo, lo+m.rng.IntN(n-lo), stream.Purged)
	case 6, 7, 8: // here and there
		for i := range m.live {
			if m.rng.IntN(3) > 0 {
				gone(i, i, stream.Deleted)
			}
		}
	case 9:
		i := m.rng.IntN(n)
		gone(i, i, stream.Erased)
	case 10:
		for i := range m.live {
			if m.rng.IntN(5) == 0 {
				gone(i, i, stream.Erased)
			}
		}
	case 11:
		s.gone = append(s.gone, stream.Gone{First: m.live[0].seq, Last: m.last, Reason: stream.Purged})
	}
	return s
}

// save flushes all up to some entry, syncs, and forgets the log up to there.
func (m *model) save(entries int) {
	m.t.Helper()
	upTo, base := m.base.lastSeq(), m.base
	for i := range m.log[:entries] {
		base = base.after(&m.log[i])
		for _, p := range m.log[i].stored {
			upTo = p.Seq
		}
	}
	m.flush(upTo, math.MaxInt64)
	last, err := m.home.Sync()
	m.ok(err)
	m.base, m.log, m.synced = base, slices.Clone(m.log[entries:]), last
}

func (w wants) lastSeq() uint64 {
	if len(w) == 0 {
		return 0
	}
	return w[len(w)-1].seq
}

// crash loses what is not on the disk.
func (m *model) crash(p vfs.Policy) {
	m.t.Helper()
	m.disk = m.disk.Crash(p)
	m.options.FS = m.disk
	for _, d := range m.open() {
		if d.Cut == 0 {
			m.t.Fatalf("damage after a crash: %v", &d)
		}
	}
}

// check compares all that lives with what can be read.
func (m *model) check() {
	m.t.Helper()
	var buf []byte
	var r segment.Record
	var err error
	if m.reader == nil || m.reader.home != m.home {
		m.reader = m.home.Reader()
	}
	for i := range m.live {
		w := &m.live[i]
		seq := w.seq + m.rng.Uint64N(uint64(w.span))
		if ahead, err := m.reader.Read(seq); err != nil || !w.is(ahead) {
			m.t.Fatalf("reading on to %d gives %+v: %v", seq, ahead, err)
		}
		if r, buf, err = m.home.Read(seq, buf); err != nil || !w.is(&r) {
			m.t.Fatalf("reading %d gives %d with span %d: %v", seq, r.Seq, r.Span, err)
		}
	}
	if m.rng.IntN(4) == 0 {
		m.reader.Close()
	}
	m.checkScan(0)
	if len(m.live) > 0 {
		m.checkScan(m.live[m.rng.IntN(len(m.live))].last())
	}
}

// checkScan wants to see what lives from a sequence on, ascending, among what does not.
func (m *model) checkScan(from uint64) {
	m.t.Helper()
	i, last := m.live.from(from), uint64(0)
	if i > 0 && m.live[i-1].last() >= from {
		i--
	}
	m.ok(m.home.Scan(from, func(r *segment.Record) bool {
		if r.Seq <= last || r.Last() < from {
			m.t.Fatalf("the scan from %d shows %d after %d", from, r.Seq, last)
		}
		last = r.Last()
		if i < len(m.live) && m.live[i].seq == r.Seq {
			if !m.live[i].is(r) {
				m.t.Fatalf("the scan shows another %d", r.Seq)
			}
			i++
		}
		return true
	}))
	if i < len(m.live) {
		m.t.Fatalf("the scan from %d does not show %d", from, m.live[i].seq)
	}
}

// hold says whether any file has these bytes.
func (m *model) hold(what string) bool {
	names, err := m.disk.List(dir)
	m.ok(err)
	return slices.ContainsFunc(names, func(name string) bool {
		b, err := vfs.ReadFile(m.disk, dir+"/"+name)
		m.ok(err)
		return bytes.Contains(b, []byte(what))
	})
}

// act does one thing.
func (m *model) act() {
	m.t.Helper()
	switch n := m.rng.IntN(40); {
	case n < 10:
		m.absorb(m.publish(1+m.rng.IntN(8), 100))
	case n < 14:
		m.absorb(m.publish(100+m.rng.IntN(100), 400))
	case n < 20:
		m.absorb(m.remove())
	case n < 26:
		m.flush(m.rng.Uint64N(m.last+2), m.rng.Int64N(30_000))
	case n < 28:
		m.flush(math.MaxUint64, math.MaxInt64)
	case n < 32:
		m.save(m.rng.IntN(len(m.log) + 1))
	case n < 36:
		for more := true; more; {
			var err error
			more, err = m.home.Clean()
			m.ok(err)
		}
	case n < 37:
		m.ok(m.home.Rest())
	case n < 38:
		m.ok(m.home.Reopen())
	case n < 39:
		m.ok(m.home.Close())
		m.open()
	default:
		m.crash([]vfs.Policy{{}, vfs.ProcessDeath, vfs.PowerLoss(m.rng.Uint64())}[m.rng.IntN(3)])
	}
}

// Whatever is published, removed, flushed, cleaned, crashed and erased, what lives can be read, and what was erased is
// nowhere.
func TestModel(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		m := newModel(t, seed, segment.Options{SegmentBytes: 30_000, Compress: seed%3 == 0, Stream: [16]byte{byte(seed)}})
		for range 120 {
			m.act()
			m.check()
		}
		for _, s := range m.log {
			for _, g := range s.gone {
				if g.Reason == stream.Erased && m.hold(fmt.Sprintf("<body of %d>", g.First)) {
					t.Fatalf("%d was erased and is in a file", g.First)
				}
			}
		}
		m.save(len(m.log))
		m.ok(m.home.Remove())
		if names, err := m.disk.List("data"); err != nil || len(names) > 0 {
			t.Errorf("%s is left: %v", strings.Join(names, ", "), err)
		}
	})
}
