package cli

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A dead letter is published again as the message that it was: without what was added when it died, and without what
// was said about its first publication.
func TestDeadLetterAgain(t *testing.T) {
	d := readDeadLetter(&jetstream.RawStreamMsg{
		Sequence: 7, Time: time.Unix(0, 99), Data: []byte("body"),
		Header: nats.Header{
			"Kind": {"a", "b"}, deadReason: {"max_deliver"}, deadSubject: {"orders.new"}, deadDeliveries: {"5"}, deadSequence: {"17"},
			"Nats-Msg-Id": {"first"}, "Nats-Expected-Last-Sequence": {"3"}, "Nats-Expected-Stream": {"ORDERS"}, "Nats-Rollup": {"sub"},
			"Nats-Batch-Id": {"b"}, "Nats-TTL": {"1h"},
		},
	})
	if d.Subject != "orders.new" || d.Deliveries != 5 || d.Sequence != 17 || d.Reason != "max_deliver" {
		t.Errorf("read as %+v", d)
	}
	m := d.again(d.Subject, "DEAD")
	if got, want := slices.Sorted(maps.Keys(m.Header)), []string{"Kind", "Nats-Msg-Id", "Nats-TTL"}; !slices.Equal(got, want) {
		t.Errorf("headers %v, want %v", got, want)
	}
	if !slices.Equal(m.Header["Kind"], []string{"a", "b"}) || m.Subject != "orders.new" || string(m.Data) != "body" {
		t.Errorf("published as %+v", m)
	}
	if got := m.Header.Get(nats.MsgIdHdr); got != "dead-DEAD-7-99" {
		t.Errorf("id %q", got)
	}
	if d.Headers.Get("Nats-Rollup") == "" {
		t.Error("the dead letter has lost a header by being published again")
	}
}
