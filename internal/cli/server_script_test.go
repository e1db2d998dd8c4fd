package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"myelin/internal/config"
	"myelin/internal/vfs"
)

// systemConfig has an account with streams, whose user needs no password, and one for operators: sys with password sys.
const systemConfig = `
server_name: one
jetstream { max_file: 1GB }
accounts {
  A { jetstream { max_file: 1000, max_streams: 4 }, users: [{user: a, password: a}] }
  $SYS { users: [{user: sys, password: sys}] }
}
no_auth_user: a
`

// TestServerScripts runs testdata/server, each file against a server of its own with a system account.
func TestServerScripts(t *testing.T) {
	runScripts(t, "testdata/server", func(env *testscript.Env) error {
		file := filepath.Join(env.WorkDir, "system.conf")
		if err := os.WriteFile(file, []byte(systemConfig), 0o600); err != nil {
			return err
		}
		store := filepath.Join(env.WorkDir, "store")
		flags, err := config.ParseFlags([]string{"-c", file, "-sd", store})
		if err != nil {
			return err
		}
		cfg, err := flags.Load(vfs.OS{}, os.LookupEnv)
		if err != nil {
			return err
		}
		return startOwn(env, cfg)
	})
}
