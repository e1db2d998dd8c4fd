package home

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"myelin/internal/stream"
)

func newMemory(t *testing.T, seed uint64) *model {
	t.Helper()
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 8))}
	m.options = Options{Memory: true, Live: m.count, NextLive: m.nextLive}
	m.open()
	return m
}

// needed is what the live messages take at least.
func (m *model) needed() (n int64) {
	for i := range m.live {
		w := &m.live[i]
		n += int64(len(w.subject) + len(w.header) + len(w.body))
	}
	return n
}

// checkMemory compares what is held with what lives.
func (m *model) checkMemory() {
	m.t.Helper()
	const perMessage = timeBytes + entryBytes + maxCommandBytes
	if held := m.home.TailBytes(); held > 2*(m.needed()+int64(len(m.live))*perMessage)+4*blockBytes {
		m.t.Fatalf("%d messages of %d bytes take %d bytes in %d chunks", len(m.live), m.needed(), held, len(m.home.young.chunks))
	}
}

// A stream in memory holds what lives, and takes less than twice that, what belongs to each message, and a constant.
func TestMemoryStream(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		m := newMemory(t, seed)
		for i := range 200 {
			switch n := m.rng.IntN(20); {
			case n < 8:
				m.absorb(m.publish(1+m.rng.IntN(8), 200))
			case n < 12:
				m.absorb(m.publish(100+m.rng.IntN(100), 400))
			default:
				m.absorb(m.remove())
			}
			m.flush(math.MaxUint64, math.MaxInt64)
			if i%8 == 0 {
				m.check()
			}
			m.checkMemory()
		}
		m.checkScan(0)
		if last, err := m.home.Sync(); last != 0 || err != nil {
			t.Errorf("syncing memory gives %d, %v", last, err)
		}
		m.ok(m.home.Remove())
	})
}

// Of a million small messages that came one by one, few of which live, neither the dead nor bookkeeping takes much.
func TestSparseTailBecomesDense(t *testing.T) {
	m := newMemory(t, 1)
	const messages = 200_000
	body := make([]byte, 100)
	for seq := uint64(1); seq <= messages; seq++ {
		a := stream.Append{Span: 1, Subject: []byte("s"), Body: body}
		m.home.Absorb(a.Encode(nil), []stream.Stored{{Seq: seq, Span: 1, Subject: a.Subject, Body: a.Body}}, nil)
	}
	if each := m.home.TailBytes() / messages; each > 100+40 {
		t.Errorf("each message takes %d bytes", each)
	}
	for seq := uint64(1); seq <= messages; seq++ {
		if seq%1000 != 0 {
			m.home.Absorb(nil, nil, []stream.Gone{{First: seq, Last: seq, Reason: stream.Deleted}})
		}
	}
	m.flush(math.MaxUint64, math.MaxInt64)
	if held := m.home.TailBytes(); held > messages/1000*300+2*blockBytes {
		t.Errorf("%d messages take %d bytes", messages/1000, held)
	}
	for seq := uint64(1000); seq <= messages; seq += 1000 {
		if r, _, err := m.home.Read(seq, nil); err != nil || r.Seq != seq || len(r.Body) != 100 {
			t.Fatalf("reading %d: %v", seq, err)
		}
	}
}

// One Absorb does not pay for all that died in it.
func TestSqueezingIsBounded(t *testing.T) {
	m := newMemory(t, 2)
	for range 20 {
		m.absorb(m.publish(150, 6000))
	}
	var s step
	for i := range m.live {
		if i%3 > 0 {
			s.gone = append(s.gone, stream.Gone{First: m.live[i].seq, Last: m.live[i].last(), Reason: stream.Purged})
		}
	}
	before := m.home.TailBytes()
	m.absorb(s)
	if after := m.home.TailBytes(); before-after > 4*squeezeBytes {
		t.Errorf("one Absorb gave back %d of %d bytes", before-after, before)
	}
	for more, steps := true, 0; more; steps++ {
		var err error
		if more, err = m.home.Clean(); err != nil || steps > 100 {
			t.Fatalf("cleaning memory does not end: %v", err)
		}
	}
	m.checkMemory()
	m.check()
}

// An erased message is not in memory of ours, whatever it shared a chunk with.
func TestEraseInMemory(t *testing.T) {
	for _, size := range []int{50, 2000} {
		m := newMemory(t, 3)
		m.absorb(m.publish(40, size))
		for len(m.live) > 0 {
			var s step
			for _, w := range m.live {
				if m.rng.IntN(10) == 0 {
					s.gone = append(s.gone, stream.Gone{First: w.seq, Last: w.last(), Reason: stream.Erased})
				}
			}
			m.absorb(s)
			for _, g := range s.gone {
				for _, c := range m.home.young.chunks {
					if bytes.Contains(c.data, fmt.Appendf(nil, "<body of %d>", g.First)) {
						t.Fatalf("%d is still there", g.First)
					}
				}
			}
			m.check()
		}
		if m.home.TailBytes() != 0 {
			t.Errorf("nothing takes %d bytes", m.home.TailBytes())
		}
	}
}
