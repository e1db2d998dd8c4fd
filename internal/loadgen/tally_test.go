package loadgen

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAckSubject(t *testing.T) {
	want := delivery{times: 2, stream: 30, consumer: 4, pending: 500}
	for _, good := range []string{
		"$JS.ACK.S.C.2.30.4.1700000000000000000.500",
		"$JS.ACK.hub.hash.S.C.2.30.4.1700000000000000000.500",
		"$JS.ACK._.hash.S.C.2.30.4.1700000000000000000.500.token",
	} {
		if got, err := parseAckSubject([]byte(good)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", "x", "$JS.ACK.S.C.2.30.4.1.500.6", "$JS.ACK.S.C.2.30.4.1", "$JS.ACK.S.C.2.x.4.1.500", "$JS.ACK.S.C..30.4.1.500",
		"$JS.FC.S.C.2.30.4.1.500", "$JS.ACK.a.b.S.C.2.30.4.1.500.t.more", strings.Repeat(".", 100),
		"$JS.ACK.S.C.2.3000000000000000000.4.1.500",
	} {
		if got, err := parseAckSubject([]byte(bad)); !errors.Is(err, errAckSubject) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

// What a consumer must not do is an error, whatever the numbers in the end.
func TestTally(t *testing.T) {
	for _, c := range []struct {
		ordered bool
		replies string // times, stream and consumer sequence of each
		want    string
	}{
		{true, "1.5.1 1.7.2 1.8.3", ""},
		{false, "1.7.2 1.5.1 1.8.4", ""},
		{false, "1.5.1 1.5.2", "delivered twice"},
		{false, "2.5.1", "counts as number 2"},
		{true, "1.5.1 1.7.3", "delivery 3 comes after delivery 1"},
		{true, "1.5.1 1.4.2", "message 4 comes after message 5"},
		{false, "1.99999999999.1", "a stream of 99999999999 messages"},
		{false, "x", "without the reply subject"},
	} {
		tally := tally{ordered: c.ordered}
		var err error
		for numbers := range strings.FieldsSeq(c.replies) {
			if err = tally.take([]byte("$JS.ACK.S.C." + numbers + ".1.0")); err != nil {
				break
			}
		}
		switch {
		case c.want == "" && (err != nil || tally.count != 3):
			t.Errorf("%s: %v, %d messages", c.replies, err, tally.count)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, and not %q", c.replies, err, c.want)
		}
	}
}
