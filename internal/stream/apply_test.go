package stream

import (
	"bytes"
	"testing"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// Whatever the bytes of an entry are, Apply gives replies, and the state survives a restart unchanged. A
// refused command has changed nothing.
func FuzzApply(f *testing.F) {
	created, err := Check(Config{
		Name: "T", MaxMsgs: 20, MaxMsgsPer: 3, AllowRollup: true, Transform: &SubjectTransform{"x.*", "y.{{random(4)}}"},
	}, Bounds{}, false)
	if err != nil {
		f.Fatal(err)
	}
	for seed := range 4 {
		var data []byte
		for _, c := range newGenerator(seed).commands(40) {
			data = append(data, encode(c.command)...)
		}
		f.Add(data)
	}
	f.Add(encode(&Append{Span: maxSpan, Subject: []byte("x.y")}, &Append{Span: maxSpan, Subject: []byte("x.y")}, Purge{Before: 1<<64 - 1},
		&Append{Span: 1, Subject: []byte("a")}, &Append{Span: 1, Subject: []byte("a")}, &Append{Span: 1, Subject: []byte("a")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		var fx Effects
		s.Apply(machine.Entry{Time: 1, Data: encode(Configure{created})}, &fx)
		for rest := data; len(rest) > 0; {
			_, tail, ok := cutBytes(rest)
			if !ok {
				tail = nil
			}
			before := s.Snapshot(nil)
			fx.Reset()
			s.Apply(machine.Entry{Time: 1, Data: rest[:len(rest)-len(tail)]}, &fx)
			if len(fx.Replies) != 1 {
				t.Fatalf("%d replies to a command", len(fx.Replies))
			}
			if fx.Replies[0].Err != nil && !bytes.Equal(before, s.Snapshot(nil)) {
				t.Fatalf("a command that was refused, %v, changed the state", fx.Replies[0].Err)
			}
			rest = tail
		}
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
		s.Deadline()
	})
}

// Restore takes no bytes amiss: it gives an error, or a state that works.
func FuzzRestore(f *testing.F) {
	for seed := range 4 {
		o, _ := run(f, newGenerator(seed).commands(60), func() int { return 1 }, nil)
		f.Add(o.state.Snapshot(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		if s.Restore(bin.NewReader(data)) != nil {
			return
		}
		var fx Effects
		s.Apply(machine.Entry{Time: 1e18, Data: encode(
			&Append{Span: 3, Subject: []byte("a.1"), Header: []byte("NATS/1.0\r\nNats-Msg-Id: 3\r\nNats-Rollup: sub\r\n\r\n")},
			Delete{Seq: s.last}, Tick{}, Purge{Filter: "a.*"}, Purge{},
		)}, &fx)
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
	})
}

// ReadAppend finds again what was stored, by the offset that the effects name.
func TestReadAppendFindsTheMessage(t *testing.T) {
	s := benchState(t, Config{})
	var fx Effects
	data := encode(Tick{}, &Append{1, []byte("a"), nil, []byte("one")}, &Append{2, []byte("b"), []byte("NATS/1.0\r\n\r\n"), []byte("two")})
	s.Apply(machine.Entry{Time: 1, Data: data}, &fx)
	if len(fx.Stored) != 2 {
		t.Fatalf("%d were stored", len(fx.Stored))
	}
	for _, stored := range fx.Stored {
		a, err := ReadAppend(data[stored.Offset:])
		if err != nil || stored.Changed || !bytes.Equal(a.Subject, stored.Subject) || !bytes.Equal(a.Header, stored.Header) || !bytes.Equal(a.Body, stored.Body) || a.Span != stored.Span {
			t.Errorf("%+v is read as %+v, %v", stored, a, err)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {1, kindTick}, {9, kindAppend}, {3, kindAppend, 1, 0}} {
		if _, err := ReadAppend(bad); err == nil {
			t.Errorf("%v is read as a message", bad)
		}
	}
}

// The hot path allocates nothing once the state has its size.
func TestAppendDoesNotAllocate(t *testing.T) {
	s := benchState(t, Config{MaxMsgs: 1000})
	var fx Effects
	data := entries(100, nil, make([]byte, 128))[0]
	apply := func() {
		fx.Reset()
		s.Apply(machine.Entry{Time: 1, Data: data}, &fx)
	}
	for range 100 {
		apply()
	}
	if n := testing.AllocsPerRun(1000, apply); n > 0 {
		t.Errorf("an entry of %d messages takes %v allocations", benchBatch, n)
	}
}
