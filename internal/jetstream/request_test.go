package jetstream

import (
	"bytes"
	"strings"
	"testing"

	"myelin/internal/router"
)

// Requests come out of a batch's memory as they went in.
func TestFrames(t *testing.T) {
	var b []byte
	messages := []*router.Message{
		{Subject: []byte("INFO"), From: 7},
		{Subject: []byte("STREAM.CREATE.S"), Reply: []byte("r"), Header: []byte("NATS/1.0\r\n\r\n"), Payload: []byte("{}")},
		{Subject: []byte("x"), Payload: bytes.Repeat([]byte("y"), 70000), From: 1 << 63},
	}
	for _, m := range messages {
		before := len(b)
		b = appendFrame(b, m.Subject, m)
		if n := len(b) - before; n > frameBound(m.Subject, m) {
			t.Errorf("a frame of %d bytes is beyond %d", n, frameBound(m.Subject, m))
		}
	}
	for _, m := range messages {
		var q request
		q, b = cutFrame(b)
		if q.from != m.From || string(q.verb) != string(m.Subject) || string(q.reply) != string(m.Reply) || string(q.header) != string(m.Header) || string(q.payload) != string(m.Payload) {
			t.Errorf("%+v became %+v", m, q)
		}
	}
	if len(b) > 0 {
		t.Errorf("%d bytes are left", len(b))
	}
}

func TestToken(t *testing.T) {
	for _, row := range []struct {
		verb string
		n    int
		want string
	}{{"a.b.c", 0, "a"}, {"a.b.c", 2, "c"}, {"a.b.c", 3, ""}, {"a", 0, "a"}, {"a", 1, ""}, {"", 0, ""}, {"a.", 1, ""}} {
		if got := token([]byte(row.verb), row.n); string(got) != row.want {
			t.Errorf("token %d of %q is %q", row.n, row.verb, got)
		}
	}
}

// Whatever is asked, the API answers or is silent, and can be asked again.
func FuzzRequest(f *testing.F) {
	for _, e := range exchanges(f, "testdata/backup.jsonl") {
		f.Add(strings.TrimPrefix(e.Subject, apiPrefix), e.Header, e.Body)
	}
	for i, e := range exchanges(f, "testdata/stock.jsonl") {
		if i%13 == 0 || strings.Contains(e.Subject, "DIRECT") {
			f.Add(strings.TrimPrefix(e.Subject, apiPrefix), e.Header, e.Body)
		}
	}
	f.Fuzz(func(t *testing.T, verb, head, body string) {
		x := newTester(t, nil)
		x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["a.>"],"allow_direct":true}`)
		for _, s := range []string{"a.1", "a.2", "a.1"} {
			x.publish(s, "", "", s)
		}
		x.publish(apiPrefix+verb, "_I.1", head, body)
		x.inbox.take()
		if got := x.request("$JS.API.INFO", "", ""); len(got) != 1 || !strings.Contains(got[0].body, `"api":`) {
			t.Errorf("then %v", got)
		}
	})
}
