package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/config"
	"myelin/internal/report"
	"myelin/internal/router"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// source is a server with an account A, to which one connection belongs.
type source struct{}

func (source) Identity() report.Identity {
	return report.Identity{ID: "NID", Name: "one", Start: start}
}
func (source) Config() *config.Config    { return config.Default() }
func (source) ConfigLoaded() time.Time   { return start }
func (source) Now() time.Time            { return start }
func (source) Counters() report.Counters { return report.Counters{Connections: 1} }
func (source) Connections() []report.Conn {
	return []report.Conn{{CID: 7, Start: start, Account: "A", User: "ann"}, {CID: 8, Start: start, Account: "B"}}
}
func (source) Closed() []report.Conn                 { return nil }
func (source) Subscriptions(func(report.Sub) bool)   {}
func (source) RouterStats(string) report.RouterStats { return report.RouterStats{NumSubs: 3} }
func (source) Healthy() error                        { return nil }
func (source) Accounts() []report.Account {
	return []report.Account{{Name: "$SYS", System: true}, {Name: "A", Connections: 1, OutMsgs: 4, OutBytes: 44}, {Name: "B"}}
}

type testLog struct{ *testing.T }

func (l testLog) Warnf(format string, args ...any)  { l.Logf("[WRN] "+format, args...) }
func (l testLog) Errorf(format string, args ...any) { l.Logf("[ERR] "+format, args...) }

// world is a guest with its accounts.
type world struct {
	t      *testing.T
	guest  *Guest
	broker *broker.Broker
	clock  *clock.Fake
	kicked []uint64
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, broker: broker.New(router.New(), nil), clock: clock.NewFake(start)}
	w.broker.SetSystem(w.broker.Add("$SYS"))
	w.broker.Add("A")
	w.broker.Add("B")
	views := report.New(source{}, w.clock)
	t.Cleanup(views.Close)
	w.guest = New(Options{
		Broker: w.broker, Views: views, Clock: w.clock, Log: testLog{t},
		Server: Server{Name: "one", Host: "10.0.0.1", ID: "NID", Version: "2.15.0", Tags: []string{"a"}, Domain: "D", FeatureFlags: map[string]bool{}},
		User: func(cid uint64) *User {
			if cid != 7 {
				return nil
			}
			return &User{Name: "ann", Account: "A", Expires: w.clock.Now().Add(1999 * time.Millisecond), Permissions: &auth.Permissions{
				Publish: auth.Subjects{Allow: []string{"x"}}, Responses: new(auth.Responses)}}
		},
		Kick: func(cid uint64) error {
			w.kicked = append(w.kicked, cid)
			return nil
		},
		LameDuck: func(uint64) error { return errors.New("not now") },
		Reload:   func() error { return nil },
	})
	w.guest.Start()
	t.Cleanup(w.guest.Close)
	return w
}

// ear notes what is published to it.
type ear struct {
	router.Sub
	mu  sync.Mutex
	got []string
}

func (e *ear) Deliver(m *router.Message, _ *router.Batch) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, string(m.Subject)+" "+string(m.Payload))
	return true
}

func (w *world) listen(account, pattern string) *ear {
	e := &ear{}
	e.Pattern, e.Sink = pattern, e
	w.broker.Account(account).Router().Subscribe(&e.Sub)
	return e
}

// heard is what has come since the last time.
func (w *world) heard(e *ear) []string {
	w.guest.queue.done.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.got
	e.got = nil
	return got
}

// ask is the answer to a request of connection 7 in an account; "" if there is none, and nobody if that was said at once.
func (w *world) ask(account, subject, body string) string {
	w.t.Helper()
	e := w.listen(account, "in")
	defer w.broker.Account(account).Unsubscribe(&e.Sub)
	session := w.broker.Account(account).Open(nil)
	defer session.Rest()
	if session.Publish(&router.Message{Subject: []byte(subject), Reply: []byte("in"), Payload: []byte(body), From: 7}) == 0 {
		return "nobody"
	}
	got := w.heard(e)
	if len(got) == 0 {
		return ""
	}
	return strings.TrimPrefix(got[0], "in ")
}

var serverBlock = regexp.MustCompile(`"server":\{"name":"one","host":"10.0.0.1","id":"NID","domain":"D","ver":"2.15.0","tags":\["a"\],"feature_flags":\{\},"jetstream":false,"flags":0,"seq":[0-9]+,"time":"2026-01-02T03:04:[0-9]{2}Z"\}`)

// What is asked in which account is answered, or is not, whatever the request says of accounts.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ account, subject, body, want string }{
		{"$SYS", "$SYS.REQ.SERVER.PING", "", `{SERVER,"statsz":{"start"`},
		{"$SYS", "$SYS.REQ.SERVER.PING.IDZ", "", `{"name":"one","host":"10.0.0.1","id":"NID"}`},
		{"$SYS", "$SYS.REQ.SERVER.PING.IDZ", `{"domain":"E"}`, `{"name":"one"`},
		{"$SYS", "$SYS.REQ.SERVER.PING.IDZ", `{bad`, `{"name":"one"`},
		{"$SYS", "$SYS.REQ.SERVER.NID.STATSZ", "", `{SERVER,"statsz":`},
		{"$SYS", "$SYS.REQ.SERVER.NABC.STATSZ", "", "nobody"},
		{"$SYS", "$SYS.REQ.SERVER.PING.NOPE", "", "nobody"},
		{"$SYS", "$SYS.REQ.SERVER.PING.KICK", `{"cid":7}`, "nobody"},
		{"$SYS", "$SYS.REQ.SERVER.PING.VARZ", "", `{SERVER,"data":{"server_id":"NID"`},
		{"$SYS", "$SYS.REQ.SERVER.PING.CONNZ", `{"limit":1}`, `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","num_connections":1,"total":2`},
		{"$SYS", "$SYS.REQ.SERVER.PING.CONNZ", `{"sort":"nope"}`, `{SERVER,"data":null,"error":{"code":500,"description":"invalid sorting option: nope"}}`},
		{"$SYS", "$SYS.REQ.SERVER.PING.CONNZ", `xx`, `{SERVER,"error":{"code":400,"description":"invalid character 'x' looking for beginning of value"}}`},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"server_name":"on"}`, `{SERVER,"statsz":`},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"server_name":"on","exact_match":true}`, ""},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"host":"10."}`, `{SERVER,"statsz":`},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"tags":["A"]}`, `{SERVER,"statsz":`},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"tags":["a","b"]}`, ""},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"domain":"E"}`, ""},
		{"$SYS", "$SYS.REQ.SERVER.PING.STATSZ", `{"cluster":"C"}`, ""},
		{"$SYS", "$SYS.REQ.ACCOUNT.A.CONNZ", `{"acc":"B"}`, `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","num_connections":1,"total":1`},
		{"$SYS", "$SYS.REQ.ACCOUNT.A.INFO", "", `{SERVER,"data":{"account_name":"A"`},
		{"$SYS", "$SYS.REQ.ACCOUNT.X.INFO", "", `{SERVER,"data":null,"error":{"code":500,"description":"Account X does not exist"}}`},
		{"$SYS", "$SYS.REQ.ACCOUNT.A.STATZ", "", `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","account_statz":[{"acc":"A"`},
		{"$SYS", "$SYS.REQ.ACCOUNT.X.STATZ", "", ""},
		{"$SYS", "$SYS.REQ.ACCOUNT.X.CONNS", "", ""},
		{"$SYS", "$SYS.REQ.ACCOUNT.B.CONNS", "", ""}, // nobody is connected
		{"$SYS", "$SYS.REQ.ACCOUNT.A.CONNS", "", `{"type":"io.nats.server.advisory.v1.account_connections"`},
		{"$SYS", "$SYS.REQ.ACCOUNT.PING.STATZ", `{"accounts":["NO"]}`, ""},
		{"$SYS", "$SYS.REQ.ACCOUNT.PING.STATZ", "", `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","account_statz":[{"acc":"A"`},
		{"$SYS", "$SYS.REQ.ACCOUNT.A.NOPE", "", "nobody"},
		{"$SYS", "$SYS.REQ.ACCOUNT.NSUBS", `{"subject":"in","acc":"$SYS"}`, "1"},
		{"$SYS", "$SYS.REQ.ACCOUNT.NSUBS", `{"subject":"in","queue":"q","acc":"$SYS"}`, "0"},
		{"$SYS", "$SYS.REQ.SERVER.NID.LDM", `{"cid":7}`, `{SERVER,"error":{"code":500,"description":"not now"}}`},
		{"$SYS", "$SYS.REQ.SERVER.NID.RELOAD", "", `{SERVER}`},
		{"$SYS", "$SYS.REQ.SERVER.NID.KICK", `{"cid":9}`, `{SERVER}`},
		{"$SYS", "$SYS.REQ.SERVER.NID.KICK", `{"cid":"x"}`, ""},
		{"A", "$SYS.REQ.USER.INFO", "", `{SERVER,"data":{"user":"ann","account":"A","account_name":"A","permissions":{"publish":{"allow":["x"]},"subscribe":{},"responses":{"max":1,"ttl":120000000000}},"expires":1000000000}}`},
		{"A", "$SYS.REQ.ACCOUNT.PING.CONNZ", `{"acc":"B","auth":true}`, `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","num_connections":1,"total":1,"offset":0,"limit":1024,"connections":[{"cid":7`},
		{"A", "$SYS.REQ.SERVER.PING.CONNZ", `{"server_name":"two"}`, ""},
		{"B", "$SYS.REQ.SERVER.PING.CONNZ", `{"acc":"A"}`, `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","num_connections":1,"total":1,"offset":0,"limit":1024,"connections":[{"cid":8`},
		{"A", "$SYS.REQ.ACCOUNT.PING.STATZ", `{"accounts":["B"]}`, `{SERVER,"data":{"server_id":"NID","now":"2026-01-02T03:04:05Z","account_statz":[{"acc":"A"`},
		{"A", "$SYS.REQ.SERVER.PING", "", "nobody"},
		{"A", "$SYS.REQ.SERVER.PING.VARZ", "", "nobody"},
		{"A", "$SYS.REQ.ACCOUNT.A.INFO", "", "nobody"},
		{"A", "$SYS.REQ.SERVER.NID.KICK", `{"cid":7}`, "nobody"},
	} {
		got := serverBlock.ReplaceAllString(w.ask(row.account, row.subject, row.body), "SERVER")
		if !strings.HasPrefix(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%s: %s %s\n got %.300s\nwant %s", row.account, row.subject, row.body, got, row.want)
		}
	}
	if len(w.kicked) != 1 || w.kicked[0] != 9 {
		t.Errorf("kicked %v", w.kicked)
	}
}

// Who comes and goes is told in the system account only, but for who was refused.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	tenant, all := w.listen("A", ">"), w.listen("$SYS", "$SYS.>")
	a := w.broker.Account("A")
	conn := report.Conn{CID: 7, IP: "1.2.3.4", Start: start, Account: "A", User: "ann", Name: "n", Lang: "go", Version: "1", Kind: "Client", Type: "nats",
		RTT: 5, InMsgs: 1, InBytes: 2, OutMsgs: 3, OutBytes: 4, Stop: start, Reason: "Client Closed"}
	ann := `"client":{"start":"2026-01-02T03:04:05Z","host":"1.2.3.4","id":7,"acc":"A","user":"ann","name":"n","lang":"go","ver":"1",`
	ending := `"name_tag":"A","kind":"Client","client_type":"nats"}`
	expect := func(shows string, want ...string) {
		t.Helper()
		got := w.heard(all)
		if len(got) != len(want) {
			t.Fatalf("%s: %d events: %q", shows, len(got), got)
		}
		for i := range want {
			text := eventHead.ReplaceAllString(serverBlock.ReplaceAllString(got[i], "SERVER"), "$1")
			if !strings.HasPrefix(text, want[i]) {
				t.Errorf("%s\n got %s\nwant %s", shows, text, want[i])
			}
		}
	}
	count := func(name string) []string {
		return []string{"$SYS.SERVER.ACCOUNT." + name + `.CONNS {account_connections,SERVER,"acc":"` + name, "$SYS.ACCOUNT." + name + `.SERVER.CONNS {account_connections,SERVER,"acc":"` + name}
	}
	a.Traffic().Connections.Add(1)
	w.guest.Connected(a, func() report.Conn { return conn })
	expect("a connection", append(count("A"), `$SYS.ACCOUNT.A.CONNECT {client_connect,SERVER,`+ann+ending+"}")...)
	w.clock.Advance(countEvery)
	heard := w.heard(all)
	if n := len(heard); n < 3 || !strings.HasPrefix(heard[0], "$SYS.SERVER.NID.STATSZ") {
		t.Errorf("half a minute later: %q", heard)
	}
	a.Traffic().Connections.Add(-1)
	w.guest.Disconnected(a, conn, nil)
	expect("its end", append(count("A"), `$SYS.ACCOUNT.A.DISCONNECT {client_disconnect,SERVER,`+ann+`"rtt":5,"stop":"2026-01-02T03:04:05Z",`+ending+
		`,"sent":{"msgs":1,"bytes":2},"received":{"msgs":3,"bytes":4},"reason":"Client Closed"}`)...)
	refused := w.listen("$G", "$SYS.ACCOUNT.CLIENT.AUTH.ERR")
	conn.Account, conn.Reason = "", "Authentication Failure"
	w.guest.Disconnected(nil, conn, new(auth.Error))
	expect("somebody refused", `$SYS.SERVER.NID.CLIENT.AUTH.ERR {client_disconnect,SERVER,`, `$SYS.ACCOUNT.$G.DISCONNECT {client_disconnect,SERVER,`)
	if got := w.heard(refused); len(got) != 1 {
		t.Errorf("the global account heard %q", got)
	}
	w.guest.EnterLameDuck()
	expect("lame duck mode", `$SYS.SERVER.NID.LAMEDUCK {"name":"one"`)
	w.guest.Close()
	expect("the end", `$SYS.SERVER.NID.SHUTDOWN {"name":"one"`)
	if got := w.heard(tenant); len(got) > 0 {
		t.Errorf("the tenant heard %q", got)
	}
}

var eventHead = regexp.MustCompile(`"type":"io\.nats\.server\.advisory\.v1\.([a-z_]+)","id":"[0-9A-Za-z]{22}","timestamp":"[^"]+"`)

// Nothing is described that nobody listens for, and a guest without a system account is silent.
func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.guest.Connected(w.broker.Account("A"), func() report.Conn {
		t.Error("described in vain")
		return report.Conn{}
	})
	alone := New(Options{Broker: broker.New(router.New(), nil), Clock: w.clock})
	alone.Start()
	alone.Connected(nil, nil)
	alone.Disconnected(nil, report.Conn{}, new(auth.Error))
	alone.EnterLameDuck()
	alone.Close()
}

// What is asked faster than it can be answered is dropped, and nothing else breaks.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	begun, block := make(chan struct{}), make(chan struct{})
	w.guest.queue.add(func() {
		close(begun)
		<-block
	})
	<-begun
	session := w.broker.Account("$SYS").Open(nil)
	defer session.Rest()
	for i := range maxQueued + 100 {
		session.Publish(&router.Message{Subject: []byte("$SYS.REQ.SERVER.PING.IDZ"), Reply: fmt.Appendf(nil, "r.%d", i)})
	}
	w.guest.queue.mu.Lock()
	waiting, dropped := len(w.guest.queue.jobs), w.guest.queue.dropped
	w.guest.queue.mu.Unlock()
	close(block)
	w.guest.queue.done.Wait()
	if waiting > maxQueued || dropped < 100 {
		t.Errorf("%d wait, %d were dropped", waiting, dropped)
	}
	if got := w.ask("$SYS", "$SYS.REQ.SERVER.PING.IDZ", ""); got == "" {
		t.Error("no answer afterwards")
	}
}

// FuzzRequest sends requests of any content.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{"", "{}", `{"acc":"A","cid":1,"sort":"cid","limit":-5,"offset":9223372036854775807,"state":7}`, "[]", `{"tags":[""]}`, "\x00"} {
		f.Add("PING.CONNZ", body)
		f.Add("NID.KICK", body)
		f.Add("PING.SUBSZ", body)
	}
	f.Fuzz(func(t *testing.T, what, body string) {
		w := newWorld(t)
		if answer := w.ask("$SYS", "$SYS.REQ.SERVER."+what, body); answer != "" && answer != "nobody" && !json.Valid([]byte(answer)) {
			t.Errorf("answered %q", answer)
		}
	})
}
