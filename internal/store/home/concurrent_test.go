package home

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"myelin/internal/store/segment"
)

// shared is a model whose absorber stands under a lock, as the stream's is.
type shared struct {
	*model
	lock sync.RWMutex
}

func (s *shared) count(first, last uint64) (int, uint64) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.live.count(first, last)
}

func (s *shared) nextLive(from uint64) (uint64, bool) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.live.nextLive(from)
}

// pick returns any message that lives.
func (s *shared) pick(rng *rand.Rand) (want, bool) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	if len(s.live) == 0 {
		return want{}, false
	}
	return s.live[rng.IntN(len(s.live))], true
}

func (s *shared) snapshot() wants {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return slices.Clone(s.live)
}

func (s *shared) lives(seq uint64) bool {
	at, ok := s.nextLive(seq)
	return ok && at == seq
}

// read reads any message: it may only be missing when it does not live any more.
func (s *shared) read(rng *rand.Rand, buf []byte) []byte {
	w, ok := s.pick(rng)
	if !ok {
		return buf
	}
	r, buf, err := s.home.Read(w.last(), buf)
	if err == nil && !w.is(&r) {
		s.t.Errorf("reading %d gives %d", w.last(), r.Seq)
	}
	if err != nil && (!errors.Is(err, segment.ErrNotFound) || s.lives(w.seq)) {
		s.t.Errorf("reading %d: %v", w.seq, err)
	}
	return buf
}

// scan scans: what lived before and after must be shown.
func (s *shared) scan() {
	missing := map[uint64]bool{}
	for _, w := range s.snapshot() {
		missing[w.seq] = true
	}
	last := uint64(0)
	err := s.home.Scan(0, func(r *segment.Record) bool {
		if r.Seq <= last {
			s.t.Errorf("the scan shows %d after %d", r.Seq, last)
		}
		last = r.Last()
		delete(missing, r.Seq)
		return true
	})
	if err != nil {
		s.t.Error(err)
	}
	for seq := range missing {
		if s.lives(seq) {
			s.t.Errorf("the scan does not show %d", seq)
		}
	}
}

// Readers miss nothing while messages come, move to the files, are cleaned there, erased, and the files are opened anew.
func TestReadersMissNothing(t *testing.T) {
	m := newModel(t, 5, segment.Options{SegmentBytes: 20_000})
	s := &shared{model: m}
	m.options.Live, m.options.NextLive = s.count, s.nextLive
	m.ok(m.home.Close())
	m.open()

	done := make(chan struct{})
	var others sync.WaitGroup
	loop := func(do func()) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
				}
			}
		})
	}
	for seed := range uint64(2) {
		rng, buf := rand.New(rand.NewPCG(seed, 2)), []byte(nil)
		loop(func() { buf = s.read(rng, buf) })
	}
	loop(s.scan)
	loop(func() {
		if _, err := m.home.Clean(); err != nil {
			t.Error(err)
		}
	})
	flushing := rand.New(rand.NewPCG(1, 3))
	loop(func() {
		_, err := m.home.Flush(math.MaxUint64, flushing.Int64N(50_000))
		if err == nil && flushing.IntN(4) == 0 {
			_, err = m.home.Sync()
		}
		if err == nil && flushing.IntN(20) == 0 {
			err = m.home.Reopen()
		}
		if err != nil {
			t.Error(err)
		}
	})
	for range 200 {
		st := m.publish(1+m.rng.IntN(60), 300)
		if m.rng.IntN(3) == 0 {
			st = m.remove()
		}
		s.lock.Lock()
		m.live = m.live.after(&st)
		m.home.Absorb(st.data, st.stored, st.gone)
		s.lock.Unlock()
		m.erase(&st)
	}
	close(done)
	others.Wait()
	m.check()
}
