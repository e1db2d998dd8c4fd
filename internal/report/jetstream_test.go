package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// The files in testdata/jetstream are what a stock server says in streamSituation, with what changes from run to
// run masked. TestJetStreamPages holds our pages against them, byte by byte.

// jetStreamPage is one page: where the stock server has it, and how we build it.
type jetStreamPage struct {
	name  string
	url   string
	build func(v *Views) (code int, view any)
	pick  func(t *testing.T, answer string) string // what is compared
}

var jetStreamPages = []jetStreamPage{
	jszPage("jsz", "", JSzOptions{}),
	jszPage("jsz-accounts", "accounts=1", JSzOptions{Accounts: true}),
	jszPage("jsz-page", "accounts=1&offset=1&limit=1", JSzOptions{Accounts: true, Offset: 1, Limit: 1}),
	jszPage("jsz-streams", "streams=1", JSzOptions{Streams: true}),
	jszPage("jsz-streams-direct", "streams=1&direct-consumers=1", JSzOptions{Streams: true, DirectConsumers: true}),
	jszPage("jsz-direct", "acc=B&consumers=1&direct-consumers=1", JSzOptions{Account: "B", Consumers: true, DirectConsumers: true}),
	jszPage("jsz-consumers", "consumers=1&acc=A", JSzOptions{Consumers: true, Account: "A"}),
	jszPage("jsz-config", "consumers=1&config=1&acc=A", JSzOptions{Consumers: true, Config: true, Account: "A"}),
	jszPage("jsz-raft", "acc=B&streams=1&raft=1", JSzOptions{Account: "B", Streams: true, RaftGroups: true}),
	jszPage("jsz-direct-only", "direct-consumers=1&config=1&acc=A", JSzOptions{Account: "A", DirectConsumers: true, Config: true}),
	jszPage("jsz-leader", "leader-only=1&stream-leader-only=1&acc=B", JSzOptions{Account: "B", LeaderOnly: true, StreamLeaderOnly: true}),
	jszPage("jsz-nobody", "acc=NOPE", JSzOptions{Account: "NOPE"}),
	jszPage("jsz-without", "acc=C&streams=1", JSzOptions{Account: "C", Streams: true}),
	{"varz", "/varz", func(v *Views) (int, any) { return 200, v.Varz() }, pickJetStream},
	healthPage("health", "", HealthzOptions{}),
	healthPage("health-account", "account=A", HealthzOptions{Account: "A"}),
	healthPage("health-consumer", "account=A&stream=ORD&consumer=C1", HealthzOptions{Account: "A", Stream: "ORD", Consumer: "C1"}),
	healthPage("health-no-account", "account=NOPE&stream=S", HealthzOptions{Account: "NOPE", Stream: "S"}),
	healthPage("health-no-account-details", "account=C&details=1", HealthzOptions{Account: "C", Details: true}),
	healthPage("health-no-stream", "account=A&stream=NOPE", HealthzOptions{Account: "A", Stream: "NOPE"}),
	healthPage("health-no-stream-details", "account=A&stream=NOPE&details=1", HealthzOptions{Account: "A", Stream: "NOPE", Details: true}),
	healthPage("health-no-consumer", "account=A&stream=ORD&consumer=NOPE", HealthzOptions{Account: "A", Stream: "ORD", Consumer: "NOPE"}),
	healthPage("health-no-consumer-details", "account=A&stream=ORD&consumer=NOPE&details=1",
		HealthzOptions{Account: "A", Stream: "ORD", Consumer: "NOPE", Details: true}),
	healthPage("health-enabled", "js-enabled-only=1&account=NOPE", HealthzOptions{JSEnabledOnly: true, Account: "NOPE"}),
	healthPage("health-enabled-old", "js-enabled=1&account=NOPE", HealthzOptions{JSEnabled: true, Account: "NOPE"}),
	healthPage("health-server", "js-server-only=1&account=NOPE", HealthzOptions{JSServerOnly: true, Account: "NOPE"}),
	healthPage("health-meta", "js-meta-only=1&account=NOPE", HealthzOptions{JSMetaOnly: true, Account: "NOPE"}),
}

func jszPage(name, query string, o JSzOptions) jetStreamPage {
	return jetStreamPage{name, "/jsz?" + query, func(v *Views) (int, any) { return 200, v.JSz(o) }, pickMasked}
}

func healthPage(name, query string, o HealthzOptions) jetStreamPage {
	return jetStreamPage{name, "/healthz?" + query, func(v *Views) (int, any) {
		z := v.Healthz(o)
		code := z.StatusCode
		z.StatusCode = 0 // said by HTTP
		return code, z
	}, pickAll}
}

func pickAll(_ *testing.T, answer string) string { return answer }

// What is different each time, after its name: identity, places, moments, and how many requests it took.
var volatile = regexp.MustCompile(`("(?:server_id|store_dir)": )"[^"]+"|` +
	`("(?:now|ts|created|first_ts|last_ts|last_active)": )"2[^"]+"|("active": )[1-9]\d*`)
var requests = regexp.MustCompile(`("total": )\d+(,\s+"errors")`)

func pickMasked(_ *testing.T, answer string) string {
	return requests.ReplaceAllString(volatile.ReplaceAllString(answer, "$1$2$3*"), "$1*$2")
}

// pickJetStream picks that part of the general state.
func pickJetStream(t *testing.T, answer string) string {
	t.Helper()
	code, body, _ := strings.Cut(answer, "\n")
	var varz struct {
		JetStream json.RawMessage `json:"jetstream"`
	}
	var out bytes.Buffer
	if err := errors.Join(json.Unmarshal([]byte(body), &varz), json.Indent(&out, varz.JetStream, "", "  ")); err != nil {
		t.Fatal(err)
	}
	return pickMasked(t, code+"\n"+out.String()+"\n")
}

func TestJetStreamPages(t *testing.T) {
	v := streamSituation(t).views()
	for _, page := range jetStreamPages {
		code, view := page.build(v)
		body, err := json.MarshalIndent(view, "", "  ")
		if _, health := view.(*Healthz); health {
			body, err = json.Marshal(view)
		}
		if err != nil {
			t.Fatal(err)
		}
		compareRecorded(t, page.name, page.pick(t, fmt.Sprintf("%d\n%s\n", code, body)))
	}
}

// What stock servers do not know of stands in a member of its own, and only where there is something to say.
func TestWaitingDeadLetters(t *testing.T) {
	f := streamSituation(t)
	f.outboxes = map[string]*stream.OutboxStatus{
		"ORD": {DeadLetters: 4, Queues: []stream.OutboxQueue{
			{Target: "DEAD", DeadLetters: 3, Error: apierr.StreamNotFound.Err()}, {Target: "LATE", DeadLetters: 1},
		}},
		"MEM": {DeadLetters: 2, Queues: []stream.OutboxQueue{{Target: "DEAD", DeadLetters: 2}}},
	}
	text, err := json.Marshal(f.views().JSz(JSzOptions{Account: "A", Streams: true}))
	if err != nil {
		t.Fatal(err)
	}
	for part, times := range map[string]int{
		`"_myelin":{"dead_letters":6}}`: 1, `"_myelin"`: 3,
		`"_myelin":{"dead_letters":4,"outbox":[{"target":"DEAD","dead_letters":3,"error":{"code":404,"err_code":10059,"description":"stream not found"}},` +
			`{"target":"LATE","dead_letters":1}]}`: 1,
	} {
		if got := strings.Count(string(text), part); got != times {
			t.Errorf("%s stands %d times in %s", part, got, text)
		}
	}
}

// fakeStreams is a server with streams, whose answers are its fields.
type fakeStreams struct {
	*fakeServer
	state     JetStreamState
	accounts  []JetStreamAccount
	streams   map[string][]Stream
	consumers map[string][]Consumer           // by stream
	origins   map[string][]Origin             // by stream
	outboxes  map[string]*stream.OutboxStatus // by stream
	err       error
	off       bool
}

func (f *fakeStreams) JetStream() JetStream {
	if f.off {
		return nil
	}
	return f
}
func (f *fakeStreams) State() JetStreamState               { return f.state }
func (f *fakeStreams) Accounts() []JetStreamAccount        { return slices.Clone(f.accounts) }
func (f *fakeStreams) Streams(account string) []Stream     { return slices.Clone(f.streams[account]) }
func (f *fakeStreams) Consumers(_, name string) []Consumer { return slices.Clone(f.consumers[name]) }
func (f *fakeStreams) NumConsumers(_, name string) int {
	return len(slices.DeleteFunc(f.Consumers("", name), func(c Consumer) bool { return c.Direct }))
}
func (f *fakeStreams) HasConsumer(_, stream, name string) bool {
	return slices.ContainsFunc(f.consumers[stream], func(c Consumer) bool { return c.Info.Name == name })
}
func (f *fakeStreams) Origins(_, name string) []Origin            { return slices.Clone(f.origins[name]) }
func (f *fakeStreams) Outbox(_, name string) *stream.OutboxStatus { return f.outboxes[name] }
func (f *fakeStreams) Err() error                                 { return f.err }
func (f *fakeStreams) views() *Views                              { return New(f, f.clock()) }

// fakeStream is a Stream whose answers are its fields.
type fakeStream struct {
	config *stream.Config
	info   stream.Info
	err    error
}

func (f *fakeStream) Name() string           { return f.config.Name }
func (f *fakeStream) Created() time.Time     { return start.Local() }
func (f *fakeStream) Config() *stream.Config { return f.config }
func (f *fakeStream) Info() stream.Info      { return f.info }
func (f *fakeStream) Err() error             { return f.err }

// held is a stream with messages and subjects, none of them gone.
func held(messages, size uint64, subjects int) stream.Info {
	at := start.UnixNano()
	return stream.Info{Messages: messages, Bytes: size, First: 1, Last: messages, FirstTime: at, LastTime: at, Subjects: subjects}
}

func newStream(t *testing.T, c stream.Config, info stream.Info) *fakeStream {
	t.Helper()
	checked, err := stream.Check(c, stream.Bounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	// A stock server states the level of all.
	checked.Metadata = maps.Clone(checked.Metadata)
	if checked.Metadata == nil {
		checked.Metadata = map[string]string{}
	}
	checked.Metadata["_nats.req.level"] = "0"
	return &fakeStream{config: checked, info: info}
}

// streamSituation is what runStockStreams brings about in a stock server.
func streamSituation(t *testing.T) *fakeStreams {
	f := &fakeStreams{fakeServer: newFake(), state: JetStreamState{
		StoreDir: "/data/jetstream", MaxMemory: 1e9, MaxStorage: 10e9, APILevel: 5, APITotal: 12, APIErrors: 1,
	}}
	j := &f.config.JetStream
	j.Enabled, j.SyncAlways, j.SyncEvery, j.Strict, j.Domain, j.UniqueTag = true, true, 2*time.Minute, true, "hub", "az:"
	j.Limits.MaxAckPending, j.Limits.DuplicateWindow = 10_000, 5*time.Minute
	j.Limits.MaxBatchMsgs, j.Limits.MaxBatchTimeout = 500, 5*time.Second
	ord := newStream(t, stream.Config{Name: "ORD", Subjects: []string{"ord.>"}, Description: "orders", Metadata: map[string]string{"a": "b"}}, held(3, 120, 2))
	ord.info.Messages, ord.info.Bytes, ord.info.Deleted, ord.info.Subjects = 2, 80, 1, 1
	sources := []stream.Source{
		{Name: "ORD", FilterSubject: "ord.y"},
		{Name: "MEM", Transforms: []stream.SubjectTransform{{Src: "mem.x", Dest: "x"}}},
		{Name: "FAR", External: &stream.External{API: "$JS.far.API", Deliver: "d"}},
	}
	f.streams = map[string][]Stream{
		"A": {
			newStream(t, stream.Config{Name: "MEM", Subjects: []string{"mem.>"}, Storage: stream.Memory, MaxBytes: 1000}, held(1, 26, 1)),
			newStream(t, stream.Config{Name: "MIR", Mirror: &stream.Source{Name: "ORD"}}, held(3, 120, 2)),
			ord,
			newStream(t, stream.Config{Name: "SRC", Sources: sources}, held(2, 208, 2)),
		},
		"B": {newStream(t, stream.Config{Name: "BBB", Subjects: []string{"b"}, MaxBytes: 1000}, stream.Info{})},
	}
	f.origins = map[string][]Origin{
		"MIR": {{Mirror: true, Info: OriginInfo{Name: "ORD", Active: time.Second}}},
		"SRC": {
			{Info: OriginInfo{Name: "ORD", Active: time.Second, Filter: "ord.y"}},
			{Info: OriginInfo{Name: "MEM", Active: time.Second, Transforms: sources[1].Transforms}},
			{Info: OriginInfo{Name: "FAR", Active: -1, External: sources[2].External}},
		},
	}
	f.consumers = situationConsumers()
	f.accounts = []JetStreamAccount{
		{Name: "A", Memory: 26, Storage: 408, ReservedMemory: 1000, MaxMemory: -1, MaxStorage: -1, APITotal: 11, APIErrors: 1},
		{Name: "B", ReservedStorage: 1000, MaxMemory: 1e6, MaxStorage: 2e6, APITotal: 1},
	}
	return f
}

// situationConsumers are the consumers of streamSituation, by stream.
func situationConsumers() map[string][]Consumer {
	heard := start.Add(time.Second)
	config := json.RawMessage(`{"durable_name":"C1","name":"C1","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,` +
		`"max_deliver":-1,"replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"num_replicas":0,"metadata":{"_nats.req.level":"0"}}`)
	c1 := ConsumerInfo{Stream: "ORD", Name: "C1", Created: start, Config: config, NumAckPending: 1, NumPending: 1}
	c1.Delivered = SequenceInfo{Consumer: 1, Stream: 1, Last: &heard}
	return map[string][]Consumer{
		"ORD": {{Info: c1}},
		"BBB": {{Info: ConsumerInfo{Stream: "BBB", Name: "DIR", Created: start}, Direct: true}},
	}
}

// sick are streams of which one cannot be written.
func sick(t *testing.T) *fakeStreams {
	f := streamSituation(t)
	f.streams["A"][2].(*fakeStream).err = errors.New("no space left on device")
	return f
}

// TestStreamsAreNotWell shows what is said of streams that fail. The words are stock's on a full disk.
func TestStreamsAreNotWell(t *testing.T) {
	const streamText = "JetStream stream 'A > ORD' write error: no space left on device"
	streamError := HealthError{Type: "STREAM", Account: "A", Stream: "ORD", Error: streamText}
	well := Healthz{Status: "ok", StatusCode: 200}
	for _, test := range []struct {
		o    HealthzOptions
		want Healthz
	}{
		{HealthzOptions{}, Healthz{Status: "unavailable", StatusCode: 503, Error: streamText}},
		{HealthzOptions{Details: true}, Healthz{Status: "error", StatusCode: 503, Errors: []HealthError{streamError}}},
		{HealthzOptions{Account: "B", Stream: "BBB", Consumer: "DIR"}, well},
		{HealthzOptions{Account: "A", Stream: "MEM"}, well},
		{HealthzOptions{JSServerOnly: true}, well},
		{HealthzOptions{JSEnabledOnly: true}, well},
		{HealthzOptions{JSMetaOnly: true, Account: "A"}, Healthz{Status: "unavailable", StatusCode: 503, Error: streamText}},
	} {
		if got := sick(t).views().Healthz(test.o); !reflect.DeepEqual(*got, test.want) {
			t.Errorf("Healthz(%+v) = %+v, want %+v", test.o, *got, test.want)
		}
	}
}

// TestJetStreamIsNotWell shows what is said when nothing can be stored, or JetStream should run and does not.
func TestJetStreamIsNotWell(t *testing.T) {
	full := streamSituation(t)
	full.err = errors.New("disk failed")
	missing := streamSituation(t)
	missing.off = true
	for want, f := range map[string]*fakeStreams{"JetStream takes no messages: disk failed": full, "JetStream not enabled": missing} {
		for _, o := range []HealthzOptions{{}, {JSServerOnly: true}, {JSEnabledOnly: true}} {
			if got := f.views().Healthz(o); got.StatusCode != 503 || got.Error != want {
				t.Errorf("Healthz(%+v) = %+v, want %s", o, got, want)
			}
		}
		got := f.views().Healthz(HealthzOptions{Details: true})
		if got.StatusCode != 503 || !reflect.DeepEqual(got.Errors, []HealthError{{Type: "JETSTREAM", Error: want}}) {
			t.Errorf("details: %+v, want %s", got, want)
		}
	}
}

// TestJetStreamIsOff shows the pages of a server that keeps no streams, whatever they are asked for.
func TestJetStreamIsOff(t *testing.T) {
	f := streamSituation(t)
	f.off = true
	z := f.views().JSz(JSzOptions{Account: "A", Accounts: true, Streams: true, Config: true, RaftGroups: true})
	if want := (JSz{ServerID: "NID", Now: f.now, Disabled: true}); !reflect.DeepEqual(*z, want) {
		t.Errorf("got %+v", z)
	}
	if got := f.views().Varz().JetStream; got != (JetStreamVarz{}) {
		t.Errorf("general state: %+v", got)
	}
}
