package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"myelin/internal/machine"
)

// The last messages of all subjects are those that a look at each subject finds, whichever way is the shorter one, and their set stays
// as it is whatever comes later.
func TestLastOfEachSubject(t *testing.T) {
	for _, c := range []struct {
		subjects, messages int
		cfg                Config
	}{
		{50, 40, Config{}},
		{200, 3000, Config{MaxMsgsPer: 1}},
		{200, 1000, Config{MaxMsgs: 700}},
		{10, 3000, Config{}},
		{3, 2, Config{}},
	} {
		rng := rand.New(rand.NewPCG(uint64(c.subjects), uint64(c.messages)))
		s := benchState(t, c.cfg)
		var fx Effects
		apply := func(data []byte) {
			fx.Reset()
			s.Apply(machine.Entry{Time: s.now + 1, Data: data}, &fx)
		}
		publish := func() {
			apply((&Append{Span: 1, Subject: fmt.Appendf(nil, "k.%d.%d", rng.IntN(3), rng.IntN(c.subjects)), Body: []byte("x")}).Encode(nil))
		}
		for range c.messages {
			if publish(); rng.IntN(10) == 0 {
				apply(Delete{Seq: 1 + rng.Uint64N(s.last)}.Encode(nil))
			}
		}
		for i, filter := range []string{">", "k.*.*", "k.1.>", "k.2.7", "none.*", "k.1.1*", "k.*.2>"} {
			addConsumers(t, s, 1, ConsumerConfig{Deliver: DeliverLastPerSubject}, func(int) string { return filter })
			var want, got []uint64
			for _, id := range s.table.listed(filter) {
				want = append(want, s.table.subjects.at(id).last)
			}
			slices.Sort(want)
			source := s.Source(s.consumers.last)
			read := func() (list []uint64) {
				for seq, ok := source.Next(0); ok && seq <= source.consumer.initialEnd; seq, ok = source.Next(seq + 1) {
					list = append(list, seq)
				}
				return list
			}
			if got = read(); !slices.Equal(got, want) {
				t.Fatalf("%+v, filter %d %s: %v, want %v", c, i, filter, got, want)
			}
			for range 20 {
				publish()
			}
			want = slices.DeleteFunc(want, func(seq uint64) bool { return !s.Has(seq) })
			if got = read(); !slices.Equal(got, want) {
				t.Fatalf("%+v, filter %d %s: later %v, want %v", c, i, filter, got, want)
			}
			apply(DropConsumer{Name: "C00000"}.Encode(nil))
		}
	}
}

// How long a watch waits for its first message: a consumer of the last message of each of a million subjects is made, as the only one.
func BenchmarkBeginLast(b *testing.B) {
	const n = 1 << 20
	for _, each := range []int{1, 2, 16} {
		b.Run(fmt.Sprintf("messages=%d", each), func(b *testing.B) {
			s := large(b, Config{}, n, n/each)
			var fx Effects
			for b.Loop() {
				addConsumers(b, s, 1, ConsumerConfig{Deliver: DeliverLastPerSubject}, func(int) string { return "orders.>" })
				fx.Reset()
				s.Apply(machine.Entry{Data: DropConsumer{Name: "C00000"}.Encode(nil)}, &fx)
			}
		})
	}
}
