package engine

import (
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/clock"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// tracedMessage has a trace that counts when it is complete.
func tracedMessage(done *int) *router.Message {
	t := msgtrace.Ask{Dest: "t"}.Begin(nil, nil, clock.NewFake(time.Unix(0, 0)), func(*msgtrace.Trace) { *done++ })
	m := &router.Message{Subject: []byte("s"), Trace: t}
	return m
}

// A trace is never left waiting: not where too many wait, where there is no room, nor where the stream ends.
func TestTracesEnd(t *testing.T) {
	var of traces
	done := 0
	add := func() []byte {
		m := tracedMessage(&done)
		mark := of.add(m)
		m.Trace.Close()
		return mark
	}
	expect := func(shows string, want int) {
		t.Helper()
		if done != want {
			t.Errorf("%s: %d traces are complete instead of %d", shows, done, want)
		}
	}
	first := add()
	if !marked(append(first, "reply"...)) || marked([]byte("reply.that.is.long")) || marked([]byte("r")) || marked(nil) {
		t.Error("a mark is not recognised, or seen where there is none")
	}
	for range maxAwaiting - 1 {
		add()
	}
	expect("all wait", 0)
	if mark := add(); mark != nil {
		t.Error("there is no bound")
	}
	expect("one too many", 1)
	of.abandon(first)
	of.abandon(first)
	expect("no room", 2)
	if add() == nil {
		t.Error("a place is not used again")
	}
	of.close()
	expect("closed", 2+maxAwaiting)
	if mark := add(); mark != nil {
		t.Error("a closed stream takes a message")
	}
	expect("after it was closed", 3+maxAwaiting)
}

// A trace names errors as a stock server's does.
func TestOutcomes(t *testing.T) {
	c := &stream.Config{Name: "S", Retention: stream.Interest, Transform: &stream.SubjectTransform{Src: "s.*", Dest: "t.$1"}}
	var s Stream
	s.config.Store(c)
	s.stored = []stream.Stored{{Seq: 7, Subject: []byte("t.7")}}
	message := &traced{subject: []byte("s.1"), header: []byte("NATS/1.0\r\nNats-Expected-Last-Sequence: 3\r\nNats-Expected-Last-Msg-Id: a\r\n\r\n")}
	for _, row := range []struct {
		reply stream.Reply
		want  msgtrace.Outcome
	}{
		{stream.Reply{Seq: 7}, msgtrace.Outcome{Subject: "t.7"}},
		{stream.Reply{Seq: 8}, msgtrace.Outcome{Subject: "t.1", NoInterest: true}},
		{stream.Reply{Silent: true}, msgtrace.Outcome{Subject: "t.1"}},
		{stream.Reply{Seq: 7, Duplicate: true}, msgtrace.Outcome{Error: "msgid is duplicate"}},
		{stream.Reply{Err: apierr.StreamWrongLastSequence.With("5")}, msgtrace.Outcome{Error: "last sequence mismatch: 3 vs 5"}},
		{stream.Reply{Err: apierr.StreamWrongLastMsgID.With("b c")}, msgtrace.Outcome{Error: `last msgid mismatch: "a" vs "b c"`}},
		{stream.Reply{Err: apierr.StreamMessageExceedsMaximum.Err()}, msgtrace.Outcome{Error: "maximum payload exceeded"}},
		{stream.Reply{Err: apierr.StreamSealed.Err()}, msgtrace.Outcome{Error: "invalid operation on sealed stream (10109)"}},
		{stream.Reply{Err: apierr.StreamStoreFailed.With("maximum bytes exceeded")}, msgtrace.Outcome{Subject: "t.1", Error: "maximum bytes exceeded"}},
	} {
		if got := s.outcome(message, &row.reply); got != row.want {
			t.Errorf("%+v is told as %+v, want %+v", row.reply, got, row.want)
		}
	}
}
