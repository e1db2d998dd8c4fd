package wire

import (
	"strings"
	"testing"

	"myelin/internal/header"
	"myelin/internal/jsonl"
)

// pulled is what became of a request for a consumer of a stream with 60 messages.
type pulled struct {
	Body      string
	Delivered int
	Waiting   int
	Status    []string
}

func TestPullsAreReadAsByStock(t *testing.T) {
	const stored = 60
	for _, p := range jsonl.Read[pulled](t, "testdata/pull.jsonl") {
		r, problem := ParsePull([]byte(p.Body), []byte("to"))
		if len(p.Status) > 0 && strings.Contains(p.Status[0], " json: ") || problem != "" {
			if got := string(AppendBadRequest(nil, problem)); len(p.Status) == 0 || got != p.Status[0] {
				t.Errorf("%q: %q, want %q", p.Body, got, p.Status)
			}
			continue
		}
		if len(p.Status) > 0 { // the dispatcher's business
			continue
		}
		if got := min(r.Batch, stored); got != p.Delivered || (r.Batch > stored) != (p.Waiting == 1) || string(r.To) != "to" {
			t.Errorf("%q: a batch of %d, want %d", p.Body, r.Batch, p.Delivered)
		}
	}
}

func TestPullFields(t *testing.T) {
	r, problem := ParsePull([]byte(`{"batch":2,"expires":3,"max_bytes":4,"no_wait":true,"idle_heartbeat":5,"group":"g","min_pending":6,"min_ack_pending":7,"id":"i","priority":8}`), []byte("to"))
	if problem != "" || r.Batch != 2 || r.Expires != 3 || r.MaxBytes != 4 || !r.NoWait || r.Heartbeat != 5 || r.Group != "g" || r.MinPending != 6 ||
		r.MinAckPending != 7 || r.ID != "i" || r.Priority != 8 {
		t.Errorf("%+v %q", r, problem)
	}
}

func FuzzParsePull(f *testing.F) {
	for _, p := range jsonl.Read[pulled](f, "testdata/pull.jsonl") {
		f.Add([]byte(p.Body))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, problem := ParsePull(payload, nil)
		if problem == "" && r.Batch < 1 || problem != "" && r.Batch != 0 {
			t.Fatalf("%q: %+v %q", payload, r, problem)
		}
		if block := AppendBadRequest(nil, problem); problem != "" {
			if code, _ := header.Status(block); code != BadRequestCode || !header.Valid(block) {
				t.Fatalf("%q is answered with %q", payload, block)
			}
		}
	})
}
