package stream

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/jsonl"
	"myelin/internal/machine"
)

// fastStep is a line of testdata/fast.jsonl: a message that was published to a stock server with a reply
// subject of a fast batch, when, and what came back.
type fastStep struct {
	Ms      int64
	Subject string
	Reply   string
	Header  string
	Frames  []fastFrame
}

// fastFrame is any of the answers.
type fastFrame struct {
	Type    string
	Seq     uint64
	Msgs    uint64
	LastSeq uint64 `json:"last_seq"`
	Batch   string
	Count   int
	Error   *apierr.Error
}

func framesOf(r Reply) (list []fastFrame) {
	for _, f := range r.Frames {
		switch f.Kind {
		case FrameAck:
			list = append(list, fastFrame{Type: "ack", Seq: f.Seq, Msgs: f.Other})
		case FrameGap:
			list = append(list, fastFrame{Type: "gap", Seq: f.Seq, LastSeq: f.Other})
		case FrameErr:
			list = append(list, fastFrame{Type: "err", Seq: f.Seq, Error: f.Err})
		case FrameDone:
			list = append(list, fastFrame{Seq: r.Seq, Batch: string(r.Batch), Count: r.Count, Error: r.Err})
		}
	}
	return list
}

// Fast batches are answered as by a stock server, message by message.
func TestFastBatchesAreStocks(t *testing.T) {
	x := newLab(t, Config{AllowBatched: true})
	start := x.now
	for i, step := range jsonl.Read[fastStep](t, "testdata/fast.jsonl") {
		x.now = start + step.Ms*int64(time.Millisecond)
		if at := x.state.Deadline(); at > 0 && at <= x.now {
			x.do(Tick{})
		}
		c, ok := ParseFast([]byte("_INBOX.x." + step.Reply))
		if !ok {
			t.Fatalf("line %d is of no fast batch", i+1)
		}
		c.Append = Append{1, []byte(step.Subject), []byte(step.Header), []byte("x")}
		if level, ok := RequiredLevel(c.Header); ok && level > 5 {
			continue // no business of the machine's
		}
		r := x.do(&c)
		if got := framesOf(r); !r.Fast || len(got)+len(step.Frames) > 0 && !reflect.DeepEqual(got, step.Frames) {
			t.Errorf("line %d, %s: %+v, want %+v", i+1, step.Reply, got, step.Frames)
		}
	}
}

// Batches that are quiet for ten seconds are forgotten; there are only so many; and who may not have any is
// told so.
func TestFastBatchesAreBounded(t *testing.T) {
	x := newLab(t, Config{AllowBatched: true})
	call := func(id string, seq uint64, op FastOp) string {
		x.fx.Reset()
		x.state.Apply(entryOf(x.now, &Fast{[]byte(id), 10, false, seq, op, Append{Span: 1, Subject: []byte("T")}}), &x.fx)
		return fmt.Sprint(framesOf(x.fx.Replies[0]))
	}
	for i := range maxFastOpens {
		call(fmt.Sprint(i), 1, FastStart)
	}
	if got := call("x", 1, FastStart); got != fmt.Sprint([]fastFrame{{Error: apierr.BatchPublishTooManyInflight.Err()}}) {
		t.Error(got)
	}
	x.now += int64(9 * time.Second)
	call("7", 1, FastPing)
	x.now = x.state.Deadline()
	if x.do(Tick{}); len(x.state.fast.open) != 1 {
		t.Errorf("%d are open", len(x.state.fast.open))
	}
	for _, op := range []FastOp{FastAppend, FastPing} {
		if got := call("8", 2, op); got != fmt.Sprint([]fastFrame{{Error: apierr.BatchPublishUnknownBatchID.Err()}}) {
			t.Errorf("%d: %s", op, got)
		}
	}
	if got := call("7", 2, FastCommit); got != fmt.Sprint([]fastFrame{{Seq: maxFastOpens + 1, Batch: "7", Count: 2}}) {
		t.Error(got)
	}
	x.configure(Config{})
	if got := call("x", 0, fastInvalid); got != fmt.Sprint([]fastFrame{{Error: apierr.BatchPublishDisabled.Err()}}) {
		t.Error(got)
	}
}

// A message of a fast batch is found by its offset, like any.
func TestFastMessageIsFound(t *testing.T) {
	s := benchState(t, Config{AllowBatched: true})
	var fx Effects
	data := encode(Tick{}, &Fast{[]byte("a"), 10, true, 1, FastCommit, Append{1, []byte("b"), nil, []byte("body")}})
	s.Apply(machine.Entry{Time: 1, Data: data}, &fx)
	a, err := ReadAppend(data[fx.Stored[0].Offset:])
	if err != nil || string(a.Body) != "body" || fx.Stored[0].Changed {
		t.Errorf("%+v, %v, %+v", a, err, fx.Stored[0])
	}
}

// No reply subject makes the parser panic, and what it reads can be encoded and read again.
func FuzzParseFast(f *testing.F) {
	for _, reply := range []string{"_INBOX.a.3.ok.1.0.$FI", "a.3.fail.9.4.$FI", ".$FI", "......$FI", "a.x.ok.-1.9.$FI", "a.99999999999999999999.no.99999999999999999999.2.$FI", "a"} {
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		c, ok := ParseFast([]byte(reply))
		if !ok {
			return
		}
		c.Append = Append{Span: 1, Subject: []byte("a"), Body: []byte("b")}
		command, _, _ := cutBytes(c.Encode(nil))
		var again Fast
		if _, ok := again.decode(command[1:]); !ok || again.Op != c.Op || again.Seq != c.Seq || string(again.ID) != string(c.ID) || string(again.Body) != "b" {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}
