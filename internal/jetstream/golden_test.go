package jetstream

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"myelin/internal/jsonl"
)

// exchange is a request and what a stock server answered, with what differs each time masked.
type exchange struct {
	Subject string `json:"subject"`
	Header  string `json:"header"`
	Body    string `json:"body"`
	Replies []struct {
		Header string `json:"header"`
		Body   string `json:"body"`
	} `json:"replies"`
}

func exchanges(t testing.TB, file string) []exchange { return recorded[exchange](t, file) }

func recorded[T any](t testing.TB, file string) []T { return jsonl.Read[T](t, file) }

// Failed deletes of messages are errors here and not there, so that their number differs.
var (
	errorCount = regexp.MustCompile(`,"errors":\d+}`)
	anyTime    = regexp.MustCompile(`(\d{4})-\d\d-\d\dT[\d:.]+Z`)
	anyID      = regexp.MustCompile(`(\$JS\.SNAPSHOT\.RESTORE\.[^."]+\.)\w{22}`)
)

// mask hides what differs each time.
func mask(s string) string {
	s = anyTime.ReplaceAllStringFunc(s, func(t string) string {
		if strings.HasPrefix(t, "0001") {
			return t
		}
		return "<time>"
	})
	s = errorCount.ReplaceAllString(s, `,"errors":<n>}`)
	return anyID.ReplaceAllString(s, "$1<id>")
}

// Each request of a long session is answered with the bytes of a stock server.
func TestAnswersAreStocks(t *testing.T) {
	x := newTester(t, nil)
	compareWithStock(t, x, "testdata/stock.jsonl")
}

// The same with a real log plane.
func TestAnswersOverAnEngineAreStocks(t *testing.T) {
	x := newEngineTester(t)
	compareWithStock(t, x, "testdata/stock.jsonl")
}

// Requests for backups and restores, most of them bad.
func TestAnswersAboutBackupsAreStocks(t *testing.T) {
	compareWithStock(t, newTester(t, nil), "testdata/backup.jsonl")
}

// compareWithStock repeats what a stock server was asked.
func compareWithStock(t *testing.T, x *tester, file string) {
	t.Helper()
	const enough = 20
	failures := 0
	for i, e := range exchanges(t, file) {
		x.clock.Advance(time.Millisecond)
		var got, want []string
		for _, m := range x.exchange(t, e) {
			got = append(got, mask(m.header)+mask(m.body))
		}
		for _, r := range e.Replies {
			want = append(want, mask(r.Header+r.Body))
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("line %d: %s %q %q\n got %s\nwant %s", i+1, e.Subject, e.Header, e.Body, g, w)
			if failures++; failures == enough {
				return
			}
		}
	}
}

// exchange asks what a stock server was asked, and waits for as many answers. A subject that ends in ! is
// published to without a reply subject.
func (x *tester) exchange(t *testing.T, e exchange) []received {
	t.Helper()
	if subject, quiet := strings.CutSuffix(e.Subject, "!"); quiet {
		x.publish(subject, "", e.Header, e.Body)
		return nil
	}
	if x.publish(e.Subject, "_I.1", e.Header, e.Body) == 0 {
		return []received{noResponders(e.Subject)}
	}
	if len(e.Replies) == 0 {
		x.settleStreams() // or what comes next overtakes it
	}
	return x.inbox.wait(t, len(e.Replies))
}

func noResponders(subject string) received {
	return received{header: "NATS/1.0 503\r\nNats-Subject: " + subject + "\r\n\r\n"}
}
