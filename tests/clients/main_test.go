package clients

import (
	"fmt"
	"testing"

	"myelin/internal/testkit"
)

// config lets lame duck mode go as fast as it can, and has a store that syncs
// before it acknowledges.
const config = `
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
jetstream { store_dir: %q, sync_interval: always }
`

func TestMain(m *testing.M) { testkit.Main(m) }

func start(t *testing.T) *testkit.Server {
	t.Helper()
	return testkit.Start(t, testkit.Options{Config: fmt.Sprintf(config, t.TempDir())})
}

// restart kills the server and starts it again where it was.
func restart(server *testkit.Server) {
	server.Kill()
	server.Start()
}

// retire sends the server's clients away, and starts it again when it has ended.
func retire(t *testing.T, server *testkit.Server) {
	t.Helper()
	server.LameDuck()
	if code := server.WaitExit(); code != 0 {
		t.Errorf("the server in lame duck mode ends with code %d", code)
	}
	server.Start()
}
