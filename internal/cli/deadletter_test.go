package cli

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// A dead letter is published again as the message that it was: without what was added when it died, and without what
// was said about its first publication.
func TestDeadLetterAgain(t *testing.T) {
	d, err := readDeadLetter(&storedMessage{
		Seq: 7, Time: time.Unix(0, 99), Data: []byte("body"),
		Header: []byte("NATS/1.0\r\nKind: a\r\nKind: b\r\nMyelin-Dead-Reason: max_deliver\r\nMyelin-Dead-Subject: orders.new\r\n" +
			"Myelin-Dead-Deliveries: 5\r\nMyelin-Dead-Sequence: 17\r\nNats-Msg-Id: first\r\nNats-Expected-Last-Sequence: 3\r\n" +
			"Nats-Expected-Stream: ORDERS\r\nNats-Rollup: sub\r\nNats-Batch-Id: b\r\nNats-TTL: 1h\r\n\r\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
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
