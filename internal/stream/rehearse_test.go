package stream

import (
	"bytes"
	"slices"
	"testing"

	"myelin/internal/apierr"
)

// What is rehearsed changes nothing, and what a rehearsal says comes true.
func TestRehearse(t *testing.T) {
	late := []apierr.ID{apierr.StreamStoreFailed, apierr.MessageTTLInvalid, apierr.MessageTTLDisabled}
	refused, duplicates, stored := 0, 0, 0
	eachSeed(t, 60, func(seed int) {
		g := newFeatureGenerator(seed)
		g.cfg.MaxMsgSize = 60
		var s State
		var fx Effects
		for _, c := range g.commands(200) {
			data := encode(c.command)
			a, ok := c.command.(*Append)
			if !ok {
				fx.Reset()
				s.Apply(entryOf(c.at, c.command), &fx)
				continue
			}
			before := s.Snapshot(nil)
			said, to, stays := s.Rehearse(data, c.at)
			if !bytes.Equal(before, s.Snapshot(nil)) {
				t.Fatalf("seed %d: a rehearsal changed the state", seed)
			}
			fx.Reset()
			s.Apply(entryOf(c.at, a), &fx)
			got := fx.Replies[0]
			switch {
			case said.Err != nil:
				refused++
				if got.Err == nil || *got.Err != *said.Err {
					t.Fatalf("seed %d: %v became %v", seed, said.Err, got.Err)
				}
			case said.Duplicate:
				duplicates++
				if !got.Duplicate || got.Seq != said.Seq {
					t.Fatalf("seed %d: a duplicate became %+v", seed, got)
				}
			case got.Err == nil:
				stored++
				if !stays || string(to) != string(a.Subject) {
					t.Fatalf("seed %d: %s was said to be stored as %s (%v)", seed, a.Subject, to, stays)
				}
			case !slices.Contains(late, got.Err.ErrCode):
				t.Fatalf("seed %d: unforeseen: %v", seed, got.Err)
			}
		}
	})
	if refused == 0 || duplicates == 0 || stored == 0 {
		t.Errorf("%d refused, %d duplicates, %d stored: the test shows nothing", refused, duplicates, stored)
	}
}

// Nobody's interest keeps a message, and a transform gives it another subject.
func TestRehearseInterest(t *testing.T) {
	var s State
	var fx Effects
	c := Config{Name: "I", Subjects: []string{"a.*"}, Retention: Interest, Transform: &SubjectTransform{"a.*", "b.$1"}}
	s.Apply(entryOf(1, Configure{&c}), &fx)
	command := encode(&Append{Span: 1, Subject: []byte("a.1")})
	for range 2 {
		if r, to, stays := s.Rehearse(command, 1); r.Err != nil || string(to) != "b.1" || stays {
			t.Fatalf("%v, %s, %v", r.Err, to, stays)
		}
	}
	if r, _, _ := s.Rehearse([]byte{1, 2, 3}, 1); r.Err != nil {
		t.Fatal(r.Err) // what cannot be read is told when it is applied
	}
}
