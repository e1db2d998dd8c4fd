package stream

import (
	"fmt"
	"testing"
	"time"

	"myelin/internal/header"
	"myelin/internal/machine"
)

// Commands that remove much at once do what the model does, in streams of several blocks, and leave a table
// that keeps its rules and goes on.
func TestSweeps(t *testing.T) {
	eachSeed(t, 12, func(seed int) {
		g := newGenerator(seed)
		v := &views{t: t, rng: g.Rand}
		x := &sweeping{t: t, seed: seed, generator: g, state: new(State), model: new(model), held: map[uint64]uint32{}}
		x.cfg = Config{Name: "T", FirstSeq: 1, AllowRollup: true, AllowTTL: seed%3 == 0}
		cfg := x.cfg
		x.apply(Configure{&cfg})
		for range 3 {
			x.fill(1+g.IntN(1300), 1+g.IntN(1<<g.IntN(11)))
			v.freeze(x.state)
			x.apply(x.large())
			x.check()
		}
		v.finish()
		v.running.Wait()
	})
}

// sweeping is a state beside its model.
type sweeping struct {
	*generator
	t     *testing.T
	seed  int
	state *State
	model *model
	held  map[uint64]uint32
}

func (x *sweeping) apply(command any) {
	x.t.Helper()
	var fx Effects
	x.now += int64(time.Microsecond)
	x.state.Apply(machine.Entry{Time: x.now, Data: encode(command)}, &fx)
	if got, want := answer(fx.Replies[0]), x.model.apply(x.now, command); got != want {
		x.t.Fatalf("seed %d, %+v: %q, want %q", x.seed, command, got, want)
	}
	replay(x.held, &fx)
}

// fill publishes n messages, and deletes some.
func (x *sweeping) fill(n, subjects int) {
	for range n {
		a := &Append{Span: 1, Subject: fmt.Appendf(nil, "%c.%d", 'a'+rune(x.IntN(2)), x.IntN(subjects)), Body: make([]byte, x.IntN(60))}
		if x.IntN(300) == 0 {
			a.Span = 1 + x.Uint32N(5)
		}
		if x.cfg.AllowTTL && x.IntN(9) == 0 {
			a.Header = header.AppendEnd(header.AppendField(header.AppendStart(nil), "Nats-TTL", []string{"3s", "never"}[x.IntN(2)]))
		}
		x.apply(a)
		if x.IntN(12) == 0 {
			x.apply(Delete{Seq: 1 + x.Uint64N(x.state.last)})
		}
	}
}

// large is a command that removes much.
func (x *sweeping) large() any {
	i := x.state.Info()
	switch x.IntN(8) {
	case 0:
		return Purge{Keep: 1 + x.Uint64N(i.Messages+1)}
	case 1:
		return Purge{Before: i.First + x.Uint64N(i.Last-i.First+2)}
	case 2:
		return Purge{Filter: "a.*", Before: i.First + x.Uint64N(i.Last-i.First+2)}
	case 3:
		return Purge{Filter: "*.0", Keep: x.Uint64N(i.Messages + 1)}
	case 4:
		return Purge{Filter: "b.>"}
	case 5:
		kind := []string{"sub", "all"}[x.IntN(2)]
		return &Append{Span: 1, Subject: []byte("a.0"), Header: header.AppendEnd(header.AppendField(header.AppendStart(nil), "Nats-Rollup", kind))}
	}
	c := x.cfg
	switch x.IntN(3) {
	case 0:
		c.MaxMsgs = 1 + x.Int64N(int64(i.Messages)+1)
	case 1:
		c.MaxBytes = 100 + x.Int64N(int64(i.Bytes)+1)
	case 2:
		c.MaxMsgsPer = 1 + x.Int64N(4)
	}
	return Configure{&c}
}

func (x *sweeping) check() {
	x.t.Helper()
	if err := agree(x.state, x.model, x.held); err != nil {
		x.t.Fatalf("seed %d: %v", x.seed, err)
	}
	want := make([]held, 0, len(x.model.messages))
	for _, m := range x.model.messages {
		want = append(want, held{m.seq, uint32(m.span), m.subject})
	}
	checkBlocks(x.t, &x.state.table, want)
	if err := machine.Copy(new(State), x.state); err != nil {
		x.t.Fatalf("seed %d: %v", x.seed, err)
	}
	ending := 0
	for _, m := range x.model.messages {
		if m.expires != 0 && m.expires != never {
			ending++
		}
	}
	if n := x.state.table.expiries.live; n != ending {
		x.t.Fatalf("seed %d: %d records are to expire, want %d", x.seed, n, ending)
	}
}
