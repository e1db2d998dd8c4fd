package stream

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"myelin/internal/machine"
)

// restored is a State made of what a backup of the run's has: of all messages but those that are left out.
func (r *consumerRun) restored(without func(seq uint64) bool) *State {
	next, fx := new(State), Effects{}
	enter := func(command []byte) {
		fx.Reset()
		next.Apply(machine.Entry{Time: r.now, Data: command}, &fx)
		if err := fx.Replies[0].Err; err != nil {
			r.t.Fatalf("%q: %v", command, err)
		}
	}
	apply := func(command any) { enter(encode(command)) }
	cfg := *r.state.Config()
	cfg.Sealed = false
	apply(Configure{&cfg})
	r.state.table.eachRecord(func(seq uint64, rec *record) {
		if !without(seq) {
			text := r.state.table.subjects.text(rec.subject - 1)
			apply(&Copy{Origin: Backup, Seq: seq, Time: rec.time, Append: Append{Span: 1, Subject: []byte(text)}})
		}
	})
	if next.last < r.state.last {
		apply(Skip{Origin: Backup, Seq: r.state.last})
	}
	if letters := r.state.Letters(); letters != nil {
		data, left := letters.Encode(nil, [16]byte{7})
		commands, err := RestoreLetters(data)
		if err != nil || left > 0 {
			r.t.Fatal(err, left)
		}
		for _, c := range commands {
			enter(c)
		}
	}
	for v := range r.state.Consumers() {
		rec, ok := r.state.ConsumerRecord(v.Number)
		if !ok {
			r.t.Fatalf("no record of %s", v.Config.Name)
		}
		apply(&RestoreConsumer{rec})
	}
	return next
}

// described is what a backup has to keep of the consumers of a State.
func describedConsumers(s *State) (list []string) {
	for v := range s.Consumers() {
		rec, _ := s.ConsumerRecord(v.Number)
		rec.Config = nil
		list = append(list, fmt.Sprintf("%s %+v: %d to come, %d wait, %d again", v.Config.Name, rec, v.NumPending, v.NumAckPending, v.NumRedelivered))
	}
	return list
}

// describedLetters is what a backup has to keep of dead letters.
func describedLetters(s *State) string {
	var b strings.Builder
	for target := range s.OutboxQueues() {
		for d := range s.DeadLetters(target, 0) {
			letter := *d
			if letter.Origin == ([16]byte{}) {
				letter.Origin = [16]byte{7}
			}
			fmt.Fprintf(&b, "%+v %d %v\n", letter, s.outbox.holds[d.Seq], s.outbox.isHidden(d.Seq))
		}
	}
	if s.outbox.count > 0 {
		fmt.Fprintln(&b, s.outbox.last, s.outbox.count)
	}
	for _, origin := range slices.SortedFunc(maps.Keys(s.deposits.by), compareOrigins) {
		d := s.deposits.by[origin]
		fmt.Fprintln(&b, origin, d.low, slices.Collect(d.taken.Range(0)))
	}
	return b.String()
}

// Consumers that are restored from their records are those that were backed up, whatever was done to them, and those of
// which messages are missing are what a restart takes. So are dead letters.
func TestConsumersAreRestored(t *testing.T) {
	eachSeed(t, 60, func(seed int) {
		r := newConsumerRun(t, seed)
		for step := range 300 {
			r.step()
			if step%30 != 29 {
				continue
			}
			next := r.restored(func(uint64) bool { return false })
			if got, want := describedConsumers(next), describedConsumers(r.state); !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, restored as\n%q\nwas\n%q", seed, step, got, want)
			}
			if got, want := describedLetters(next), describedLetters(r.state); r.state.Letters() != nil && got != want {
				t.Fatalf("seed %d, step %d, letters restored as\n%swere\n%s", seed, step, got, want)
			}
			for _, s := range []*State{next, r.restored(func(seq uint64) bool { return seq%3 == 0 })} {
				if err := machine.Copy(new(State), s); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
		}
	})
}

// What a record says of messages that are not there is as if these had gone while the consumer was there.
func TestRestoredConsumerWithoutMessages(t *testing.T) {
	s, fx := new(State), Effects{}
	apply := func(command any) Reply {
		fx.Reset()
		s.Apply(machine.Entry{Time: 50, Data: encode(command)}, &fx)
		return fx.Replies[0]
	}
	cfg, _ := Check(Config{Name: "S", Subjects: []string{"a"}}, Bounds{}, false)
	apply(Configure{cfg})
	for _, seq := range []uint64{3, 5, 6} {
		apply(&Copy{Origin: Backup, Seq: seq, Time: 7, Append: Append{Span: 1, Subject: []byte("a")}})
	}
	config, _ := CheckConsumer(ConsumerConfig{Name: "C", Ack: AckExplicit}, cfg, ConsumerBounds{}, false)
	rec := ConsumerRecord{
		Config: config, Delivered: Position{4, 5, 9}, Floor: Position{1, 1, 8}, Early: []uint64{6, 9},
		Pending: []PendingAck{{Seq: 2, DSeq: 2, Time: 1, Count: 1}, {Seq: 4, DSeq: 3, Time: 2, Count: 1}, {Seq: 5, DSeq: 4, Time: 3, Count: 2}},
	}
	if reply := apply(&RestoreConsumer{rec}); reply.Err != nil || !reply.Created {
		t.Fatalf("%+v", reply)
	}
	const want = `[C {Config:<nil> Created:50 Delivered:{Consumer:4 Stream:5 Active:9} Floor:{Consumer:3 Stream:4 Active:8} ` +
		`Pending:[{Seq:5 DSeq:4 Time:3 Count:2 Abandoned:false}] Early:[6] InitialEnd:0 Initial:[]}: 0 to come, 1 wait, 1 again]`
	if got := fmt.Sprint(describedConsumers(s)); got != want {
		t.Errorf("is\n%s\nnot\n%s", got, want)
	}
	if reply := apply(&RestoreConsumer{rec}); reply.Err == nil {
		t.Error("it is restored twice")
	}
	rec.Config = &ConsumerConfig{Name: "D", Ack: AckExplicit}
	rec.Pending = []PendingAck{{Seq: 6, DSeq: 5, Count: 1}} // which was not delivered
	if reply := apply(&RestoreConsumer{rec}); reply.Err == nil || s.NumConsumers() != 1 {
		t.Errorf("%+v", reply)
	}
}
