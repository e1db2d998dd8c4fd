package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Clients of one account use streams and buckets of another as if they were there: by a prefix of the API, with acknowledgements, and
// with messages that are delivered to subjects which they import.
func TestStreamsAcrossAccounts(t *testing.T) {
	r := fromFile(t, sharedStreams)
	_, a := r.stored("a")
	if _, err := a.AddStream(&nats.StreamConfig{Name: "ORD", Subjects: []string{"ord.>"}, Retention: nats.WorkQueuePolicy}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := a.Publish(fmt.Sprintf("ord.%d", i), []byte("order")); err != nil {
			t.Fatal(err)
		}
	}
	nc, _ := r.connect(nats.UserInfo("b", "p"), nats.CustomInboxPrefix("inbox.b"))
	b, err := nc.JetStream(nats.APIPrefix("fromA.API"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := b.StreamInfo("ORD"); err != nil || info.State.Msgs != 20 {
		t.Fatalf("%+v %v", info, err)
	}
	pull, err := b.PullSubscribe("ord.>", "puller", nats.BindStream("ORD"))
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for got < 10 {
		list, err := pull.Fetch(10-got, nats.MaxWait(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.Subject != fmt.Sprintf("ord.%d", got) {
				t.Errorf("message %d is %s", got, m.Subject)
			}
			if err := m.AckSync(); err != nil {
				t.Fatal(err)
			}
			got++
		}
	}
	if info, err := a.StreamInfo("ORD"); err != nil || info.State.Msgs != 10 {
		t.Errorf("%d messages are left, %v", info.State.Msgs, err)
	}
	if err := a.DeleteConsumer("ORD", "puller"); err != nil {
		t.Fatal(err)
	}
	push, err := b.SubscribeSync("ord.>", nats.Durable("pusher"), nats.BindStream("ORD"), nats.DeliverSubject("dlv.push"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		m, err := push.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.AckSync(); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := a.StreamInfo("ORD"); err != nil || info.State.Msgs != 0 {
		t.Errorf("%d messages are left, %v", info.State.Msgs, err)
	}
	if _, own := r.stored("b"); own != nil {
		if _, err := own.StreamInfo("ORD"); !errors.Is(err, nats.ErrStreamNotFound) {
			t.Errorf("the account itself has the stream: %v", err)
		}
	}
}

// A bucket of another account is bound by the prefix of its API: read, written and watched.
func TestBucketAcrossAccounts(t *testing.T) {
	r := fromFile(t, sharedStreams)
	_, a := r.stored("a")
	there, err := a.CreateKeyValue(&nats.KeyValueConfig{Bucket: "CFG", History: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.PutString("color", "red"); err != nil {
		t.Fatal(err)
	}
	nc, _ := r.connect(nats.UserInfo("b", "p"), nats.CustomInboxPrefix("inbox.b"))
	b, err := nc.JetStream(nats.APIPrefix("fromA.API"))
	if err != nil {
		t.Fatal(err)
	}
	here, err := b.KeyValue("CFG")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := here.Get("color"); err != nil || string(e.Value()) != "red" {
		t.Fatalf("%v %v", e, err)
	}
	watch, err := here.WatchAll()
	if err != nil {
		t.Fatal(err)
	}
	next := func() string {
		select {
		case e := <-watch.Updates():
			if e == nil {
				return "end"
			}
			return e.Key() + "=" + string(e.Value())
		case <-time.After(patience):
			return "nothing"
		}
	}
	if first, end := next(), next(); first != "color=red" || end != "end" {
		t.Errorf("%s %s", first, end)
	}
	if _, err := here.PutString("size", "big"); err != nil {
		t.Fatal(err)
	}
	if e, err := there.Get("size"); err != nil || string(e.Value()) != "big" {
		t.Errorf("%v %v", e, err)
	}
	if got := next(); got != "size=big" {
		t.Error(got)
	}
	rev, err := here.Get("size")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Update("size", []byte("small"), rev.Revision()-1); err == nil {
		t.Error("an update of another revision is taken")
	}
	if _, err := here.Update("size", []byte("small"), rev.Revision()); err != nil {
		t.Error(err)
	}
	if err := here.Delete("color"); err != nil {
		t.Error(err)
	}
	if _, err := there.Get("color"); !errors.Is(err, nats.ErrKeyNotFound) {
		t.Error(err)
	}
}

const (
	sharer   = "A {jetstream: enabled, users: [{user: a, password: p}], exports: [{stream: \"ev.>\"}, {service: \"svc.>\"}]}\n"
	customer = "B {users: [{user: b, password: p}], imports: [{stream: {account: A, subject: \"ev.>\"}}, {service: {account: A, subject: \"svc.>\"}}]}\n"
	alone    = "B {users: [{user: b, password: p}]}\n"
)

func accounts(list ...string) string {
	return "listen: 127.0.0.1:-1\njetstream {store_dir: \"HERE\"}\naccounts {\n" + strings.Join(list, "") + "}\n"
}

// Exports and imports come and go under subscriptions that stay; answers to requests that are under way arrive.
func TestReloadShares(t *testing.T) {
	r := fromFile(t, accounts(sharer, customer))
	text := func(list ...string) string {
		return strings.ReplaceAll(accounts(list...), "HERE", strings.TrimSuffix(r.file, "/server.conf"))
	}
	a, endedA := r.connect(nats.UserInfo("a", "p"))
	b, endedB := r.connect(nats.UserInfo("b", "p"))
	heard := make(chan *nats.Msg, 100)
	for _, pattern := range []string{"ev.>", "from.>", "answer"} {
		if _, err := b.ChanSubscribe(pattern, heard); err != nil {
			t.Fatal(err)
		}
	}
	asked, err := a.SubscribeSync("svc.>")
	if err != nil {
		t.Fatal(err)
	}
	flush := func() {
		t.Helper()
		for _, nc := range []*nats.Conn{a, b, a, b} {
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush()
	expect := func(what, want string) {
		t.Helper()
		if err := a.Publish("ev.x", nil); err != nil {
			t.Fatal(err)
		}
		flush()
		got := ""
		if len(heard) > 0 {
			got = (<-heard).Subject
		}
		if got != want || len(heard) > 0 {
			t.Errorf("%s: %q comes and %d more, instead of %q", what, got, len(heard), want)
		}
	}
	expect("at first", "ev.x")
	if err := b.PublishRequest("svc.late", "answer", nil); err != nil {
		t.Fatal(err)
	}
	request, err := asked.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	r.reload(text(sharer, alone))
	expect("without an import", "")
	if _, err := b.Request("svc.x", nil, 10*time.Second); err == nil {
		t.Error("a request goes where nothing is imported")
	}
	r.write(text(strings.Replace(sharer, "ev.>", "other", 1), customer))
	if err := r.ReloadFile(); err == nil || !strings.Contains(err.Error(), "stream import not authorized") {
		t.Errorf("an import without an export: %v", err)
	}
	expect("after a reload that failed", "")
	r.reload(text(sharer, strings.Replace(customer, "\"ev.>\"}", "\"ev.>\"}, prefix: from", 1)))
	expect("with a prefix", "from.ev.x")
	if err := request.Respond(nil); err != nil {
		t.Fatal(err)
	}
	if m := <-heard; m.Subject != "answer" {
		t.Errorf("the answer to a request of before: %s", m.Subject)
	}
	r.reload(text(sharer, customer))
	expect("as at first", "ev.x")
	r.reload(text(alone))
	<-endedA
	select {
	case <-endedB:
		t.Error("who stays had to go")
	default:
	}
	if _, err := b.Request("svc.x", nil, 10*time.Second); err == nil {
		t.Error("somebody answers in an account that is gone")
	}
	for _, account := range (source{r.Server}).Accounts() {
		if account.Name == "A" {
			t.Error("an account that is gone is shown")
		}
	}
}

// Who comes back after an account was gone, or after it had no streams, finds its streams; nobody reached them meanwhile.
func TestReloadBringsBack(t *testing.T) {
	r := fromFile(t, accounts(sharer, customer))
	text := func(list ...string) string {
		return strings.ReplaceAll(accounts(list...), "HERE", strings.TrimSuffix(r.file, "/server.conf"))
	}
	_, js := r.stored("a")
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"ev.s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish("ev.s", nil); err != nil {
		t.Fatal(err)
	}
	r.reload(text(alone))
	if _, err := nats.Connect(r.ClientURL(), nats.UserInfo("a", "p")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a user of an account that is gone: %v", err)
	}
	r.reload(text(sharer, customer))
	nc, js := r.stored("a")
	if info, err := js.StreamInfo("S"); err != nil || info.State.Msgs != 1 {
		t.Fatalf("%+v %v", info, err)
	}
	r.reload(text(strings.Replace(sharer, "jetstream: enabled, ", "", 1), customer))
	if _, err := js.StreamInfo("S"); !errors.Is(err, nats.ErrJetStreamNotEnabledForAccount) {
		t.Errorf("the account may have no streams: %v", err)
	}
	r.reload(text(sharer, customer))
	if _, err := js.Publish("ev.s", nil); err != nil {
		t.Error(err)
	}
	if info, err := js.StreamInfo("S"); err != nil || info.State.Msgs != 2 {
		t.Errorf("%+v %v", info, err)
	}
	r.reload("listen: 127.0.0.1:-1\naccounts {\n" + sharer + customer + "}\n")
	if _, err := js.StreamInfo("S"); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("JetStream is switched off: %v", err)
	}
	r.reload(text(sharer, customer))
	if info, err := js.StreamInfo("S"); err != nil || info.State.Msgs != 2 || !nc.IsConnected() {
		t.Errorf("JetStream is switched on again: %+v %v", info, err)
	}
}
