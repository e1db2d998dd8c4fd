package jetstream

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"myelin/internal/router"
)

// Who listens is told of every answer and of what became of streams, in this order.
func TestAdvisories(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	x := newTester(t, func(o *Options) {
		o.Domain = "hub"
		o.Client = func(from uint64) *Client {
			return &Client{Start: &start, Host: "127.0.0.1", ID: from, Account: "$G", Kind: "Client"}
		}
	})
	events := x.listen("$JS.EVENT.ADVISORY.>")
	ask := func(subject, body string) {
		m := &router.Message{Subject: []byte(subject), Reply: []byte("_I.1"), Payload: []byte(body), From: 7}
		x.session.Publish(m)
		x.session.Flush()
		x.settle()
	}
	ask("$JS.API.STREAM.CREATE.S", `{"name":"S","subjects":["a<b"]}`)
	ask("$JS.hub.API.STREAM.INFO.X", "")
	ask("$JS.API.STREAM.UPDATE.S", `{"name":"S"}`)
	ask("$JS.API.STREAM.BOGUS", "")
	ask("$JS.API.STREAM.DELETE.S", "")
	want := []struct{ subject, start string }{
		{"STREAM.CREATED.S", `"stream":"S","action":"create","domain":"hub"}`},
		{"API", `"server":"stock","client":{"start":"2026-01-01T00:00:00Z","host":"127.0.0.1","id":7,"acc":"$G","kind":"Client"},` +
			`"subject":"$JS.API.STREAM.CREATE.S","request":"{\"name\":\"S\",\"subjects\":[\"a\u003cb\"]}","response":"{\"type\":\"io.nats.jetstream.api.v1.stream_create_response\",`},
		{"API", `"subject":"$JS.API.STREAM.INFO.X","response":"{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\",\"error\":` +
			`{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"},\"total\":0,\"offset\":0,\"limit\":0}","domain":"hub"}`},
		{"STREAM.UPDATED.S", `"stream":"S","action":"modify","domain":"hub"}`},
		{"API", `"subject":"$JS.API.STREAM.UPDATE.S"`},
		{"STREAM.DELETED.S", `"stream":"S","action":"delete","domain":"hub"}`},
		{"API", `"subject":"$JS.API.STREAM.DELETE.S"`},
	}
	got := events.take()
	if len(got) != len(want) {
		t.Fatalf("%d events: %v", len(got), got)
	}
	for i, w := range want {
		var e event
		if err := json.Unmarshal([]byte(got[i].body), &e); err != nil || len(e.ID) != 22 || e.Time.IsZero() || !strings.HasPrefix(e.Type, advisoryType) {
			t.Errorf("event %d is no event: %s, %v", i, got[i].body, err)
		}
		if got[i].subject != advisorySubject+w.subject || !strings.Contains(got[i].body, w.start) {
			t.Errorf("event %d: %s %s\nwant %s %s", i, got[i].subject, got[i].body, w.subject, w.start)
		}
	}
	if a, b := x.inbox.take(), x.api.Stats("$G"); len(a) != 4 || b.Total != 4 || b.Errors != 1 || b.Inflight != 0 {
		t.Errorf("%d answers, %+v", len(a), b)
	}
}
