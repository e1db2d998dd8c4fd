package clients

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

// storeChecks are those of TestGo that need JetStream. Each has a stream or a
// bucket of its own.
var storeChecks = []check{
	{"streams", streams},
	{"stored messages", storedMessages},
	{"duplicates", duplicates},
	{"expectations", expectations},
	{"removal", removal},
	{"crash", crash},
	{"buckets", buckets},
	{"put and get", putAndGet},
	{"revisions", revisions},
	{"create a key", createKey},
	{"delete and purge a key", deleteAndPurgeKey},
	{"state of a bucket", stateOfBucket},
}

// The error codes of the API that the checks expect.
const (
	streamNameInUse     = 10058
	streamNotFound      = 10059
	streamNotMatch      = 10060
	wrongLastMessageID  = 10070
	wrongLastSequence   = 10071
	subjectsOverlapping = 10065
)

func store(t *testing.T, server *testkit.Server) jetstream.JetStream {
	t.Helper()
	return storeOf(t, connect(t, server))
}

func storeOf(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(testkit.Patience))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func createStream(t *testing.T, js jetstream.JetStream, name string) jetstream.Stream {
	t.Helper()
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, AllowDirect: true})
	if err != nil {
		t.Fatalf("create the stream %s: %v", name, err)
	}
	return s
}

// stored publishes and fails the test unless the message gets this number.
func stored(t *testing.T, js jetstream.JetStream, subject, text string, seq uint64, options ...jetstream.PublishOpt) *jetstream.PubAck {
	t.Helper()
	ack, err := js.Publish(t.Context(), subject, []byte(text), options...)
	if err != nil {
		t.Fatalf("publish %q to %s: %v", text, subject, err)
	}
	if ack.Sequence != seq {
		t.Fatalf("%q is stored at %d instead of %d", text, ack.Sequence, seq)
	}
	return ack
}

// fails checks that the error is the API's with this code.
func fails(t *testing.T, what string, err error, code jetstream.ErrorCode) {
	t.Helper()
	var failure jetstream.JetStreamError
	if !errors.As(err, &failure) || failure.APIError() == nil || failure.APIError().ErrorCode != code {
		t.Errorf("%s: the error is %v instead of one with code %d", what, err, code)
	}
}

func streams(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	createStream(t, js, "STREAMS")
	createStream(t, js, "STREAMS") // once more as it is
	info, err := js.Stream(t.Context(), "STREAMS")
	if err != nil {
		t.Fatal(err)
	}
	got := info.CachedInfo().Config
	if got.Retention != jetstream.LimitsPolicy || got.Storage != jetstream.FileStorage || got.MaxMsgs != -1 || got.Replicas != 1 ||
		!reflect.DeepEqual(got.Subjects, []string{"STREAMS.>"}) {
		t.Errorf("the configuration is %+v", got)
	}
	other := jetstream.StreamConfig{Name: "STREAMS", Subjects: []string{"other"}}
	_, err = js.CreateStream(t.Context(), other)
	fails(t, "create it again with other subjects", err, streamNameInUse)
	other.Name, other.Subjects = "OVERLAP", []string{"STREAMS.a"}
	_, err = js.CreateStream(t.Context(), other)
	fails(t, "create one with the same subjects", err, subjectsOverlapping)
	got.MaxMsgs = 7
	updated, err := js.UpdateStream(t.Context(), got)
	if err != nil || updated.CachedInfo().Config.MaxMsgs != 7 {
		t.Errorf("after an update it is %+v, %v", updated, err)
	}
	if err := js.DeleteStream(t.Context(), "STREAMS"); err != nil {
		t.Error(err)
	}
	_, err = js.Stream(t.Context(), "STREAMS")
	fails(t, "ask for it when it is deleted", err, streamNotFound)
}

func storedMessages(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	s := createStream(t, js, "MESSAGES")
	if ack := stored(t, js, "MESSAGES.a", "first", 1); ack.Stream != "MESSAGES" || ack.Duplicate {
		t.Errorf("the acknowledgement is %+v", ack)
	}
	sent := &nats.Msg{Subject: "MESSAGES.b", Data: []byte("ünïcödé"), Header: nats.Header{"Colour": {"blue", "green"}}}
	if _, err := js.PublishMsg(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	stored(t, js, "MESSAGES.a", "", 3)
	got, err := s.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != sent.Subject || string(got.Data) != "ünïcödé" || got.Sequence != 2 || got.Time.IsZero() ||
		!reflect.DeepEqual(got.Header.Values("Colour"), []string{"blue", "green"}) {
		t.Errorf("the second is %+v", got)
	}
	if got, err = s.GetLastMsgForSubject(t.Context(), "MESSAGES.a"); err != nil || got.Sequence != 3 || len(got.Data) != 0 {
		t.Errorf("the last of a subject is %+v, %v", got, err)
	}
	if _, err = s.GetMsg(t.Context(), 4); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("get what is not there: %v", err)
	}
	if _, err := js.Publish(t.Context(), "nobody.stores.this", nil); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("publish to no stream: %v", err)
	}
}

func duplicates(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	createStream(t, js, "DUPLICATES")
	stored(t, js, "DUPLICATES.a", "one", 1, jetstream.WithMsgID("1"))
	stored(t, js, "DUPLICATES.a", "two", 2, jetstream.WithMsgID("2"))
	if ack := stored(t, js, "DUPLICATES.a", "one again", 1, jetstream.WithMsgID("1")); !ack.Duplicate {
		t.Errorf("the acknowledgement is %+v", ack)
	}
	stored(t, js, "DUPLICATES.a", "three", 3)
}

func expectations(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	createStream(t, js, "EXPECT")
	stored(t, js, "EXPECT.a", "one", 1, jetstream.WithMsgID("1"), jetstream.WithExpectLastSequence(0))
	stored(t, js, "EXPECT.b", "two", 2, jetstream.WithMsgID("2"), jetstream.WithExpectStream("EXPECT"),
		jetstream.WithExpectLastSequence(1), jetstream.WithExpectLastMsgID("1"), jetstream.WithExpectLastSequencePerSubject(0))
	for _, c := range []struct {
		name   string
		option jetstream.PublishOpt
		code   jetstream.ErrorCode
	}{
		{"another stream", jetstream.WithExpectStream("OTHER"), streamNotMatch},
		{"another last sequence", jetstream.WithExpectLastSequence(1), wrongLastSequence},
		{"another last sequence of the subject", jetstream.WithExpectLastSequencePerSubject(2), wrongLastSequence},
		{"another last message", jetstream.WithExpectLastMsgID("1"), wrongLastMessageID},
	} {
		_, err := js.Publish(t.Context(), "EXPECT.a", nil, c.option)
		fails(t, c.name, err, c.code)
	}
	stored(t, js, "EXPECT.a", "three", 3, jetstream.WithExpectLastSequencePerSubject(1))
}

func removal(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	s := createStream(t, js, "REMOVAL")
	for i := range uint64(10) {
		stored(t, js, fmt.Sprintf("REMOVAL.%d", i%2), fmt.Sprint(i), i+1)
	}
	if err := s.DeleteMsg(t.Context(), 4); err != nil {
		t.Error(err)
	}
	if err := s.SecureDeleteMsg(t.Context(), 6); err != nil {
		t.Error(err)
	}
	if _, err := s.GetMsg(t.Context(), 6); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("get what was deleted: %v", err)
	}
	state := func(want string) {
		t.Helper()
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := info.State
		if text := fmt.Sprint(got.Msgs, " from ", got.FirstSeq, " to ", got.LastSeq, " without ", got.NumDeleted); text != want {
			t.Errorf("the stream holds %s instead of %s", text, want)
		}
	}
	state("8 from 1 to 10 without 2")
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(3)); err != nil {
		t.Error(err)
	}
	state("6 from 3 to 10 without 2")
	if err := s.Purge(t.Context(), jetstream.WithPurgeSubject("REMOVAL.1")); err != nil {
		t.Error(err)
	}
	state("4 from 3 to 10 without 4")
	if err := s.Purge(t.Context()); err != nil {
		t.Error(err)
	}
	state("0 from 11 to 10 without 0")
	stored(t, js, "REMOVAL.0", "new", 11)
}

// crash kills the server: what was acknowledged is there, and is still known.
func crash(t *testing.T, server *testkit.Server) {
	back := make(chan struct{})
	nc := connect(t, server, nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	js := storeOf(t, nc)
	s := createStream(t, js, "CRASH")
	for i := range uint64(100) {
		stored(t, js, "CRASH.a", fmt.Sprint(i), i+1, jetstream.WithMsgID(fmt.Sprint(i)))
	}
	restart(server)
	wait(t, "the reconnection", back)
	for _, i := range []uint64{0, 50, 99} {
		if got, err := s.GetMsg(t.Context(), i+1); err != nil || string(got.Data) != fmt.Sprint(i) {
			t.Errorf("message %d is %+v, %v", i, got, err)
		}
	}
	if ack := stored(t, js, "CRASH.a", "99", 100, jetstream.WithMsgID("99")); !ack.Duplicate {
		t.Errorf("the acknowledgement of a retry is %+v", ack)
	}
	stored(t, js, "CRASH.a", "100", 101)
}

func bucket(t *testing.T, server *testkit.Server, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := store(t, server).CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: name, History: 5})
	if err != nil {
		t.Fatalf("create the bucket %s: %v", name, err)
	}
	return kv
}

func buckets(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	if _, err := js.KeyValue(t.Context(), "buckets"); !errors.Is(err, jetstream.ErrBucketNotFound) {
		t.Errorf("open what is not there: %v", err)
	}
	bucket(t, server, "buckets")
	if _, err := js.KeyValue(t.Context(), "buckets"); err != nil {
		t.Error(err)
	}
	if err := js.DeleteKeyValue(t.Context(), "buckets"); err != nil {
		t.Error(err)
	}
	if _, err := js.KeyValue(t.Context(), "buckets"); !errors.Is(err, jetstream.ErrBucketNotFound) {
		t.Errorf("open what was deleted: %v", err)
	}
}

// put puts and fails the test unless that is this revision.
func put(t *testing.T, kv jetstream.KeyValue, key, value string, revision uint64) {
	t.Helper()
	if got, err := kv.PutString(t.Context(), key, value); err != nil || got != revision {
		t.Fatalf("put %s at %s: revision %d, %v instead of %d", value, key, got, err, revision)
	}
}

// has fails the test unless the key has this value and revision.
func has(t *testing.T, kv jetstream.KeyValue, key, value string, revision uint64) {
	t.Helper()
	got, err := kv.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if string(got.Value()) != value || got.Revision() != revision || got.Key() != key || got.Operation() != jetstream.KeyValuePut {
		t.Errorf("%s is %q in revision %d", got.Key(), got.Value(), got.Revision())
	}
}

func putAndGet(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "values")
	put(t, kv, "a", "one", 1)
	put(t, kv, "b.c", "ünïcödé", 2)
	put(t, kv, "a", "", 3)
	has(t, kv, "a", "", 3)
	has(t, kv, "b.c", "ünïcödé", 2)
	if _, err := kv.Get(t.Context(), "c"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("get what is not there: %v", err)
	}
	old, err := kv.GetRevision(t.Context(), "a", 1)
	if err != nil || string(old.Value()) != "one" {
		t.Errorf("the first revision is %v, %v", old, err)
	}
	if _, err := kv.GetRevision(t.Context(), "a", 2); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("get a revision of another key: %v", err)
	}
}

func revisions(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "revisions")
	put(t, kv, "a", "one", 1)
	if got, err := kv.Update(t.Context(), "a", []byte("two"), 1); err != nil || got != 2 {
		t.Errorf("update: revision %d, %v", got, err)
	}
	_, err := kv.Update(t.Context(), "a", []byte("three"), 1)
	fails(t, "update an old revision", err, wrongLastSequence)
	has(t, kv, "a", "two", 2)
}

func createKey(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "creation")
	if got, err := kv.Create(t.Context(), "a", []byte("one")); err != nil || got != 1 {
		t.Errorf("create: revision %d, %v", got, err)
	}
	if _, err := kv.Create(t.Context(), "a", []byte("two")); !errors.Is(err, jetstream.ErrKeyExists) {
		t.Errorf("create what is there: %v", err)
	}
	if err := kv.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if got, err := kv.Create(t.Context(), "a", []byte("three")); err != nil || got != 3 {
		t.Errorf("create what was deleted: revision %d, %v", got, err)
	}
}

func deleteAndPurgeKey(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "removal")
	put(t, kv, "a", "one", 1)
	put(t, kv, "a", "two", 2)
	put(t, kv, "b", "kept", 3)
	if err := kv.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := kv.Get(t.Context(), "a"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("get what was deleted: %v", err)
	}
	if old, err := kv.GetRevision(t.Context(), "a", 2); err != nil || string(old.Value()) != "two" {
		t.Errorf("a revision before the deletion is %v, %v", old, err)
	}
	fails(t, "delete an old revision", kv.Delete(t.Context(), "a", jetstream.LastRevision(2)), wrongLastSequence)
	if err := kv.Purge(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	for revision := range uint64(2) {
		if _, err := kv.GetRevision(t.Context(), "a", revision+1); !errors.Is(err, jetstream.ErrKeyNotFound) {
			t.Errorf("a revision before the purge: %v", err)
		}
	}
	has(t, kv, "b", "kept", 3)
}

func stateOfBucket(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "state")
	for i := range uint64(7) {
		put(t, kv, "a", fmt.Sprint(i), i+1)
	}
	put(t, kv, "b", "x", 8)
	status, err := kv.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.Bucket() != "state" || status.Values() != 6 || status.History() != 5 || status.Bytes() == 0 {
		t.Errorf("the state is %+v", status)
	}
	if _, err := kv.GetRevision(t.Context(), "a", 2); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("a revision beyond the history: %v", err)
	}
	if old, err := kv.GetRevision(t.Context(), "a", 3); err != nil || string(old.Value()) != "2" {
		t.Errorf("the oldest revision is %v, %v", old, err)
	}
}
