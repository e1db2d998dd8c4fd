package protocol

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// Of an account that may have no streams, and imports the API of one that has, all requests are for that one, as a stock
// server has it: what is not imported has no responders.
func TestImportsOfTheAPI(t *testing.T) {
	const info, list = "$JS.API.INFO", "$JS.API.STREAM.LIST"
	const away, refused, nobody = `"memory":0`, "JetStream not enabled for account", "Nats-Subject: "
	for imported, want := range map[string]map[string]string{
		info:        {info: away, list: nobody},
		"$JS.API.*": {info: away, list: nobody},
		"$JS.API.>": {info: away, list: `"streams":`},
		"orders":    {info: refused, list: refused},
	} {
		server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`
jetstream { store_dir: %q }
accounts {
  A { jetstream: enabled, users: [{user: a, password: p}], exports: [{service: %q}] }
  B { users: [{user: b, password: p}], imports: [{service: {account: A, subject: %[2]q}}] }
}
`, t.TempDir(), imported)})
		b := asker(t, server, "b")
		b.Send("SUB in 1")
		for subject, answer := range want {
			publish(b, subject, "in", "")
			if got := message(t, b); !strings.Contains(got.header+got.body, answer) {
				t.Errorf("%s with an import of %s: %q %q", subject, imported, got.header, got.body)
			}
		}
		b.Sync()
		server.Stop()
	}
}
