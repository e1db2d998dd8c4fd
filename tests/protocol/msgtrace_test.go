package protocol

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// withHeaders connects a user who understands headers, and wants to hear when nobody responds.
func withHeaders(t *testing.T, server *testkit.Server, user string, more string) *testkit.Raw {
	t.Helper()
	conn := server.Raw(t)
	conn.Send(fmt.Sprintf(`CONNECT {"user":%q,"pass":"p","verbose":false,"headers":true,"no_responders":true,"name":"n-%s"%s}`, user, user, more))
	conn.Sync()
	return conn
}

// hpub publishes a message with the fields of a header, which are parted by "; ".
func hpub(conn *testkit.Raw, subject, reply, fields, body string) {
	block := "NATS/1.0\r\n" + strings.ReplaceAll(fields, "; ", "\r\n") + "\r\n\r\n"
	conn.Write(fmt.Sprintf("HPUB %s %s %d %d\r\n%s%s\r\n", subject, reply, len(block), len(block)+len(body), block, body))
}

// volatile is what differs each time, or with the order of subscriptions.
var volatile = regexp.MustCompile(`"(ts|cid)":("[^"]*"|\d+),?`)

// trace is the next trace on a connection that hears nothing else: its subject and its events, without what changes each time.
func trace(t *testing.T, conn *testkit.Raw) string {
	t.Helper()
	head := strings.Fields(conn.Line())
	var document struct {
		Server  map[string]any    `json:"server"`
		Events  []json.RawMessage `json:"events"`
		Request struct {
			Header map[string][]string `json:"header"`
			Size   int                 `json:"msgsize"`
		} `json:"request"`
	}
	line := conn.Line()
	if err := json.Unmarshal([]byte(line), &document); err != nil || len(head) < 2 {
		t.Fatalf("%q, %q is no trace: %v", head, line, err)
	}
	if document.Server["id"] == nil || document.Request.Size == 0 || len(document.Request.Header) == 0 {
		t.Errorf("%s does not say of what it is", line)
	}
	parts := []string{head[1]}
	for _, event := range document.Events {
		parts = append(parts, volatile.ReplaceAllString(string(event), ""))
	}
	return strings.Join(parts, "\n")
}

// expectTrace compares a trace with events, of which the first is how the message came and the others are in any order.
func expectTrace(t *testing.T, shows string, conn *testkit.Raw, dest string, events ...string) {
	t.Helper()
	got := strings.Split(trace(t, conn), "\n")
	if got[0] != dest {
		t.Errorf("%s: traced at %s instead of %s", shows, got[0], dest)
	}
	left := got[1:]
	for _, want := range events {
		found := false
		for i, event := range left {
			if found = event == want; found {
				left = append(left[:i:i], left[i+1:]...)
				break
			}
		}
		if !found {
			t.Errorf("%s: no %s\nin %s", shows, want, strings.Join(got, "\n"))
		}
	}
	if len(left) > 0 {
		t.Errorf("%s: unexpected: %s", shows, strings.Join(left, "\n"))
	}
}

// A message that asks for it is traced: to whom it goes, why to whom not, and under which subject.
func TestTraces(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: `
accounts {
  A {
    users: [
      {user: a, password: p}, {user: t, password: p}
      {user: b, password: p, permissions { publish { deny: ["deny.>"] }, subscribe { deny: ["foo.secret"] } }}
    ]
    mappings { "old": "new" }
  }
  T {
    users: [{user: x, password: p}]
    msg_trace: "traces"
  }
}`})
	a, b, traces := withHeaders(t, server, "a", `,"echo":false`), withHeaders(t, server, "b", ""), withHeaders(t, server, "t", "")
	traces.Send("SUB tr.> 1")
	traces.Sync()
	b.Send("SUB foo.* 1", "SUB foo.> q 2", "SUB new 3")
	b.Sync()
	a.Send("SUB in.> 1", "SUB own 2")
	a.Sync()
	const dest = "Nats-Trace-Dest: tr.x"
	in := func(user, subject string) string {
		return fmt.Sprintf(`{"type":"in","kind":0,"name":"n-%s","acc":"A","subj":"%s"}`, user, subject)
	}
	refused := func(text string) string {
		return fmt.Sprintf(`{"type":"in","kind":0,"name":"n-b","acc":"A","subj":"deny.x","error":%q}`, text)
	}
	plain := `{"type":"eg","kind":0,"name":"n-b","sub":"foo.*"}`
	queue := `{"type":"eg","kind":0,"name":"n-b","sub":"foo.\u003e","queue":"q"}`
	denied := func(event string) string {
		return strings.TrimSuffix(event, "}") + `,"error":"Not delivered because subscription denies this subject"}`
	}

	hpub(a, "foo.1", "", dest, "body")
	expectTrace(t, "to a subscription and a queue group", traces, "tr.x", in("a", "foo.1"), plain, queue)
	for range 2 {
		b.ExpectMatch(`HMSG foo\.1 [12] 35 39`)
		for range 4 {
			b.Line()
		}
	}
	hpub(a, "foo.1", "in.1", dest+"; Nats-Trace-Only: true", "body")
	expectTrace(t, "traced only", traces, "tr.x", in("a", "foo.1"), plain, queue)
	hpub(a, "foo.secret", "", dest, "")
	expectTrace(t, "denied", traces, "tr.x", in("a", "foo.secret"), denied(plain), denied(queue))
	b.Sync()
	a.Sync()

	hpub(a, "old", "", dest+"; Nats-Trace-Only: 1", "")
	expectTrace(t, "mapped", traces, "tr.x", in("a", "old"), `{"type":"sm","to":"new"}`, `{"type":"eg","kind":0,"name":"n-b","sub":"new"}`)
	hpub(a, "own", "", dest, "")
	expectTrace(t, "no echo", traces, "tr.x", in("a", "own"), `{"type":"eg","kind":0,"name":"n-a","sub":"own","error":"Not delivered because of no echo"}`)
	hpub(a, "nobody", "in.2", dest+"; Nats-Trace-Only: on", "")
	expectTrace(t, "nobody", traces, "tr.x", in("a", "nobody"))
	a.ExpectMatch(`HMSG in\.2 1 .*`)
	a.Expect("NATS/1.0 503")
	a.Expect("Nats-Subject: nobody")
	a.Expect("")
	a.Expect("")

	hpub(b, "deny.x", "", dest, "")
	b.Expect(`-ERR 'Permissions Violation for Publish to "deny.x"'`)
	expectTrace(t, "may not be published", traces, "tr.x", refused(`Permissions Violation for Publish to "deny.x"`))
	hpub(b, "foo.2", "", "Nats-Trace-Dest: deny.y", "")
	b.Expect(`-ERR 'Permissions Violation for Publish to "deny.y"'`)
	b.Sync() // the message went nowhere

	// What is not traced: the next trace is that of the last message.
	for _, fields := range []string{"nats-trace-dest: tr.x", "Nats-Trace-Dest: tr.*", "Nats-Trace-Dest: trace disabled", "Nats-Trace-Only: true",
		dest + "; Nats-Trace-Origin-Account: B", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"} {
		hpub(a, "none", "", fields, "")
	}
	hpub(a, "last", "", dest, "")
	expectTrace(t, "the last", traces, "tr.x", in("a", "last"))

	x, sampled := withHeaders(t, server, "x", ""), withHeaders(t, server, "x", "")
	sampled.Send("SUB traces 1")
	sampled.Sync()
	hpub(x, "none", "", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "")
	hpub(x, "some", "", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01; Nats-Trace-Only: 1", "")
	expectTrace(t, "sampled", sampled, "traces", `{"type":"in","kind":0,"name":"n-x","acc":"T","subj":"some"}`)
}

// A stream tells the trace what it did: what it stored under which subject, or why it did not.
func TestTracesOfStreams(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`
jetstream { store_dir: %q }
accounts {
  A { users: [{user: a, password: p}, {user: t, password: p}], jetstream: enabled }
  SYS { users: [{user: s, password: p}] }
}
system_account: SYS
`, t.TempDir())})
	a, traces := withHeaders(t, server, "a", ""), withHeaders(t, server, "t", "")
	for name, config := range map[string]string{
		"S": `"subjects":["s.>"],"max_msg_size":200`,
		"I": `"subjects":["i"],"retention":"interest"`,
		"X": `"subjects":["x.*"],"subject_transform":{"src":"x.*","dest":"y.{{wildcard(1)}}"}`,
		"N": `"subjects":["n"],"max_msgs":1,"discard":"new"`,
	} {
		if answer := request(t, a, "$JS.API.STREAM.CREATE."+name, fmt.Sprintf(`{"name":%q,%s}`, name, config)); strings.Contains(answer, "error") {
			t.Fatal(answer)
		}
	}
	a.Sync()
	traces.Send("SUB tr.> 1")
	traces.Sync()
	a.Send("SUB ack 2")
	const dest = "Nats-Trace-Dest: tr.x"
	only := dest + "; Nats-Trace-Only: true"
	for _, row := range []struct {
		subject, fields, body string
		did                   string // what the stream did, after its name
		answer                string // what the publisher hears; "" for nothing
	}{
		{"s.1", dest, "", `"S","subject":"s.1"`, `{"stream":"S","seq":1}`},
		{"s.1", only, "", `"S","subject":"s.1"`, ""},
		{"s.1", dest + "; Nats-Msg-Id: 1", "", `"S","subject":"s.1"`, `{"stream":"S","seq":2}`},
		{"s.1", dest + "; Nats-Msg-Id: 1", "", `"S","error":"msgid is duplicate"`, `{"stream":"S","seq":2,"duplicate": true}`},
		{"s.1", only + "; Nats-Msg-Id: 1", "", `"S","error":"msgid is duplicate"`, `{"stream":"S","seq":2,"duplicate": true}`},
		{"s.1", dest + "; Nats-Expected-Stream: Q", "", `"S","error":"expected stream does not match"`, `.*"err_code":10060.*`},
		{"s.1", dest + "; Nats-Expected-Last-Sequence: 9", "", `"S","error":"last sequence mismatch: 9 vs 2"`, `.*"err_code":10071.*`},
		{"s.1", only + "; Nats-Expected-Last-Sequence: 9", "", `"S","error":"last sequence mismatch: 9 vs 2"`, `.*"err_code":10071.*`},
		{"s.2", dest + "; Nats-Expected-Last-Subject-Sequence: 9", "", `"S","error":"last sequence by subject mismatch: 9 vs 0"`, `.*"err_code":10071.*`},
		{"s.1", dest + "; Nats-Expected-Last-Msg-Id: 9", "", `"S","error":"last msgid mismatch: \"9\" vs \"1\""`, `.*"err_code":10070.*`},
		{"s.1", dest, strings.Repeat("x", 200), `"S","error":"maximum payload exceeded"`, `.*"err_code":10054.*`},
		{"s.1", only, strings.Repeat("x", 200), `"S","error":"maximum payload exceeded"`, `.*"err_code":10054.*`},
		{"s.1", dest + "; Nats-Incr: 1", "", `"S","error":"message counters is disabled (10168)"`, `.*"err_code":10168.*`},
		{"s.1", dest + "; Nats-TTL: x", "", `"S","subject":"s.1","error":"invalid per-message TTL (10165)"`, `.*"err_code":10165.*`},
		{"i", dest, "", `"I","subject":"i","nointerest":true`, `{"stream":"I","seq":1}`},
		{"i", only, "", `"I","subject":"i","nointerest":true`, ""},
		{"x.1", dest, "", `"X","subject":"y.1"`, `{"stream":"X","seq":1}`},
		{"x.1", only, "", `"X","subject":"y.1"`, ""},
		{"n", dest, "", `"N","subject":"n"`, `{"stream":"N","seq":1}`},
		{"n", dest, "", `"N","subject":"n","error":"maximum messages exceeded"`, `.*"err_code":10077.*`},
		{"n", only, "", `"N","subject":"n"`, ""},
	} {
		shows := row.subject + " " + row.fields
		hpub(a, row.subject, "ack", row.fields, row.body)
		expectTrace(t, shows, traces, "tr.x", fmt.Sprintf(`{"type":"in","kind":0,"name":"n-a","acc":"A","subj":"%s"}`, row.subject),
			`{"type":"js","stream":`+row.did+`}`)
		if row.answer != "" {
			a.ExpectMatch("MSG ack 2 .*")
			a.ExpectMatch(row.answer)
		}
		a.Sync()
	}
	if answer := request(t, a, "$JS.API.STREAM.MSG.GET.S", `{"seq":1}`); !strings.Contains(answer, "dHJhY2UgZGlzYWJsZWQ") { // "trace disabled"
		t.Errorf("what is stored would be traced again: %s", answer)
	}
	hpub(a, "$JS.API.INFO", "", dest, "")
	expectTrace(t, "a request of the API", traces, "tr.x", `{"type":"in","kind":0,"name":"n-a","acc":"A","subj":"$JS.API.INFO"}`,
		`{"type":"si","acc":"SYS","from":"$JS.API.INFO","to":"$JS.API.INFO"}`)
}
