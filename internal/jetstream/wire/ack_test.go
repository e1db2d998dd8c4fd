package wire

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/base62"
	"myelin/internal/header"
	"myelin/internal/jsonl"
	"myelin/internal/stream"
)

// acked is what became of a message whose delivery was answered with a payload: whether an event told of it, there
// was an empty answer or a status, whether it counted as done, and how many messages waited for an ack then.
type acked struct {
	Body, Event, Reason, Status string
	Empty, Acked                bool
	Pending                     int
}

func TestAcksAreReadAsByStock(t *testing.T) {
	for _, a := range jsonl.Read[acked](t, "testdata/acks.jsonl") {
		var item stream.AckItem
		kind := ParseAck([]byte(a.Body), &item)
		if (kind == AckWithNext) == a.Empty {
			t.Errorf("%q: kind %d, but an empty answer: %v", a.Body, kind, a.Empty)
		}
		if got := item.Kind == stream.AckDone || item.Kind == stream.AckTerm; got != a.Acked {
			t.Errorf("%q is %v", a.Body, item.Kind)
		}
		event := map[stream.AckKind]string{stream.AckNak: "MSG_NAKED", stream.AckTerm: "MSG_TERMINATED"}[item.Kind]
		if event != a.Event || string(item.Reason) != a.Reason {
			t.Errorf("%q is %v %q, and stock tells of %q %q", a.Body, item.Kind, item.Reason, a.Event, a.Reason)
		}
		if progress := strings.HasPrefix(a.Body, "+WPI"); progress != (item.Kind == stream.AckProgress) {
			t.Errorf("%q is %v", a.Body, item.Kind)
		}
		if kind != AckWithNext {
			continue
		}
		r, problem := NextRequest([]byte(a.Body), nil)
		status := ""
		if problem != "" {
			status = string(AppendBadRequest(nil, problem))
		}
		if r.Batch != a.Pending || status != a.Status {
			t.Errorf("%q asks for %d, %q; want %d, %q", a.Body, r.Batch, status, a.Pending, a.Status)
		}
	}
}

// Messages that were refused came again at once or after 400 ms, unless the delay was much longer.
func TestDelaysAreReadAsByStock(t *testing.T) {
	const short = 400_000_000
	for _, n := range jsonl.Read[struct {
		Body   string
		AtOnce bool `json:"at_once"`
		Later  bool
	}](t, "testdata/naks.jsonl") {
		var item stream.AckItem
		if ParseAck([]byte(n.Body), &item); item.Kind != stream.AckNak {
			t.Fatalf("%q is %v", n.Body, item.Kind)
		}
		if n.AtOnce != (item.Delay == 0) || n.Later != (item.Delay == short) {
			t.Errorf("%q: a delay of %d", n.Body, item.Delay)
		}
	}
}

func TestDelayObjects(t *testing.T) {
	for text, want := range map[string]int64{
		`{"delay":0}`: 0, `{"delay": 15}`: 15, `{"delay":015}`: 0, `{"delay":}`: 0, `{"delay":1,"delay":2}`: 2, `{"delay":9223372036854775807}`: 9223372036854775807,
		`{"delay":9223372036854775808}`: 0, `{"delay":5`: 0, ` { "delay" : 7 } `: 7, `{"delay":`: 0,
	} {
		var item stream.AckItem
		if ParseAck([]byte("-NAK"+text), &item); item.Delay != want {
			t.Errorf("%q is a delay of %d, want %d", text, item.Delay, want)
		}
	}
}

// answered is what became of an empty message on a subject: whether anybody listened, and what it did to the
// message of sequence 1.
type answered struct {
	Subject                   string
	Listened, Answered, Acked bool
}

// A stock server subscribes to what it would read. Where that names its domain and account, so does who asks.
func TestSubjectsAreReadAsByStock(t *testing.T) {
	for _, x := range jsonl.Read[answered](t, "testdata/subjects.jsonl") {
		a, ok := ParseAckSubject([]byte(x.Subject))
		if x.Listened && ok != x.Answered {
			t.Errorf("%s is read: %v", x.Subject, ok)
		}
		if ok && x.Listened && (a.Seq == 1) != x.Acked {
			t.Errorf("%s is for %d", x.Subject, a.Seq)
		}
		if scoped := a.Account != nil; ok && !x.Listened && !scoped {
			t.Errorf("%s is read, and nobody listens", x.Subject)
		}
	}
}

func TestAckSubjectForms(t *testing.T) {
	for _, c := range []struct {
		scope Scope
		want  string
	}{
		{Scope{}, "$JS.ACK.S.C.3.12.34.1795274591674129595.56"},
		{Scope{Account: base62.Hash("$G")}, "$JS.ACK._.szMpdrwD.S.C.3.12.34.1795274591674129595.56"},
		{Scope{"hub", base62.Hash("$G")}, "$JS.ACK.hub.szMpdrwD.S.C.3.12.34.1795274591674129595.56"},
	} {
		prefix := AppendAckPrefix(nil, c.scope, "S", "C")
		text := AppendAckSubject(nil, prefix, 3, 12, 34, 1795274591674129595, 56)
		if string(text) != c.want {
			t.Errorf("got %s, want %s", text, c.want)
		}
		a, ok := ParseAckSubject(text)
		if !ok || string(a.Stream) != "S" || string(a.Consumer) != "C" || a.Count != 3 || a.Pending != 56 || string(a.Account) != c.scope.Account {
			t.Errorf("%s is read as %+v", text, a)
		}
		if got, want := a.Item(), (stream.AckItem{Seq: 12, DSeq: 34, Time: 1795274591674129595}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is for %v, want %v", text, got, want)
		}
	}
}

func TestBadAckSubjects(t *testing.T) {
	for _, text := range []string{
		"", "$JS.ACK.", "$JS.ACK.S.C.1.2.3.4", "$JS.ACK.S.C.1.2.3.4.5.6", "$JS.ACK..C.1.2.3.4.5", "$JS.ACK.S..1.2.3.4.5", "$JS.ACK.S.C.1..3.4.5",
		"$JS.ACK..h.S.C.1.2.3.4.5", "$JS.ACK._..S.C.1.2.3.4.5", "$JS.FC.S.C.1.2.3.4.5", "$JS.ACK.S.C.1.18446744073709551616.3.4.5",
	} {
		if a, ok := ParseAckSubject([]byte(text)); ok {
			t.Errorf("%q is read as %+v", text, a)
		}
	}
}

func FuzzParseAckSubject(f *testing.F) {
	for _, x := range jsonl.Read[answered](f, "testdata/subjects.jsonl") {
		f.Add([]byte(x.Subject))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, ok := ParseAckSubject(text)
		if !ok {
			return
		}
		scope := Scope{string(a.Domain), string(a.Account)}
		again := AppendAckSubject(nil, AppendAckPrefix(nil, scope, string(a.Stream), string(a.Consumer)), a.Count, a.Seq, a.DSeq, a.Time, a.Pending)
		if b, ok := ParseAckSubject(again); !ok || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("%q and %q differ", text, again)
		}
	})
}

func FuzzParseAck(f *testing.F) {
	for _, a := range jsonl.Read[acked](f, "testdata/acks.jsonl") {
		f.Add([]byte(a.Body))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var item stream.AckItem
		kind := ParseAck(payload, &item)
		if (kind == AckUnknown) != (item.Kind == 0) || item.Delay < 0 || item.Delay > 0 && item.Kind != stream.AckNak || item.Reason != nil && item.Kind != stream.AckTerm {
			t.Fatalf("%q is %d %+v", payload, kind, item)
		}
		if kind != AckWithNext {
			return
		}
		if _, problem := NextRequest(payload, nil); problem != "" && !header.Valid(AppendBadRequest(nil, problem)) {
			t.Fatalf("%q has the problem %q", payload, problem)
		}
	})
}

// What happens for every message allocates nothing. (A delay like 10s does: clients write it in JSON.)
func TestNothingIsAllocated(t *testing.T) {
	prefix := AppendAckPrefix(nil, Scope{"hub", base62.Hash("A")}, "ORDERS", "worker")
	buf := make([]byte, 0, 256)
	var item stream.AckItem
	subject := AppendAckSubject(nil, prefix, 1, 2, 3, 1795274591674129595, 4)
	payloads := [][]byte{nil, []byte("+ACK"), []byte("-NAK"), []byte(`-NAK {"delay":1000}`), []byte(`-NAK {"delay": 1000}`), []byte("+WPI"), []byte("+TERM no"), []byte("+NXT")}
	own := []byte("NATS/1.0\r\nK: v\r\n\r\n")
	for name, f := range map[string]func(){
		"append":  func() { buf = AppendAckSubject(buf[:0], prefix, 1, 2, 3, 1795274591674129595, 4) },
		"subject": func() { a, _ := ParseAckSubject(subject); item = a.Item() },
		"header":  func() { buf = AppendDeliveryHeader(buf[:0], own, 100, "pin") },
		"payload": func() {
			for _, p := range payloads {
				ParseAck(p, &item)
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkAck(b *testing.B) {
	prefix := AppendAckPrefix(nil, Scope{}, "ORDERS", "worker")
	subject := AppendAckSubject(nil, prefix, 1, 123456, 123456, 1795274591674129595, 1000)
	payload := []byte("+ACK")
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a, _ := ParseAckSubject(subject)
			item := a.Item()
			ParseAck(payload, &item)
		}
	})
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			subject = AppendAckSubject(subject[:0], prefix, 1, 123456, 123456, 1795274591674129595, 1000)
		}
	})
}
