package stream

import (
	"slices"
	"testing"

	"myelin/internal/machine"
)

// A consumer of the last messages of the subjects that begin with k.a, as a client asks for keys, starts with those; of later messages it gets
// those of the subject k.a* alone. What it waits for goes with its message, also after a restart and from a backup.
func TestPrefixAsFilter(t *testing.T) {
	for _, kind := range []string{"straight", "restarts", "backups"} {
		t.Run(kind, func(t *testing.T) { followPrefix(t, kind) })
	}
}

func followPrefix(t *testing.T, kind string) {
	s, fx := benchState(t, Config{Subjects: []string{"k.>"}}), Effects{}
	apply := func(command any) Reply {
		fx.Reset()
		s.Apply(machine.Entry{Time: s.now + 1, Data: encode(command)}, &fx)
		return fx.Replies[0]
	}
	publish := func(subjects ...string) {
		for _, text := range subjects {
			apply(&Append{Span: 1, Subject: []byte(text)})
		}
	}
	publish("k.apple", "k.banana", "k.a", "k.avocado", "k.apple")
	addConsumers(t, s, 1, ConsumerConfig{Deliver: DeliverLastPerSubject, Ack: AckExplicit}, func(int) string { return "k.a*" })
	publish("k.alder", "k.a*", "k.b")

	check := func(when string, waiting []uint64, want ...uint64) {
		t.Helper()
		v, _ := s.Consumer("C00000")
		src := s.Source(v.Number)
		var next, pending []uint64
		for seq, ok := src.Next(v.Delivered.Stream + 1); ok; seq, ok = src.Next(seq + 1) {
			next = append(next, seq)
		}
		for p := range src.Pending() {
			pending = append(pending, p.Seq)
		}
		if !slices.Equal(next, want) || v.NumPending != uint64(len(want)) || !slices.Equal(pending, waiting) {
			t.Fatalf("%s %v are to come, %d, and %v waited for; want %v and %v", when, next, v.NumPending, pending, want, waiting)
		}
	}
	again := func() {
		switch kind {
		case "restarts":
			next := new(State)
			if err := machine.Copy(next, s); err != nil {
				t.Fatal(err)
			}
			s = next
		case "backups":
			record, _ := s.ConsumerRecord(s.consumers.last)
			apply(DropConsumer{Name: "C00000"})
			if err := apply(&RestoreConsumer{record}).Err; err != nil {
				t.Fatal(err)
			}
		}
	}
	check("at first", nil, 4, 5, 7)
	again()
	check("again", nil, 4, 5, 7)
	apply(&Delivered{Consumer: s.consumers.last, At: []Delivery{{4, 1, 1}}})
	again()
	check("delivered", []uint64{4}, 5, 7)
	apply(Delete{Seq: 4})
	check("with a message gone", nil, 5, 7)
	again()
	apply(&Delivered{Consumer: s.consumers.last, At: []Delivery{{5, 2, 1}}})
	check("with another one delivered", []uint64{5}, 7)
	apply(Delete{Seq: 5})
	again()
	check("with all gone", nil, 7)
	apply(&Delivered{Consumer: s.consumers.last, At: []Delivery{{7, 3, 1}}})
	apply(Delete{Seq: 7})
	check("with a later message gone", nil)
}

// Subjects are listed by how they begin; nothing else takes a pattern that way.
func TestPrefixListsSubjects(t *testing.T) {
	s, fx := benchState(t, Config{Subjects: []string{"k.>"}}), Effects{}
	for _, text := range []string{"k.apple", "k.a", "k.b", "k.apple", "k.a.b"} {
		s.Apply(machine.Entry{Time: 1, Data: encode(&Append{Span: 1, Subject: []byte(text)})}, &fx)
	}
	for filter, want := range map[string][]string{"k.a*": {"k.apple"}, "k.a>": {"k.a", "k.a.b", "k.apple"}, "k.*": {"k.a", "k.apple", "k.b"}, "k.c*": nil} {
		var got []string
		for text := range s.SubjectsLike(filter) {
			got = append(got, string(text))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", filter, got, want)
		}
	}
	if _, ok := s.Next(1, "k.a*"); ok || s.LastOf([]byte("k.a*")) != 0 {
		t.Error("a prefix finds messages")
	}
}
