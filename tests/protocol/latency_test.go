package protocol

import (
	"encoding/json"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const measured = `
accounts {
  A {
    users: [{user: a, password: p}]
    exports: [
      {service: "svc.>", latency: {sampling: 100%, subject: "lat.svc"}, threshold: "100ms"}, {service: "all", latency: "lat.all"}
      {service: "hdr", latency: {sampling: headers, subject: "lat.hdr"}}
    ]
  }
  B { users: [{user: b, password: p}], imports: [{service: {account: A, subject: "svc.>"}}, {service: {account: A, subject: all}}, {service: {account: A, subject: hdr}}] }
  C { users: [{user: c, password: p}], imports: [{service: {account: A, subject: "svc.>"}, share: true}] }
}
`

// metric is what is told of a request, without what changes each time.
func metric(t *testing.T, conn *testkit.Raw) string {
	t.Helper()
	head := strings.Fields(conn.Line())
	text := conn.Line()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil || len(head) != 4 {
		t.Fatalf("%q, %q is no metric: %v", head, text, err)
	}
	for _, key := range []string{"id", "timestamp", "start"} {
		if s, _ := m[key].(string); s == "" {
			t.Errorf("%s: no %s", text, key)
		}
	}
	if m["type"] != "io.nats.server.metric.v1.service_latency" {
		t.Errorf("%s: the type is %v", text, m["type"])
	}
	ok := m["status"] == 200.0
	for _, key := range []string{"service", "system", "total"} {
		if n, has := m[key].(float64); !has || n < 0 || !ok && n != 0 || ok && key == "total" && n == 0 {
			t.Errorf("%s: %s is %v", text, key, m[key])
		}
		delete(m, key)
	}
	for _, key := range []string{"id", "timestamp", "start", "type"} {
		delete(m, key)
	}
	for _, who := range []string{"requestor", "responder"} {
		if w, ok := m[who].(map[string]any); ok {
			for _, key := range []string{"rtt", "start", "id", "server", "host", "lang", "ver"} {
				delete(w, key)
			}
		}
	}
	short, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return head[1] + " " + string(short)
}

// Who exports a service is told how it did: with requests that it answered, that it left open or that asked for no answer, and with those
// that nobody was there for; all of them, or those that are part of a trace.
func TestServiceLatency(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: measured})
	const (
		b         = `"requestor":{"acc":"B"}`
		c         = `"requestor":{"acc":"C","client_type":"nats","kind":"Client","name":"n-c","user":"c"}`
		responder = `"responder":{"acc":"A","client_type":"nats","kind":"Client","name":"n-a","user":"a"}`
	)
	a, told := withHeaders(t, server, "a", ""), withHeaders(t, server, "a", "")
	askers := map[string]*testkit.Raw{"b": withHeaders(t, server, "b", ""), "c": withHeaders(t, server, "c", "")}
	told.Send("SUB lat.> 1")
	told.Sync()
	expect := func(what, want string) {
		t.Helper()
		if got := metric(t, told); got != want {
			t.Errorf("%s:\n%s instead of\n%s", what, got, want)
		}
	}
	ask := func(who, subject, reply, fields string) {
		t.Helper()
		if fields == "" {
			askers[who].Send("PUB "+subject+" "+reply+" 0", "")
		} else {
			hpub(askers[who], subject, reply, fields, "")
		}
	}
	answer := func() {
		t.Helper()
		line := strings.Fields(a.Line())
		for a.Line() != "" { // the header, and its end
		}
		a.Line()
		a.Send("PUB "+line[3]+" 2", "ok")
		a.Sync()
	}

	ask("b", "svc.x", "in", "")
	expect("nobody is there", `lat.svc {"description":"Service Unavailable",`+b+`,"status":503}`)
	ask("c", "svc.x", "in", "")
	expect("nobody is there for who shares", `lat.svc {"description":"Service Unavailable",`+c+`,"status":503}`)
	a.Send("SUB svc.x 1", "SUB all 2", "SUB hdr 3")
	a.Sync()
	ask("b", "svc.x", "in", "")
	answer()
	expect("an answer", `lat.svc {`+b+`,`+responder+`,"status":200}`)
	ask("c", "svc.x", "in", "")
	answer()
	expect("an answer to who shares", `lat.svc {`+c+`,`+responder+`,"status":200}`)
	ask("b", "all", "in", "X-B3-Sampled: 1")
	answer()
	expect("all requests, whatever their header", `lat.all {`+b+`,`+responder+`,"status":200}`)
	for _, fields := range []string{"X-B3-Sampled: 0", "X-B3-TraceId: 1; X-B3-Sampled: 0", "B3: 0", "B3: 1-2-0", "traceparent: 00-1-2-00", "Uber-Trace-Id: 1:2:3:0", "Other: 1"} {
		ask("b", "hdr", "in", fields)
		answer()
	}
	for fields, want := range map[string]string{
		"X-B3-Sampled: 1; Other: 1":                  `{"X-B3-Sampled":["1"]}`,
		"X-B3-TraceId: 80f; x-b3-spanid: 2":          `{"X-B3-Spanid":["2"],"X-B3-Traceid":["80f"]}`,
		"B3: 80f-e4":                                 `{"B3":["80f-e4"]}`,
		"b3: 80f-e4-1-05":                            `{"B3":["80f-e4-1-05"]}`,
		"traceparent: 00-1-2-01; tracestate: vendor": `{"Traceparent":["00-1-2-01"],"Tracestate":["vendor"]}`,
		"Uber-Trace-Id: 1:2:3:1":                     `{"Uber-Trace-Id":["1:2:3:1"]}`,
	} {
		ask("b", "hdr", "in", fields)
		answer()
		expect(fields, `lat.hdr {"header":`+want+`,`+b+`,`+responder+`,"status":200}`)
	}
	ask("b", "svc.x", "", "")
	expect("no answer is asked for", `lat.svc {"description":"Bad Request",`+b+`,"status":400}`)
	ask("b", "svc.x", "in", "")
	expect("it takes too long", `lat.svc {"description":"Service Timeout",`+b+`,"status":504}`)
}
