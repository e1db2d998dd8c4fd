package system

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"myelin/internal/header"
	"myelin/internal/router"
)

// whole keeps the last message with its header.
type whole struct {
	router.Sub
	mu           sync.Mutex
	header, body []byte
}

func (w *whole) Deliver(m *router.Message, _ *router.Batch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.header, w.body = bytes.Clone(m.Header), bytes.Clone(m.Payload)
	return true
}

// askWith is ask with a header field.
func (w *world) askWith(subject, body, key, value string) *whole {
	e := new(whole)
	e.Pattern, e.Sink = "in", e
	system := w.broker.Account("$SYS")
	system.Router().Subscribe(&e.Sub)
	defer system.Unsubscribe(&e.Sub)
	session := system.Open(nil)
	block := header.AppendEnd(header.AppendField(header.AppendStart(nil), key, value))
	session.Publish(&router.Message{Subject: []byte(subject), Reply: []byte("in"), Payload: []byte(body), Header: block, From: 7})
	session.Rest()
	w.guest.queue.done.Wait()
	return e
}

// Views are encoded as the request likes it, in the stock server's order; what is short is not.
func TestAnswersAreEncoded(t *testing.T) {
	w := newWorld(t)
	gunzip := func(b []byte) io.Reader {
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	plain := func(b []byte) io.Reader { return bytes.NewReader(b) }
	snappy := func(b []byte) io.Reader { return s2.NewReader(bytes.NewReader(b)) }
	const varz = "$SYS.REQ.SERVER.PING.VARZ"
	for _, row := range []struct {
		subject, body, accept, encoding string
		decode                          func([]byte) io.Reader
	}{
		{varz, "", "gzip", "gzip", gunzip},
		{varz, "", "x-GZIP;q=0", "gzip", gunzip},
		{varz, "", "gzip, s2", "snappy", snappy},
		{varz, "", "snappy", "snappy", snappy},
		{varz, "", "br", "identity", plain},
		{varz, "", "", "", plain},
		{varz, "{bad", "gzip", "", plain},
		{"$SYS.REQ.ACCOUNT.A.CONNZ", "", "s2", "snappy", snappy},
		{"$SYS.REQ.ACCOUNT.A.CONNS", "", "s2", "", plain},
		{"$SYS.REQ.SERVER.PING.IDZ", "", "gzip", "", plain},
		{"$SYS.REQ.SERVER.PING", "", "gzip", "", plain},
		{"$SYS.REQ.USER.INFO", "", "gzip", "", plain},
	} {
		got := w.askWith(row.subject, row.body, acceptField, row.accept)
		if encoding := string(header.Get(got.header, "Content-Encoding")); encoding != row.encoding {
			t.Errorf("%s for %q is encoded as %q instead of %q", row.subject, row.accept, encoding, row.encoding)
			continue
		}
		var document map[string]any
		if err := json.NewDecoder(row.decode(got.body)).Decode(&document); err != nil {
			t.Errorf("%s for %q: %v", row.subject, row.accept, err)
		}
	}
}

// Profiles come when they are there, and what is wrong with a request is said in the words of a stock server.
func TestProfiles(t *testing.T) {
	w := newWorld(t)
	const subject = "$SYS.REQ.SERVER.NID.PROFILEZ"
	for body, want := range map[string]string{
		"":                                      `"data":{"profile":null,"error":"Profile name not specified"}`,
		`{"name":"nosuch"}`:                     `"data":{"profile":null,"error":"Profile \"nosuch\" not found"}`,
		`{"name":"cpu"}`:                        `"data":{"profile":null,"error":"Duration 0s should be between 0s and 15s"}`,
		`{"name":"cpu","duration":16000000000}`: `"data":{"profile":null,"error":"Duration 16s should be between 0s and 15s"}`,
		`{"name":"goroutine","debug":1}`:        `","error":""}`,
	} {
		if got := w.ask("$SYS", subject, body); !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
	e := w.listen("$SYS", "in")
	session := w.broker.Account("$SYS").Open(nil)
	defer session.Rest()
	session.Publish(&router.Message{Subject: []byte(subject), Reply: []byte("in"), Payload: []byte(`{"name":"cpu","duration":1000000000}`)})
	if got := w.heard(e); len(got) != 0 {
		t.Errorf("told before the time is over: %q", got)
	}
	w.clock.Advance(time.Second)
	if got := w.heard(e); len(got) != 1 || !strings.Contains(got[0], `"error":""`) {
		t.Errorf("told %q", got)
	}
}

// What a server alone has, and has not, is shown as a stock server alone shows it.
func TestSmallViews(t *testing.T) {
	w := newWorld(t)
	for subject, want := range map[string]string{
		"$SYS.REQ.SERVER.PING.RAFTZ":     `"data":{}`,
		"$SYS.REQ.SERVER.PING.IPQUEUESZ": `"data":{}`,
		"$SYS.REQ.SERVER.PING.EXPVARZ":   `"memstats":{"Alloc":`,
		"$SYS.DEBUG.SUBSCRIBERS":         `0`,
		"$SYS.REQ.ACCOUNT.A.JSZ":         `"data":null,"error":{"code":500,"description":"jetstream not enabled"}`,
	} {
		if got := w.ask("$SYS", subject, ""); !strings.Contains(got, want) {
			t.Errorf("%s: %s", subject, got)
		}
	}
}
