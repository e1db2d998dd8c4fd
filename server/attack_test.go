package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// tenants are a victim A with private subjects and some that it shares, its customer B, and a stranger C.
const tenants = `jetstream {store_dir: "HERE"}
accounts {
 SYS {users: [{user: sys, password: p}]}
 A {jetstream: enabled, users: [{user: a, password: p}], mappings {"svc.mapped": "svc.new"}
  exports: [{service: "svc.>", accounts: [B]}, {service: "traced.>", allow_trace: true}, {stream: "ev.>", accounts: [B]}
   {service: "own.*.>", account_token_position: 2}]}
 B {jetstream: enabled, users: [{user: b, password: p}]
  imports: [{service: {account: A, subject: "svc.>"}}, {service: {account: A, subject: "svc.*"}, to: "ask.*"}
   {service: {account: A, subject: "traced.>"}}, {stream: {account: A, subject: "ev.>"}}, {service: {account: A, subject: "own.B.>"}, to: "own.>"}]}
 C {users: [{user: c, password: p}]}
}
system_account: SYS
`

// spies note what comes to accounts with an attack in it. Who has flushed after that has it noted.
type spies []spy

type spy struct {
	account string
	got     chan *nats.Msg
}

func (s *spies) watch(t *testing.T, account string, nc *nats.Conn, pattern string) {
	t.Helper()
	got := make(chan *nats.Msg, 1000)
	_, err := nc.ChanSubscribe(pattern, got)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, spy{account, got})
}

func (s spies) take() (list []string) {
	for _, spy := range s {
		for len(spy.got) > 0 {
			if m := <-spy.got; strings.Contains(string(m.Data), "attack") {
				list = append(list, spy.account+" "+m.Subject)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// What somebody publishes reaches other accounts by what they share, and by nothing else: neither by names of the server's own, nor by
// wildcards, reply subjects or headers.
func TestSubjectsOfOthers(t *testing.T) {
	r := fromFile(t, tenants)
	conns := map[string]*nats.Conn{}
	all := spies{}
	for _, name := range []string{"a", "b", "c", "sys"} {
		conns[name], _ = r.connect(nats.UserInfo(name, "p"))
		all.watch(t, strings.ToUpper(name), conns[name], ">")
	}
	for _, row := range []struct {
		by, subject, reply string
		header             nats.Header
		want               []string // who gets it besides who sent it
	}{
		// what is shared
		{"b", "svc.x", "", nil, []string{"A svc.x"}},
		{"b", "ask.x", "", nil, []string{"A svc.x"}},
		{"b", "svc.mapped", "", nil, []string{"A svc.new"}},
		{"b", "own.x", "", nil, []string{"A own.B.x"}},
		{"a", "ev.x", "", nil, []string{"B ev.x"}},

		// what is not
		{"b", "private", "", nil, nil},
		{"b", "ev.x", "", nil, nil}, // a stream leads one way
		{"c", "svc.x", "", nil, nil},
		{"c", "ev.x", "", nil, nil},
		{"a", "svc.x", "", nil, nil}, // a service leads one way
		{"a", "ask.x", "", nil, nil},

		// wildcards are no more than letters in what is published
		{"b", "svc.*", "", nil, []string{"A svc.*"}},
		{"b", "ask.*", "", nil, []string{"A svc.*"}},
		{"b", "ask.>", "", nil, []string{"A svc.>"}},
		{"b", "*", "", nil, nil},
		{"b", ">", "", nil, nil},
		{"b", "*.x", "", nil, nil},
		{"a", "ev.>", "", nil, []string{"B ev.>"}},
		{"b", "own.C.>", "", nil, []string{"A own.B.C.>"}}, // the token is where it belongs
		{"b", "own.B.C", "", nil, []string{"A own.B.B.C"}},

		// what belongs to the server
		{"b", "$SYS.REQ.SERVER.PING", "in", nil, nil},
		{"b", "$SYS.REQ.ACCOUNT.A.CONNZ", "in", nil, nil},
		{"b", "$SYS.REQ.ACCOUNT.A.CLAIMS.UPDATE", "in", nil, nil},
		{"b", "$SYS.ACCOUNT.A.CONNECT", "", nil, nil},
		{"b", "$SYS.ACCOUNT.B.CONNECT", "", nil, nil},
		{"b", "$JS.EVENT.ADVISORY.API", "", nil, nil},
		{"b", "$JS.API.STREAM.DELETE.S", "", nil, nil},
		{"b", "$JS.ACK.S.c.1.1.1.1.0", "", nil, nil},
		{"b", "$JS.FC.S.c.x", "", nil, nil},
		{"b", "_INBOX.a.1", "", nil, nil},
		{"b", "_R_.a.b", "", nil, nil},
		{"c", "_R_.*", "", nil, nil},
		{"b", "$G.svc.x", "", nil, nil},
		{"b", "A.private", "", nil, nil},

		// where answers are asked for is in the account of who asks
		{"b", "svc.x", "private", nil, []string{"A svc.x"}},
		{"b", "svc.x", "$SYS.REQ.SERVER.PING", nil, []string{"A svc.x"}},
		{"b", "svc.x", "$JS.API.STREAM.DELETE.S", nil, []string{"A svc.x"}},
		{"b", "svc.x", "_R_.a.b", nil, nil}, // nobody may ask for answers there
		{"a", "ev.x", "private", nil, []string{"B ev.x"}},

		// what headers say of accounts is not believed
		{"b", "private", "", nats.Header{"Nats-Request-Info": {`{"acc":"A"}`}}, nil},
		{"b", "svc.x", "", nats.Header{"Nats-Request-Info": {`{"acc":"SYS"}`}}, []string{"A svc.x"}},
		{"b", "svc.x", "", nats.Header{"Nats-Trace-Dest": {"private"}}, []string{"A svc.x"}},
		{"b", "traced.x", "", nats.Header{"Nats-Trace-Dest": {"private"}}, []string{"A traced.x"}},
		{"b", "traced.x", "", nats.Header{"Nats-Trace-Dest": {"private"}, "Nats-Trace-Only": {"true"}}, nil},
		{"c", "x", "", nats.Header{"Nats-Trace-Dest": {"svc.x"}, "Nats-Trace-Origin-Account": {"A"}}, nil},
	} {
		what := fmt.Sprintf("%s publishes %s %s %v", row.by, row.subject, row.reply, row.header)
		m := &nats.Msg{Subject: row.subject, Reply: row.reply, Header: row.header, Data: []byte("attack")}
		if err := conns[row.by].PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		// Whoever was to get it has it once its publisher has an answer, and its own answer after that.
		for _, name := range []string{row.by, "a", "b", "c", "sys"} {
			if err := conns[name].Flush(); err != nil {
				t.Fatal(what, err)
			}
		}
		own := strings.ToUpper(row.by) + " "
		got := slices.DeleteFunc(all.take(), func(s string) bool {
			return strings.HasPrefix(s, own) || s == "B $JS.EVENT.ADVISORY.API" // which tells B of a request of its own, a little later
		})
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q get it", what, got)
		}
	}
}

// Who answers sees neither where the answer goes, nor can anybody else answer, or answer twice, or listen to answers.
func TestAnswersOfOthers(t *testing.T) {
	r := fromFile(t, tenants)
	a, _ := r.connect(nats.UserInfo("a", "p"))
	b, _ := r.connect(nats.UserInfo("b", "p"))
	c, _ := r.connect(nats.UserInfo("c", "p"))
	all := spies{}
	for name, nc := range map[string]*nats.Conn{"A": a, "C": c} {
		for _, pattern := range []string{"_INBOX.>", "private.>"} {
			all.watch(t, name, nc, pattern)
		}
	}
	service, err := a.SubscribeSync("svc.x")
	if err != nil {
		t.Fatal(err)
	}
	in, err := b.SubscribeSync("private.b")
	if err != nil {
		t.Fatal(err)
	}
	for _, nc := range []*nats.Conn{a, b} {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	m := nats.NewMsg("svc.x")
	m.Reply, m.Data = "private.b", []byte("attack")
	m.Header.Set("Nats-Request-Info", `{"acc":"SYS","user":"root"}`)
	if err := b.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	asked, err := service.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if info := asked.Header.Values("Nats-Request-Info"); len(info) != 1 || !strings.Contains(info[0], `"acc":"B"`) || strings.Contains(info[0], "root") {
		t.Errorf("who asks is %q", info)
	}
	if !strings.HasPrefix(asked.Reply, "_R_.") {
		t.Errorf("the service sees %q", asked.Reply)
	}
	for _, forged := range []struct {
		nc      *nats.Conn
		subject string
	}{{b, asked.Reply}, {c, asked.Reply}, {a, "private.b"}, {c, "private.b"}, {a, asked.Reply + "x"}, {a, asked.Reply + ".x"}, {a, asked.Reply[:len(asked.Reply)-1]}} {
		if err := forged.nc.Publish(forged.subject, []byte("forged")); err != nil {
			t.Fatal(err)
		}
		if err := forged.nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second one is too much
		if err := a.Publish(asked.Reply, []byte("answer")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := in.NextMsg(patience); err != nil || string(got.Data) != "answer" || got.Subject != "private.b" {
		t.Errorf("%+v %v", got, err)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := in.Pending(); n != 0 {
		t.Errorf("%d more answers", n)
	}
	if got := all.take(); len(got) != 0 {
		t.Errorf("others get %q", got)
	}
}
