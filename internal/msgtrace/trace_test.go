package msgtrace

import (
	"encoding/json"
	"testing"
	"time"

	"myelin/internal/clock"
)

// A trace is handed over once, when the message has gone its way and each stream has said what it did.
func TestTraceWaitsForStreams(t *testing.T) {
	published := 0
	trace := func() *Trace {
		published = 0
		return Ask{Dest: "t"}.Begin(nil, nil, clock.NewFake(time.Unix(0, 0)), func(*Trace) { published++ })
	}
	expect := func(shows string, want int) {
		t.Helper()
		if published != want {
			t.Errorf("%s: handed over %d times, want %d", shows, published, want)
		}
	}
	a := trace()
	expect("begun", 0)
	a.Close()
	expect("without streams", 1)

	b := trace()
	one, two := b.Store("S"), b.Store("R")
	one(Outcome{})
	b.Close()
	expect("one waits", 0)
	two(Outcome{})
	expect("none waits", 1)

	c := trace()
	c.Store("S")(Outcome{})
	expect("a quick stream", 0)
	c.Close()
	expect("then closed", 1)
}

// The document is a stock server's, key by key.
func TestEvent(t *testing.T) {
	fake := clock.NewFake(time.Unix(1, 5))
	trace := Ask{Dest: "t"}.Begin([]byte("NATS/1.0\r\nB: 1\r\nA: x\r\nB: 2\r\n\r\n"), []byte("body"), fake, func(*Trace) {})
	trace.Enter(Ingress{CID: 7, Name: "n", Account: "A", Subject: "s.1"})
	trace.Map([]byte("s.2"))
	trace.Import("S", "a", "b")
	done := trace.Store("S")
	trace.Leave(Egress{CID: 8, Name: "m", Pattern: "s.*", Queue: "q"})
	trace.Leave(Egress{CID: 9, Pattern: "s.>", Error: NoEcho})
	trace.Close()
	fake.Advance(time.Second)
	done(Outcome{Subject: "s.2", NoInterest: true})
	got, err := json.Marshal(trace.Event())
	const first, last = `"ts":"1970-01-01T00:00:01.000000005Z"`, `"ts":"1970-01-01T00:00:02.000000005Z"`
	want := `{"request":{"header":{"A":["x"],"B":["1","2"]},"msgsize":34},"events":[` +
		`{"type":"in",` + first + `,"kind":0,"cid":7,"name":"n","acc":"A","subj":"s.1"},` +
		`{"type":"sm",` + first + `,"to":"s.2"},` +
		`{"type":"si",` + first + `,"acc":"S","from":"a","to":"b"},` +
		`{"type":"js",` + last + `,"stream":"S","subject":"s.2","nointerest":true},` +
		`{"type":"eg",` + first + `,"kind":0,"cid":8,"name":"m","sub":"s.*","queue":"q"},` +
		`{"type":"eg",` + first + `,"kind":0,"cid":9,"sub":"s.\u003e","error":"Not delivered because of no echo"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%s (%v)\nwant %s", got, err, want)
	}
}
