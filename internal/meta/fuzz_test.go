package meta

import (
	"bytes"
	"testing"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// Whatever the bytes of an entry are, each command gives a reply, one that was refused has changed nothing,
// and the state survives a restart.
func FuzzApply(f *testing.F) {
	for seed := range uint64(4) {
		g := newGenerator(seed)
		var data []byte
		for range 20 {
			data = encode(data, g.command())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		s.Apply(machine.Entry{Time: 1}, new(Effects))
		for r := bin.NewReader(data); r.Len() > 0; {
			start := r.Offset()
			r.Bytes()
			end := r.Offset()
			if r.Err() != nil {
				end = len(data)
			}
			before := s.Snapshot(nil)
			var fx Effects
			s.Apply(machine.Entry{Time: 1, Data: data[start:end]}, &fx)
			if len(fx.Replies) != 1 {
				t.Fatalf("%d replies to a command", len(fx.Replies))
			}
			if err := fx.Replies[0].Err; err != nil && !bytes.Equal(before, s.Snapshot(nil)) {
				t.Fatalf("a command that was refused, %v, changed the state", err)
			}
		}
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
	})
}

// Restore takes no bytes amiss: it gives an error, or a state that works.
func FuzzRestore(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(populated(seed, 60).Snapshot(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		if s.Restore(bin.NewReader(data)) != nil {
			return
		}
		g := newGenerator(1)
		for range 20 {
			s.Apply(machine.Entry{Time: 1, Data: encode(nil, g.command())}, new(Effects))
		}
		for x := range s.All() {
			s.Apply(machine.Entry{Time: 1, Data: DeleteStream{x.Account, x.Config.Name}.Encode(nil)}, new(Effects))
		}
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Accounts()) > 0 || s.reserved != (usage{}) {
			t.Fatalf("without streams there are %v, %v", s.Accounts(), s.reserved)
		}
	})
}

// populated is a state after so many commands.
func populated(seed uint64, commands int) *State {
	g, s := newGenerator(seed), new(State)
	for i := range commands {
		s.Apply(machine.Entry{Time: int64(i + 1), Data: encode(nil, g.command())}, new(Effects))
	}
	return s
}
