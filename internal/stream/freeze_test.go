package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"myelin/internal/machine"
)

// views are frozen views that run while the state goes on.
type views struct {
	t       *testing.T
	rng     *rand.Rand
	waiting []func()
	running sync.WaitGroup
}

// freeze takes a view, which runs at once, later, twice or never.
func (v *views) freeze(s *State) {
	view, want := s.Freeze(), s.Snapshot(nil)
	check := func() {
		if got := view([]byte("x")); string(got[:1]) != "x" || !bytes.Equal(got[1:], want) {
			v.t.Error("a frozen view is not what the state was")
		}
	}
	switch v.rng.IntN(4) {
	case 0:
		v.run(check)
	case 1:
		v.waiting = append(v.waiting, check)
	case 2:
		v.run(check)
		v.waiting = append(v.waiting, check)
	}
	if len(v.waiting) > 3 {
		v.finish()
	}
}

func (v *views) run(check func()) { v.running.Go(check) }

func (v *views) finish() {
	for _, check := range v.waiting {
		v.run(check)
	}
	v.waiting = nil
	if v.rng.IntN(2) == 0 {
		v.running.Wait()
	}
}

// A view gives the snapshot of the moment at which it was taken, whatever becomes of the state meanwhile.
// The race detector shows that the two share nothing that changes.
func TestFreeze(t *testing.T) {
	eachSeed(t, 60, func(seed int) {
		g := newGenerator(seed)
		v := &views{t: t, rng: g.Rand}
		var s State
		var fx Effects
		v.freeze(&s)
		for _, c := range g.commands(300) {
			fx.Reset()
			s.Apply(machine.Entry{Time: c.at, Data: encode(c.command)}, &fx)
			g.last = s.last
			if g.IntN(10) == 0 {
				v.freeze(&s)
			}
		}
		v.finish()
		v.running.Wait()
	})
}

// The same with many blocks and chunks, of which subjects, ids and messages come and go.
func TestFreezeMany(t *testing.T) {
	eachSeed(t, 6, func(seed int) {
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		v := &views{t: t, rng: rng}
		s := benchState(t, Config{
			MaxMsgs: int64(1+rng.IntN(4)) * 1000, MaxMsgsPer: int64(rng.IntN(3)), DuplicateWindow: time.Second,
		})
		var fx Effects
		subjects := 1 + rng.IntN(3000)
		for i := range 1500 {
			var data []byte
			for range 1 + rng.IntN(16) {
				a := Append{Span: 1, Subject: fmt.Appendf(nil, "some.subject.%d", rng.IntN(subjects)), Body: make([]byte, rng.IntN(9))}
				if rng.IntN(2) == 0 {
					a.Header = fmt.Appendf(nil, "NATS/1.0\r\nNats-Msg-Id: %d\r\n\r\n", rng.IntN(9000))
				}
				data = a.Encode(data)
			}
			for range rng.IntN(6) {
				data = Delete{Seq: s.last - min(s.last, rng.Uint64N(4000))}.Encode(data)
			}
			if rng.IntN(100) == 0 {
				data = Purge{Filter: fmt.Sprintf("some.subject.%d", rng.IntN(subjects))}.Encode(data)
			}
			if rng.IntN(500) == 0 {
				data = Purge{}.Encode(data)
			}
			fx.Reset()
			s.Apply(machine.Entry{Time: int64(i) * int64(3*time.Millisecond), Data: data}, &fx)
			if rng.IntN(60) == 0 {
				v.freeze(s)
			}
		}
		v.finish()
		v.running.Wait()
	})
}
