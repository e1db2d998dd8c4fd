package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/jsonl"
	"myelin/internal/stream"
)

// exchange is what a stock server was asked and what it answered. It had a stream S and several consumers.
type exchange struct{ Subject, Body, Reply string }

// ofRequests are the errors that are found before anything is looked up.
var ofRequests = []apierr.ID{
	apierr.InvalidJSON, apierr.StreamMismatch, apierr.NotEmptyRequest, apierr.ConsumerEphemeralWithDurableName, apierr.ConsumerDurableNameNotSet,
	apierr.ConsumerDurableNameNotMatchSubject, apierr.ConsumerCreateFilterSubjectMismatch, apierr.ConsumerMultipleFiltersNotAllowed,
}

// parse reads a request of any kind.
func parse(verb string, payload []byte) (err *apierr.Error) {
	switch strings.Split(verb, ".")[1] {
	case "CREATE", "DURABLE":
		_, err = ParseCreate([]byte(verb), payload, nil)
	case "NAMES", "LIST":
		_, err = ParseList(payload, nil)
	case "PAUSE":
		_, err = ParsePause(payload, nil)
	case "RESET":
		_, err = ParseReset(payload)
	case "UNPIN":
		_, err = ParseUnpin(payload)
	default:
		err = ParseEmpty(payload)
	}
	return err
}

func TestRequestsAreRefusedAsByStock(t *testing.T) {
	refused := 0
	for _, x := range jsonl.Read[exchange](t, "testdata/api.jsonl") {
		var reply struct{ Error *apierr.Error }
		if err := json.Unmarshal([]byte(x.Reply), &reply); err != nil {
			t.Fatal(err)
		}
		want := reply.Error
		if want != nil && !slices.Contains(ofRequests, want.ErrCode) {
			want = nil
		}
		got := parse(strings.TrimPrefix(x.Subject, "$JS.API."), []byte(x.Body))
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s %q: %v, want %v", x.Subject, x.Body, got, want)
		}
		if want != nil {
			refused++
		}
	}
	if refused < 80 {
		t.Errorf("only %d were refused", refused)
	}
}

func TestCreateForms(t *testing.T) {
	for _, c := range []struct {
		verb, body, name string
		action           stream.ConsumerAction
		pedantic         bool
	}{
		{"CONSUMER.CREATE.S", `{"stream_name":"S","config":{}}`, "", stream.ConsumerEither, false},
		{"CONSUMER.CREATE.S", `{"stream_name":"S","config":{"name":"C"},"action":"create"}`, "C", stream.ConsumerCreate, false},
		{"CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"name":"D"},"action":"update","pedantic":true}`, "C", stream.ConsumerUpdate, true},
		{"CONSUMER.CREATE.S.C.a.>", `{"stream_name":"S","config":{"filter_subject":"a.>"},"action":""}`, "C", stream.ConsumerEither, false},
		{"CONSUMER.DURABLE.CREATE.S.C", `{"stream_name":"S","config":{"durable_name":"C"}}`, "C", stream.ConsumerEither, false},
	} {
		q, err := ParseCreate([]byte(c.verb), []byte(c.body), nil)
		if err != nil || q.Stream != "S" || q.Config.Name != c.name || stream.ConsumerAction(q.Action) != c.action || q.Pedantic != c.pedantic {
			t.Errorf("%s %s: %+v %v", c.verb, c.body, q, err)
		}
	}
}

func TestOptions(t *testing.T) {
	if offset, err := ParseList([]byte(`{"offset":7}`), nil); offset != 7 || err != nil {
		t.Error(offset, err)
	}
	if seq, err := ParseReset([]byte(`{"seq":7}`)); seq != 7 || err != nil {
		t.Error(seq, err)
	}
	if group, err := ParseUnpin([]byte(`{"group":"g"}`)); group != "g" || err != nil {
		t.Error(group, err)
	}
	if until, err := ParsePause([]byte(`{"pause_until":"2099-01-01T00:00:00.5+02:00"}`), nil); !until.Equal(time.Date(2098, 12, 31, 22, 0, 0, 5e8, time.UTC)) || err != nil {
		t.Error(until, err)
	}
	for _, body := range []string{"", "{}", "x", `{"pause_until":null}`} {
		if until, err := ParsePause([]byte(body), nil); !until.IsZero() || err != nil {
			t.Error(body, until, err)
		}
	}
}

// viewOf makes what the machine and the dispatcher would know of a consumer that a stock server described.
func viewOf(info *ConsumerInfo) (*stream.ConsumerView, *Live) {
	position := func(s SequenceInfo) stream.Position {
		p := stream.Position{Consumer: s.Consumer, Stream: s.Stream}
		if s.LastActive != nil {
			p.Active = s.LastActive.UnixNano()
		}
		return p
	}
	config := *info.Config
	config.Name = info.Name
	delete(config.Metadata, metaLevel)
	delete(config.Metadata, metaVersion)
	view := &stream.ConsumerView{
		Config: &config, Created: info.Created.UnixNano(), Delivered: position(info.Delivered), Floor: position(info.AckFloor),
		NumPending: info.NumPending, NumAckPending: info.NumAckPending, NumRedelivered: info.NumRedelivered,
	}
	live := &Live{Waiting: info.NumWaiting, Listening: info.PushBound}
	if groups := info.PriorityGroups; len(groups) > 0 && groups[0].PinnedID != "" {
		live.Pin, live.PinnedSince = groups[0].PinnedID, groups[0].PinnedSince.UnixNano()
	}
	return view, live
}

// rebuilt is the description of a consumer again, from what the machine and the dispatcher would know. A stock
// server does not add the names that it makes up to configurations, and reads its clock twice.
func rebuilt(info *ConsumerInfo) *ConsumerInfo {
	version := info.Config.Metadata[metaVersion]
	view, live := viewOf(info)
	const level = 5
	again := InfoOf(info.Stream, view, live, info.Time, version, level)
	config := *again.Config
	config.Name = info.Config.Name
	again.Config = &config
	if d := again.PauseRemaining - info.PauseRemaining; d >= 0 && d < time.Millisecond {
		again.PauseRemaining = info.PauseRemaining
	}
	return again
}

// remake decodes an answer, changes it and encodes it again.
func remake[T any](t *testing.T, reply string, change func(*T)) string {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(reply))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	change(&v)
	again, err := json.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

type described1 struct {
	Type string `json:"type"`
	*ConsumerInfo
}

type described2 struct {
	Type string `json:"type"`
	Reset
}

type describedAll struct {
	Type      string          `json:"type"`
	Total     int             `json:"total"`
	Offset    int             `json:"offset"`
	Limit     int             `json:"limit"`
	Consumers []*ConsumerInfo `json:"consumers"`
}

type paused struct {
	Type string `json:"type"`
	Pause
}

func TestAnswersHaveStocksBytes(t *testing.T) {
	seen := map[string]int{}
	for _, x := range jsonl.Read[exchange](t, "testdata/api.jsonl") {
		kind, _, _ := strings.Cut(strings.TrimPrefix(x.Reply, `{"type":"io.nats.jetstream.api.v1.consumer_`), `_response"`)
		if strings.Contains(x.Reply, `"error"`) {
			continue
		}
		got := x.Reply
		switch kind {
		case "create", "info":
			got = remake(t, x.Reply, func(v *described1) { v.ConsumerInfo = rebuilt(v.ConsumerInfo) })
		case "reset":
			got = remake(t, x.Reply, func(v *described2) { v.ConsumerInfo = rebuilt(v.ConsumerInfo) })
		case "list":
			got = remake(t, x.Reply, func(v *describedAll) {
				for i, info := range v.Consumers {
					v.Consumers[i] = rebuilt(info)
				}
			})
		case "pause":
			got = remake(t, x.Reply, func(v *paused) { v.Pause = PauseOf(&v.Until, v.Until.Add(-v.Remaining)) })
		}
		seen[kind]++
		if got != x.Reply {
			t.Errorf("%s %s:\n got %s\nwant %s", x.Subject, x.Body, got, x.Reply)
		}
	}
	for _, kind := range []string{"create", "info", "reset", "list", "pause"} {
		if seen[kind] == 0 {
			t.Errorf("no answer of the kind %s", kind)
		}
	}
}

func FuzzRequests(f *testing.F) {
	for _, x := range jsonl.Read[exchange](f, "testdata/api.jsonl") {
		f.Add(strings.TrimPrefix(x.Subject, "$JS.API."), []byte(x.Body))
	}
	f.Fuzz(func(t *testing.T, verb string, payload []byte) {
		if !strings.HasPrefix(verb, "CONSUMER.") {
			return
		}
		before := bytes.Clone(payload)
		first, second := parse(verb, payload), parse(verb, payload)
		if (first == nil) != (second == nil) || first != nil && (*first != *second || !slices.Contains(ofRequests, first.ErrCode)) || !bytes.Equal(payload, before) {
			t.Fatalf("%s %q: %v, then %v", verb, payload, first, second)
		}
	})
}
