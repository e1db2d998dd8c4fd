package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/base62"
	"myelin/internal/consumer"
	"myelin/internal/header"
	"myelin/internal/jsonl"
)

// sent is what a stock server sent besides plain messages.
type sent struct{ Subject, Reply, Header string }

// statusOf is what the dispatcher would have said for a header block.
func statusOf(t *testing.T, s sent, prefix string) *consumer.Status {
	block := []byte(s.Header)
	code, text := header.Status(block)
	status := &consumer.Status{Code: code, Text: string(text)}
	number := func(key string) (n uint64) {
		if _, err := fmt.Sscan(string(header.Get(block, key)), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch status.Text {
	case "FlowControl Request":
		status.Kind, status.Token = consumer.Flow, strings.TrimPrefix(s.Reply, prefix)
	case "Idle Heartbeat":
		status.Kind, status.First, status.Second = consumer.Beat, number("Nats-Last-Consumer"), number("Nats-Last-Stream")
		status.Token = strings.TrimPrefix(string(header.Get(block, "Nats-Consumer-Stalled")), prefix)
	case "Request Timeout":
		status.Kind, status.First, status.Second = consumer.Unserved, number("Nats-Pending-Messages"), number("Nats-Pending-Bytes")
	}
	return status
}

func TestStatusesAreStocks(t *testing.T) {
	statuses, deliveries := 0, 0
	for _, s := range jsonl.Read[sent](t, "testdata/sent.jsonl") {
		if code, _ := header.Status([]byte(s.Header)); code == 0 {
			deliveries++
			continue
		}
		statuses++
		scope := Scope{}
		if strings.Contains(s.Header+s.Reply, "$JS.FC.hub.") {
			scope = Scope{"hub", base62.Hash("$G")}
		}
		prefix := AppendFlowPrefix(nil, scope, "FL", "F")
		status := statusOf(t, s, string(prefix))
		if got := string(AppendStatus(nil, status, prefix)); got != s.Header || strings.Contains(status.Token, ".") {
			t.Errorf("got %q, want %q", got, s.Header)
		}
		if got := string(AppendStatusReply(nil, status, prefix)); got != s.Reply {
			t.Errorf("got the reply %q, want %q", got, s.Reply)
		}
		if s.Reply == "" {
			continue
		}
		f, ok := ParseFlowSubject([]byte(s.Reply))
		if !ok || string(f.Stream) != "FL" || string(f.Consumer) != "F" || string(f.Token) != status.Token || string(f.Account) != scope.Account || string(f.Domain) != scope.Domain {
			t.Errorf("%s is read as %+v", s.Reply, f)
		}
	}
	if statuses == 0 || deliveries == 0 {
		t.Errorf("%d statuses, %d deliveries", statuses, deliveries)
	}
}

// Of a message without header and of one with a field, only the headers are delivered, to who is pinned.
func TestDeliveryHeadersAreStocks(t *testing.T) {
	own := []byte("NATS/1.0\r\nK: 1\r\n\r\n")
	for _, s := range jsonl.Read[sent](t, "testdata/sent.jsonl") {
		block := []byte(s.Header)
		if code, _ := header.Status(block); code != 0 {
			continue
		}
		var before []byte
		size := 100000
		if header.Get(block, "K") != nil {
			before, size = own, 5
		}
		pin := header.Get(block, "Nats-Pin-Id")
		if got := string(AppendDeliveryHeader(nil, before, size, string(pin))); got != s.Header {
			t.Errorf("got %q, want %q", got, s.Header)
		}
	}
	if got := AppendDeliveryHeader(nil, own, -1, ""); !bytes.Equal(got, own) {
		t.Errorf("an untouched header is %q", got)
	}
	if got := AppendDeliveryHeader(nil, []byte("NATS/1.0\r\nK: 1"), 7, ""); string(got) != "NATS/1.0\r\nK: 1\r\nNats-Msg-Size: 7\r\n\r\n" {
		t.Errorf("a header without end is %q", got)
	}
	if got := AppendDeliveryHeader(nil, nil, -1, ""); len(got) != 0 {
		t.Errorf("no header is %q", got)
	}
}

func TestPlainStatus(t *testing.T) {
	status := &consumer.Status{Code: 404, Text: "No Messages"}
	if got := AppendStatus(nil, status, nil); string(got) != "NATS/1.0 404 No Messages\r\n\r\n" || len(AppendStatusReply(nil, status, nil)) != 0 {
		t.Errorf("got %q", got)
	}
}

func FuzzParseFlowSubject(f *testing.F) {
	for _, text := range []string{
		"$JS.FC.S.C.abcd", "$JS.FC.hub.szMpdrwD.S.C.abcd", "$JS.FC.S.C", "$JS.FC.S.C.a.b", "$JS.FC._.h.S.C.a.b", "$JS.FC...", "$JS.FC._..S.C.t", "$JS.ACK.S.C.a", "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := ParseFlowSubject(text)
		if !ok {
			return
		}
		scope := Scope{string(s.Domain), string(s.Account)}
		if again := append(AppendFlowPrefix(nil, scope, string(s.Stream), string(s.Consumer)), s.Token...); !bytes.Equal(again, text) {
			t.Fatalf("%q is written as %q", text, again)
		}
	})
}

func TestFlowFloor(t *testing.T) {
	for block, want := range map[string][2]uint64{
		"NATS/1.0\r\nNats-Last-Stream: 5\r\nNats-Last-Consumer: 6\r\n\r\n": {5, 6},
		"NATS/1.0\r\nNats-Last-Stream: 5\r\n\r\n":                          {},
		"NATS/1.0\r\nNats-Last-Consumer: 6\r\n\r\n":                        {},
		"NATS/1.0\r\nNats-Last-Stream: x\r\nNats-Last-Consumer: 6\r\n\r\n": {},
		"": {},
	} {
		seq, dseq, ok := FlowFloor([]byte(block))
		if ok != (want != [2]uint64{}) || seq != want[0] || dseq != want[1] {
			t.Errorf("%q: %d, %d, %v", block, seq, dseq, ok)
		}
	}
}
