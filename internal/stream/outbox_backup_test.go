package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/machine"
)

// letterCommands give another stream the dead letters of a state, as a backup does.
func letterCommands(t testing.TB, s *State) [][]byte {
	t.Helper()
	letters := s.Letters()
	if letters == nil {
		return nil
	}
	data, _ := letters.Encode(nil, [16]byte{7})
	commands, err := RestoreLetters(data)
	if err != nil {
		t.Fatal(err)
	}
	return commands
}

// enter applies commands as they are.
func (x *target) enter(commands [][]byte) (err *apierr.Error) {
	for _, c := range commands {
		x.fx.Reset()
		x.state.Apply(machine.Entry{Time: 1, Data: c}, &x.fx)
		if err == nil {
			err = x.fx.Replies[0].Err
		}
	}
	return err
}

// What waited goes on in the stream that a backup was made into, under the name of the one where it died; what dies there is its own.
func TestLettersAreRestored(t *testing.T) {
	was := dying(t, WorkQueue)
	was.apply(&Ack{1, []AckItem{{Kind: AckTerm, Seq: 1, Reason: []byte("no\xff")}, {Kind: AckAbandon, Seq: 2}}})
	was.apply(depositOf(3, 9, 4))
	x := newTarget(t, func(c *Config) { c.Name, c.Retention = "WORK", WorkQueue })
	x.apply(&Copy{Origin: Backup, Seq: 2, Append: Append{Span: 1, Subject: []byte("a")}}) // 1 was relayed meanwhile
	x.apply(&Copy{Origin: Backup, Seq: 4, Append: Append{Span: 1, Subject: []byte("a")}})
	if err := x.enter(letterCommands(t, was.state)); err != nil || x.fx.Outbox {
		t.Fatal(err, x.fx.Outbox)
	}
	if x.apply(depositOf(3, 3, 1)); !x.fx.Replies[0].Duplicate {
		t.Error("it takes again what it had")
	}
	v, _ := was.state.Consumer("c")
	x.apply(AddConsumer{Config: v.Config})
	x.apply(&Delivered{1, []Delivery{{4, 1, 1}}})
	x.apply(&Ack{1, []AckItem{{Kind: AckTerm, Seq: 4}}})
	var got []string
	for d := range x.state.DeadLetters("DEAD", 0) {
		got = append(got, fmt.Sprintf("%d %d %d %q %v", d.Origin[0], d.ID, d.Seq, d.Detail, x.state.outbox.isHidden(d.Seq)))
	}
	if want := []string{`7 1 1 "no\xff" false`, `7 2 2 "" true`, `0 3 4 "" true`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	again := letterCommands(t, x.state)
	x.apply(Relayed{"DEAD", []uint64{1, 2, 3}})
	if i := x.state.Info(); i.Messages != 0 || x.state.Letters() == nil {
		t.Errorf("%+v", i)
	}
	y := newTarget(t, func(c *Config) { c.Name = "DEAD" })
	y.apply(Skip{Origin: Backup, Seq: 4})
	if err := y.enter(again[:1]); err == nil || !strings.Contains(err.Description, "of its own name") {
		t.Error(err)
	}
}

// There may be more letters than a backup has room for. The first are kept.
func TestTooManyLetters(t *testing.T) {
	x := dying(t, Limits)
	x.apply(&Ack{1, []AckItem{{Kind: AckTerm, Seq: 1}, {Kind: AckTerm, Seq: 2}, {Kind: AckTerm, Seq: 3}}})
	for room, left := range map[int]int{0: 3, 30: 2, 1000: 0} {
		box := x.state.outbox.freeze()
		if gone := box.cut(room); gone != left || x.state.Outbox() != 3 {
			t.Errorf("%d bytes leave %d behind, not %d", room, gone, left)
		}
	}
}

// Whatever a backup says of dead letters, it is refused, or makes a state that works.
func FuzzRestoreLetters(f *testing.F) {
	for seed := range 6 {
		r := newConsumerRun(f, seed)
		for range 60 {
			r.step()
		}
		if letters := r.state.Letters(); letters != nil {
			data, _ := letters.Encode(nil, [16]byte{7})
			f.Add(data)
		}
	}
	cfg, err := Check(Config{Name: "S", Retention: WorkQueue}, Bounds{}, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		commands, err := RestoreLetters(data)
		if err != nil {
			return
		}
		var s State
		var fx Effects
		s.Apply(machine.Entry{Time: 1, Data: encode(Configure{cfg}, &Append{Span: 3, Subject: []byte("S")}, Skip{Origin: Backup, Seq: 1000})}, &fx)
		for _, c := range commands {
			before := s.Snapshot(nil)
			fx.Reset()
			s.Apply(machine.Entry{Time: 1, Data: c}, &fx)
			if fx.Replies[0].Err != nil && !bytes.Equal(before, s.Snapshot(nil)) {
				t.Fatalf("a command that was refused, %v, changed the state", fx.Replies[0].Err)
			}
		}
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
	})
}
