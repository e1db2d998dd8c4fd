//go:build unix

package protocol

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"myelin/internal/testkit"
)

const reloadUsers = `authorization {users: [
 {user: stays, password: p}
 {user: less, password: p, permissions: {subscribe: ["a.>", "b.>"]}}
 {user: changes, password: p}
]}
`

// SIGHUP puts another file into force: who stays allowed stays, subscriptions that are not allowed any more end with an error, who
// has another password has to go. A file that asks for what needs another start changes nothing. Flags keep their precedence.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(reloadUsers)
	options := testkit.Options{Config: "include '../" + filepath.Base(dir) + "/users.conf'\n"}
	if testkit.OwnBinary() { // stock forgets this one when it reloads
		options.Flags = []string{"-n", "named"}
	}
	server := testkit.Start(t, options)
	login := func(user string) *testkit.Raw {
		conn := server.Raw(t)
		conn.Send(`CONNECT {"verbose":false,"user":"` + user + `","pass":"p"}`)
		conn.Sync()
		return conn
	}
	stays, less, changes := login("stays"), login("less"), login("changes")
	less.Send("SUB a.x 1", "SUB b.x 2")
	less.Sync()
	reload := func(done string) {
		t.Helper()
		before := strings.Count(server.Log(), done)
		server.Signal(syscall.SIGHUP)
		testkit.Eventually(t, done, func() bool { return strings.Count(server.Log(), done) > before })
	}
	changed := strings.Replace(strings.Replace(reloadUsers, "changes, password: p", "changes, password: q", 1), `, "b.>"`, "", 1)

	write(changed + "max_closed_clients: 7\n")
	reload("Failed to reload server configuration: config reload not supported for MaxClosedClients: old=10000, new=7")
	write(changed + "none: 7\n")
	reload(`unknown field "none"`)
	for _, conn := range []*testkit.Raw{stays, less, changes} {
		conn.Sync()
	}

	if options.Flags != nil {
		changed += "server_name: other\n"
	}
	write(changed)
	reload("Reloaded server configuration")
	changes.Expect("-ERR 'Authorization Violation'")
	changes.ExpectClosed()
	expectReason(t, server, changes.Info.ClientID, "Authentication Failure")
	less.Expect(`-ERR 'Permissions Violation for Subscription to "b.x" (sid "2")'`)
	stays.Send("PUB b.x 0", "", "PUB a.x 0", "")
	stays.Sync()
	less.Expect("MSG a.x 1 0", "")
	var varz struct {
		Name string `json:"server_name"`
	}
	if server.Monitor("/varz", &varz); options.Flags != nil && varz.Name != "named" {
		t.Errorf("the server is called %q", varz.Name)
	}
	if text := "Reloaded: authorization users"; !strings.Contains(server.Log(), text) {
		t.Errorf("the log does not say %q", text)
	}
}
