package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/jsonl"
)

// published is an event of a stock server: in its second half the server had a domain.
type published struct{ Subject, Body string }

// told is all that events of any kind say.
type told struct {
	Type, ID, Account, Stream, Consumer, Domain, Action, Reason, Group string
	Time                                                               time.Time `json:"timestamp"`
	DSeq                                                               uint64    `json:"consumer_seq"`
	Seq                                                                uint64    `json:"stream_seq"`
	AckTime                                                            int64     `json:"ack_time"`
	Count                                                              uint32    `json:"deliveries"`
	Pin                                                                string    `json:"pinned_id"`
	Paused                                                             bool
	Until                                                              time.Time `json:"pause_until"`
}

// again publishes what was told.
func (e *told) again(subject string) Advisory {
	teller := Teller{Account: "$G", Stream: e.Stream, Consumer: e.Consumer, Domain: e.Domain, ID: e.ID, Time: e.Time}
	a := &consumer.Advisory{Seq: e.Seq, DSeq: e.DSeq, Count: e.Count, Delay: e.AckTime, Reason: e.Reason, Pin: e.Pin, Group: e.Group}
	switch strings.Split(subject, ".")[4] {
	case "CREATED":
		return teller.Created()
	case "DELETED":
		return teller.Deleted()
	case "MAX_DELIVERIES":
		a.Kind = consumer.MaxDeliver
	case "MSG_NAKED":
		a.Kind = consumer.Naked
	case "MSG_TERMINATED":
		a.Kind = consumer.Terminated
	case "PINNED":
		a.Kind = consumer.Pinned
	case "UNPINNED":
		a.Kind = consumer.Unpinned
	case "PAUSE":
		if a.Kind = consumer.Resumed; e.Paused {
			a.Kind = consumer.Paused
		}
	default:
		a.Kind = consumer.AckSample
	}
	return teller.Advise(a, e.Until)
}

func TestAdvisoriesAreStocks(t *testing.T) {
	kinds := map[string]bool{}
	for _, p := range jsonl.Read[published](t, "testdata/events.jsonl") {
		var e told
		if err := json.Unmarshal([]byte(p.Body), &e); err != nil {
			t.Fatal(err)
		}
		kinds[e.Type] = true
		a := e.again(p.Subject)
		body, err := json.Marshal(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		if a.Subject != p.Subject || string(body) != p.Body {
			t.Errorf("got  %s %s\nwant %s %s", a.Subject, body, p.Subject, p.Body)
		}
	}
	const all = 8
	if len(kinds) != all {
		t.Errorf("only these kinds of events: %v", kinds)
	}
}

func TestUnknownAdvisory(t *testing.T) {
	if a := new(Teller).Advise(&consumer.Advisory{}, time.Time{}); a.Subject != "" || a.Body != nil {
		t.Errorf("%+v", a)
	}
}
