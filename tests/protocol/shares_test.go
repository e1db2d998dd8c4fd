package protocol

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const sharing = `
mappings: {g: h}
accounts {
  A {
    users: [{user: a, password: p}, {user: r, password: p, permissions: {publish: "none", subscribe: "svc.*", allow_responses: true}}]
    mappings: {"m.*": "mapped.$1"}
    exports: [{service: "svc.*"}, {service: "m.*"}, {service: many, response: stream}, {service: "u.*.*"}, {service: "c"}, {service: "p.>", accounts: [C]}, {service: slow, threshold: "20ms"}]
  }
  B {
    users: [{user: b, password: p}]
    exports: [{service: bc}]
    imports: [
      {service: {account: A, subject: "svc.*"}}, {service: {account: A, subject: "m.*"}}, {service: {account: A, subject: many}}, {service: {account: A, subject: slow}}
      {service: {account: A, subject: "u.*.*"}, to: "uu.$2.$1"}, {service: {account: A, subject: "svc.shared"}, to: shared, share: true}, {service: {account: A, subject: c}, to: bc}
    ]
  }
  C { users: [{user: c, password: p}], imports: [{service: {account: B, subject: bc}, to: cc}, {service: {account: A, subject: "p.1"}, to: "p.2"}] }
}
`

// asker is a connection that can be told that nobody answers.
func asker(t *testing.T, server *testkit.Server, user string) *testkit.Raw {
	t.Helper()
	conn := server.Raw(t)
	conn.Send(fmt.Sprintf(`CONNECT {"user":%q,"pass":"p","verbose":false,"headers":true,"no_responders":true}`, user))
	conn.Sync()
	return conn
}

// asked is a request as a service sees it.
type asked struct{ subject, reply, header, body string }

var requestForm = regexp.MustCompile(`^(H?)MSG (\S+) \S+ (?:(\S+) )?(?:\d+ )?\d+$`)

// message reads the next message.
func message(t *testing.T, conn *testkit.Raw) (m asked) {
	t.Helper()
	for {
		line := conn.Line()
		parts := requestForm.FindStringSubmatch(line)
		if parts == nil {
			if line != "PING" {
				t.Fatalf("got %q instead of a message", line)
			}
			continue
		}
		m.subject, m.reply = parts[2], parts[3]
		for parts[1] != "" {
			head := conn.Line()
			if head == "" {
				break
			}
			m.header += head + "\n"
		}
		m.body = conn.Line()
		return m
	}
}

func publish(conn *testkit.Raw, subject, reply, body string) {
	if reply != "" {
		subject += " " + reply
	}
	conn.Send(fmt.Sprintf("PUB %s %d", subject, len(body)), body)
}

func (m asked) expect(t *testing.T, subject, body string, header ...string) asked {
	t.Helper()
	if m.subject != subject || m.body != body {
		t.Errorf("got %+v instead of %s %s", m, subject, body)
	}
	for _, part := range header {
		if !strings.Contains(m.header, part) {
			t.Errorf("the header %q lacks %s", m.header, part)
		}
	}
	return m
}

// A request is answered from another account: on a subject that leads back once, or as often as the service says.
func TestServicesOfOtherAccounts(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: sharing})
	a, b, c := asker(t, server, "a"), asker(t, server, "b"), asker(t, server, "c")
	b.Send("SUB in 1")
	publish(b, "svc.1", "in", "")
	message(t, b).expect(t, "in", "", "503", "Nats-Subject: svc.1")
	a.Send("SUB svc.* 1", "SUB mapped.* 2", "SUB many 3", "SUB u.*.* 4", "SUB c 5", "SUB slow 6", "SUB p.> 7")
	a.Sync()
	publish(b, "svc.1", "in", "ask")
	q := message(t, a).expect(t, "svc.1", "ask", `Nats-Request-Info: {"acc":"B"`)
	if !strings.HasPrefix(q.reply, "_R_.") {
		t.Errorf("the reply subject is %q", q.reply)
	}
	publish(a, q.reply, "", "answer")
	publish(a, q.reply, "", "another")
	message(t, b).expect(t, "in", "answer")
	publish(b, "m.1", "in", "mapped")
	message(t, a).expect(t, "mapped.1", "mapped")
	publish(b, "uu.1.2", "in", "turned")
	message(t, a).expect(t, "u.2.1", "turned")
	publish(b, "shared", "", "who")
	message(t, a).expect(t, "svc.shared", "who", `"user":"b"`, `"host":"127.0.0.1"`)

	publish(b, "many", "in", "list")
	q = message(t, a)
	for _, body := range []string{"1", "2", "", "3"} {
		publish(a, q.reply, "", body)
	}
	for _, body := range []string{"1", "2", ""} {
		message(t, b).expect(t, "in", body)
	}
	b.Sync()

	c.Send("SUB in 1")
	publish(c, "cc", "in", "far")
	q = message(t, a).expect(t, "c", "far", `"acc":"C"`, `"svc":"B"`)
	publish(a, q.reply, "", "and back")
	message(t, c).expect(t, "in", "and back")
	publish(c, "p.2", "in", "private")
	message(t, a).expect(t, "p.1", "private")
	a.Sync()
	b.Sync()
}

// An answer may ask back, which is answered likewise.
func TestAnswersThatAsk(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: sharing})
	a, b := asker(t, server, "a"), asker(t, server, "b")
	b.Send("SUB in 1")
	a.Send("SUB svc.* 1", "SUB back 2")
	a.Sync()
	publish(b, "svc.1", "in", "ask")
	publish(a, message(t, a).reply, "back", "really?")
	q := message(t, b).expect(t, "in", "really?")
	if !strings.HasPrefix(q.reply, "_R_.") {
		t.Errorf("the reply subject is %q", q.reply)
	}
	publish(b, q.reply, "", "yes")
	message(t, a).expect(t, "back", "yes")
}

// Nobody gets across but by what is imported.
func TestNoOtherWayAcross(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: sharing})
	a, b, c := asker(t, server, "a"), asker(t, server, "b"), asker(t, server, "c")
	a.Send("SUB > 1")
	a.Sync()
	c.Send("SUB > 1")
	c.Sync()
	b.Send("SUB in 1", "SUB _R_.> 2")
	for _, subject := range []string{"p.1", "p.2", "u.1.2", "c", "mapped.1", "_INBOX.a", "$SYS.REQ.ACCOUNT.A.CONNZ", "$JS.API.INFO"} {
		publish(b, subject, "in", "")
		message(t, b).expect(t, "in", "", "503")
	}
	a.Sync()
	c.Sync()
	publish(b, "svc.1", "in", "ask")
	q := message(t, a)
	for name, conn := range map[string]*testkit.Raw{"B": b, "C": c} {
		publish(conn, q.reply, "", "forged by "+name)
	}
	message(t, b).expect(t, q.reply, "forged by B")
	message(t, c).expect(t, q.reply, "forged by C")
	b.Sync()
	b.Send("HPUB svc.1 in 39 39", "NATS/1.0", `Nats-Request-Info: "root"`, "", "")
	b.Sync()
	message(t, a).expect(t, "svc.1", "", `{"acc":"B"`)
	b.Send("PUB svc.1 _R_.x.y 0", "")
	b.ExpectMatch(`-ERR 'Permissions Violation for Publish with Reply of "_R_.x.y"'`)
}

// Who may publish nothing but answers, answers other accounts.
func TestAnswersByRight(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: sharing})
	r, b := asker(t, server, "r"), asker(t, server, "b")
	r.Send("SUB svc.* 1")
	r.Sync()
	b.Send("SUB in 1")
	publish(b, "svc.1", "in", "ask")
	publish(r, message(t, r).reply, "", "answer")
	message(t, b).expect(t, "in", "answer")
}

// The page of an account shows what it shares.
func TestAccountzShares(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: sharing})
	type detail struct {
		Exports []map[string]any `json:"exports"`
		Imports []map[string]any `json:"imports"`
		Maps    any              `json:"mappings"`
	}
	shown := func(account string) detail {
		var page struct {
			Detail detail `json:"account_detail"`
		}
		server.Monitor("/accountz?acc="+account, &page)
		return page.Detail
	}
	expect := func(list []map[string]any, want string) {
		t.Helper()
		for _, entry := range list {
			if fmt.Sprint(entry) == want {
				return
			}
		}
		t.Errorf("%v lacks %s", list, want)
	}
	a, b := shown("A"), shown("B")
	if maps := fmt.Sprint(shown("$G").Maps); maps != "map[g:[map[subject:h weight:100]]]" {
		t.Errorf("the mappings of $G are %s", maps)
	}
	expect(a.Exports, "map[response_type:Singleton subject:svc.* type:service]")
	expect(a.Exports, "map[response_type:Streamed subject:many type:service]")
	expect(a.Exports, "map[approved_accounts:[C] response_type:Singleton subject:p.> type:service]")
	expect(b.Imports, "map[account:A invalid:false local_subject:svc.* share:false subject:svc.* to:svc.* tracking:false type:service]")
	expect(b.Imports, "map[account:A invalid:false local_subject:uu.*.* share:false subject:u.*.* to:uu.*.* tracking:false type:service]")
	expect(b.Imports, "map[account:A invalid:false local_subject:shared share:true subject:svc.shared to:shared tracking:false type:service]")
}
