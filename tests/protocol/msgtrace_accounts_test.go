package protocol

import (
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const tracing = `
accounts {
  A {
    users: [{user: a, password: p}]
    exports: [{service: "yes.>", allow_trace: true}, {service: "no.>"}, {stream: "sy.>"}, {stream: "sn.>"}]
  }
  B {
    users: [{user: b, password: p}]
    imports: [
      {service: {account: A, subject: "yes.>"}, to: "by.>"}, {service: {account: A, subject: "no.>"}, to: "bn.>"}
      {stream: {account: A, subject: "sy.>"}, allow_trace: true}, {stream: {account: A, subject: "sn.>"}}
    ]
    exports: [{service: "by.>", allow_trace: true}]
  }
  C { users: [{user: c, password: p}], imports: [{service: {account: B, subject: "by.>"}, to: "cy.>"}] }
}
`

// A trace goes on in other accounts where the export of a service, or the import of a stream, allows it, and so does what is traced only.
func TestTracesAcrossAccounts(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: tracing})
	conns := map[string]*testkit.Raw{}
	for _, user := range []string{"a", "b", "c"} {
		conns[user] = withHeaders(t, server, user, "")
	}
	conns["a"].Send("SUB yes.x 1", "SUB no.x 2")
	conns["b"].Send("SUB sy.x 1", "SUB sn.x 2")
	conns["a"].Sync()
	conns["b"].Sync()
	in := func(user, subject string) string {
		return `{"type":"in","kind":0,"name":"n-` + user + `","acc":"` + strings.ToUpper(user) + `","subj":"` + subject + `"}`
	}
	across := func(account, from, to string) string {
		return `{"type":"si","acc":"` + account + `","from":"` + from + `","to":"` + to + `"}`
	}
	stream := func(to string) string { return `{"type":"se","acc":"B","to":"` + to + `"}` }
	to := func(user, pattern string) string {
		return `{"type":"eg","kind":0,"name":"n-` + user + `","acc":"` + strings.ToUpper(user) + `","sub":"` + pattern + `"}`
	}
	for _, row := range []struct {
		by, subject string
		events      []string
		got         string // who gets it, unless it is traced only
		field       string // what its header says
	}{
		{"b", "by.x", []string{in("b", "by.x"), across("A", "by.x", "yes.x"), to("a", "yes.x")}, "a", "Nats-Trace-Dest: _R_."},
		{"b", "bn.x", []string{in("b", "bn.x"), across("A", "bn.x", "no.x")}, "a", "Nats-Trace-Dest: trace disabled"},
		{"c", "cy.x", []string{in("c", "cy.x"), across("B", "cy.x", "by.x"), across("A", "by.x", "yes.x"), to("a", "yes.x")}, "a", "Nats-Trace-Dest: _R_."},
		{"a", "sy.x", []string{in("a", "sy.x"), stream("sy.x"), to("b", "sy.x")}, "b", "Nats-Trace-Dest: tr"},
		{"a", "sn.x", []string{in("a", "sn.x"), stream("sn.x")}, "b", "Nats-Trace-Dest: tr"},
		{"b", "by.nobody", []string{in("b", "by.nobody"), across("A", "by.nobody", "yes.nobody")}, "", ""},
	} {
		for _, only := range []bool{false, true} {
			traces := withHeaders(t, server, row.by, "")
			traces.Send("SUB tr 1")
			traces.Sync()
			fields, what := "Nats-Trace-Dest: tr", row.by+" publishes "+row.subject
			if only {
				fields, what = fields+"; Nats-Trace-Only: true", what+", traced only"
			}
			hpub(conns[row.by], row.subject, "", fields, "body")
			expectTrace(t, what, traces, "tr", row.events...)
			if !only && row.got != "" {
				conn, header := conns[row.got], ""
				conn.ExpectMatch(`HMSG .*`)
				for line := conn.Line(); line != ""; line = conn.Line() {
					header += line + "\n"
				}
				if body := conn.Line(); body != "body" || !strings.Contains(header, row.field) {
					t.Errorf("%s: %q, %q", what, header, body)
				}
			}
			for _, conn := range conns {
				conn.Sync()
			}
			traces.Close()
		}
	}
}
