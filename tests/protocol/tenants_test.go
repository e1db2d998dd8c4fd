package protocol

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// request asks and returns the one answer, a line of JSON.
func request(t *testing.T, conn *testkit.Raw, subject, body string) string {
	t.Helper()
	conn.Send("SUB in 99", fmt.Sprintf("PUB %s in %d", subject, len(body)), body)
	var answer string
	for answer == "" {
		if strings.HasPrefix(conn.Line(), "MSG in 99") {
			answer = conn.Line()
		}
	}
	conn.Send("UNSUB 99")
	return answer
}

// Each account has streams of its own, under whatever names, and within its own limits; what one stores another does not see, and
// who may keep none is told so.
func TestStreamsOfAccounts(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`
jetstream { store_dir: %q }
accounts {
  A { users: [{user: a, password: p}], jetstream: enabled }
  B { users: [{user: b, password: p}], jetstream { max_file: 4000, max_streams: 1, max_consumers: 1 } }
  C { users: [{user: c, password: p}] }
}
authorization { users: [{user: g, password: p}] }
`, t.TempDir())})
	a, b := as(t, server, "a"), as(t, server, "b")
	create := func(conn *testkit.Raw, name, subject string) string {
		t.Helper()
		return request(t, conn, "$JS.API.STREAM.CREATE."+name, fmt.Sprintf(`{"name":%q,"subjects":[%q]}`, name, subject))
	}
	expect := func(shows, answer string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(answer, part) {
				t.Errorf("%s: %s lacks %s", shows, answer, part)
			}
		}
	}
	expect("A creates", create(a, "S", "s.>"), `"did_create":true`)
	expect("B creates under the same name", create(b, "S", "s.>"), `"did_create":true`)
	expect("B creates another", create(b, "T", "t.>"), `"err_code":10027`)
	for i := range 3 {
		expect("A stores", request(t, a, "s.1", "x"), fmt.Sprintf(`{"stream":"S","seq":%d}`, i+1))
	}
	expect("B stores", request(t, b, "s.1", "y"), `{"stream":"S","seq":1}`)
	expect("A asks", request(t, a, "$JS.API.STREAM.INFO.S", ""), `"messages":3`)
	expect("B asks", request(t, b, "$JS.API.STREAM.INFO.S", ""), `"messages":1`)
	expect("B reads", request(t, b, "$JS.API.STREAM.MSG.GET.S", `{"seq":2}`), `"err_code":10037`)
	large := strings.Repeat("z", 3000)
	expect("B stores much", request(t, b, "s.2", large), `"seq":2`)
	expect("B stores more", request(t, b, "s.2", large), `"err_code":10002`, "resource limits exceeded for account")
	expect("A stores as much", request(t, a, "s.2", large), `"seq":4`)
	expect("A's account", request(t, a, "$JS.API.INFO", ""), `"streams":1`, `"max_streams":-1`)
	expect("B's account", request(t, b, "$JS.API.INFO", ""), `"streams":1`, `"max_storage":4000,"max_streams":1,"max_consumers":1`)
	for _, user := range []string{"c", "g"} {
		conn := as(t, server, user)
		expect(user+" asks", request(t, conn, "$JS.API.INFO", ""), `"err_code":10039`, "JetStream not enabled for account")
		expect(user+" creates", create(conn, "S", "s.>"), `"err_code":10039`)
	}
	expect("B deletes", request(t, b, "$JS.API.STREAM.DELETE.S", ""), `"success":true`)
	expect("A still has its own", request(t, a, "$JS.API.STREAM.INFO.S", ""), `"messages":4`)
	var jsz struct {
		Accounts []struct {
			Name string `json:"name"`
		} `json:"account_details"`
	}
	server.Monitor("/jsz?accounts=1", &jsz)
	if len(jsz.Accounts) != 2 {
		t.Errorf("accounts with streams are %v", jsz.Accounts)
	}
}
