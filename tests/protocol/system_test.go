package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const tenants = `server_name: here
accounts {
  A { users: [{user: ann, password: p, permissions: {publish: ["x", "$SYS.>"], subscribe: {deny: "y"}}}], limits: {max_connections: 1} }
  B { users: [{user: bob, password: p}] }
  $SYS { users: [{user: sys, password: p}] }
}
`

// as connects as a user.
func as(t *testing.T, server *testkit.Server, user string) *testkit.Raw {
	t.Helper()
	conn := server.Raw(t)
	conn.Send(fmt.Sprintf(`CONNECT {"user":%q,"pass":"p","verbose":false,"name":"n","lang":"go","version":"1"}`, user))
	conn.Sync()
	return conn
}

// told is the next message of a subscription, past those whose subjects do not end like that.
func told(t *testing.T, conn *testkit.Raw, suffix string) (subject string, document map[string]any) {
	t.Helper()
	for {
		line := strings.Fields(conn.Line())
		if len(line) == 0 || line[0] != "MSG" {
			continue
		}
		body := conn.Line()
		if !strings.HasSuffix(line[1], suffix) {
			continue
		}
		if err := json.Unmarshal([]byte(body), &document); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return line[1], document
	}
}

// path finds a field in nested objects.
func path(document map[string]any, keys ...string) any {
	var value any = document
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// The system account hears who comes, who is refused and who goes, and of which account; nobody else does.
func TestSystemEvents(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: tenants})
	system, tenant := as(t, server, "sys"), as(t, server, "bob")
	for _, conn := range []*testkit.Raw{system, tenant} {
		conn.Send("SUB $SYS.ACCOUNT.> 1", "SUB $SYS.SERVER.> 2")
		conn.Sync()
	}
	ann := as(t, server, "ann")
	expect := func(suffix, subject string, fields map[string]any) {
		t.Helper()
		got, document := told(t, system, suffix)
		if got != subject {
			t.Errorf("on %s instead of %s", got, subject)
		}
		for key, want := range fields {
			if value := path(document, strings.Split(key, ".")...); value != want {
				t.Errorf("%s: %s is %v instead of %v", got, key, value, want)
			}
		}
	}
	expect(".CONNECT", "$SYS.ACCOUNT.A.CONNECT", map[string]any{
		"type": "io.nats.server.advisory.v1.client_connect", "client.id": float64(ann.Info.ClientID), "client.acc": "A",
		"client.user": "ann", "client.name": "n", "client.lang": "go", "client.ver": "1", "client.kind": "Client",
		"client.client_type": "nats", "server.name": "here",
	})
	wrong := server.Raw(t)
	wrong.Send(`CONNECT {"user":"ann","pass":"hunter2"}`)
	wrong.Expect("-ERR 'Authorization Violation'")
	id := wrong.Info.ClientID
	_, greeting, _ := strings.Cut(wrong.Info.Text, `"server_id":"`)
	serverID, _, _ := strings.Cut(greeting, `"`)
	expect(".AUTH.ERR", "$SYS.SERVER."+serverID+".CLIENT.AUTH.ERR", map[string]any{
		"type": "io.nats.server.advisory.v1.client_disconnect", "client.id": float64(id), "client.user": "ann",
		"client.acc": "$G", "reason": "Authentication Failure",
	})
	another := server.Raw(t)
	another.Send(`CONNECT {"user":"ann","pass":"p"}`)
	another.Expect("-ERR 'maximum account active connections exceeded'")
	expect("A.DISCONNECT", "$SYS.ACCOUNT.A.DISCONNECT", map[string]any{
		"client.id": float64(another.Info.ClientID), "client.acc": "A", "client.user": "ann", "reason": "Maximum Account Connections Exceeded",
	})
	ann.Close()
	expect("A.DISCONNECT", "$SYS.ACCOUNT.A.DISCONNECT", map[string]any{
		"client.id": float64(ann.Info.ClientID), "reason": "Client Closed", "sent.msgs": 0.0,
	})
	tenant.Sync()
}

// A user is told who it is, and of its account; not of others.
func TestSystemRequests(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: tenants})
	ann, bob, system := as(t, server, "ann"), as(t, server, "bob"), as(t, server, "sys")
	ask := func(conn *testkit.Raw, subject, body string) map[string]any {
		t.Helper()
		conn.Send("SUB in 1", fmt.Sprintf("PUB %s in %d", subject, len(body)), body)
		_, document := told(t, conn, "in")
		conn.Send("UNSUB 1")
		return document
	}
	info := ask(ann, "$SYS.REQ.USER.INFO", "")
	if path(info, "data", "user") != "ann" || path(info, "data", "account") != "A" || path(info, "server", "name") != "here" ||
		fmt.Sprint(path(info, "data", "permissions")) != "map[publish:map[allow:[x $SYS.>]] subscribe:map[deny:[y]]]" {
		t.Errorf("ann is %v", info)
	}
	if info := ask(bob, "$SYS.REQ.USER.INFO", ""); path(info, "data", "account") != "B" || path(info, "data", "permissions") != nil {
		t.Errorf("bob is %v", info)
	}
	for _, subject := range []string{"$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ"} {
		page := ask(bob, subject, `{"acc":"A","auth":true}`)
		conns, _ := path(page, "data", "connections").([]any)
		if len(conns) != 1 || path(conns[0].(map[string]any), "authorized_user") != "bob" {
			t.Errorf("%s shows bob %v", subject, conns)
		}
	}
	stat, _ := path(ask(bob, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"accounts":["A"]}`), "data", "account_statz").([]any)
	if len(stat) != 1 || path(stat[0].(map[string]any), "acc") != "B" {
		t.Errorf("bob is told of %v", stat)
	}
	if page := ask(system, "$SYS.REQ.ACCOUNT.A.CONNZ", ""); path(page, "data", "num_connections") != 1.0 {
		t.Errorf("A has %v", page)
	}
	if pong := ask(system, "$SYS.REQ.SERVER.PING", ""); path(pong, "statsz", "connections") != 3.0 || path(pong, "statsz", "active_accounts") != 3.0 {
		t.Errorf("the server answers %v", pong)
	}
	if names := ask(system, "$SYS.REQ.SERVER.PING.ACCOUNTZ", ""); len(path(names, "data", "accounts").([]any)) != 4 {
		t.Errorf("the accounts are %v", names)
	}
}
