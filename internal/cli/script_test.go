package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"myelin/internal/config"
	"myelin/internal/testkit"
	"myelin/server"
)

// TestMain makes the test binary answer to the names of the real one, so that scripts run it.
func TestMain(m *testing.M) {
	run := func() { os.Exit(Run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
	testscript.Main(m, map[string]func(){"myelin": run, "nats-server": run})
}

// TestScripts runs testdata/script, each file against a server of its own at $NATS_URL.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script", startServer)
}

// TestJetStreamScripts runs testdata/jetstream, each file against a server of its own with JetStream. MYELIN_BIN, an
// absolute path, names another server to run them against: they shall pass on a stock one as well.
func TestJetStreamScripts(t *testing.T) {
	runScripts(t, "testdata/jetstream", func(env *testscript.Env) error {
		store := filepath.Join(env.WorkDir, "store")
		if !testkit.OwnBinary() {
			s := testkit.Start(t, testkit.Options{Flags: []string{"-js", "-sd", store}})
			env.Defer(s.Stop)
			setWorld(env, s.URL())
			return nil
		}
		cfg := server.DefaultConfig()
		cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, store
		return startOwn(env, cfg)
	})
}

func runScripts(t *testing.T, dir string, setup func(*testscript.Env) error) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Setup:               setup,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"subscribed": subscribed,
			"written":    written,
			"consumers":  consumers,
			"code":       code,
		},
	})
}

// startServer prepares the world of a script.
func startServer(env *testscript.Env) error {
	return startOwn(env, server.DefaultConfig())
}

// startOwn starts a server within this process.
func startOwn(env *testscript.Env, cfg *config.Config) error {
	cfg.Host, cfg.Port = "127.0.0.1", -1
	cfg.HTTPHost, cfg.HTTPPort = "127.0.0.1", -1
	cfg.Log.File = filepath.Join(env.WorkDir, "server.log")
	s, err := server.New(server.Options{Config: cfg})
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	env.Defer(s.Shutdown)
	env.Setenv("MONITOR_URL", s.MonitorURL())
	setWorld(env, s.ClientURL())
	return nil
}

// setWorld tells a script where its server is, and keeps it away from the contexts of the user.
func setWorld(env *testscript.Env, url string) {
	env.Setenv("NATS_URL", url)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
}

// patience bounds how long a script waits for something that will happen soon, on however slow a machine.
const patience = time.Minute

// await polls until ready, and ends the script when that takes too long.
func await(ts *testscript.TestScript, what string, ready func() error) {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
	}
	ts.Fatalf("%s: %v", what, err)
}

// subscribed <subject> [<n>]: waits until the server has so many subscriptions to the subject, one unless it says.
func subscribed(ts *testscript.TestScript, _ bool, args []string) {
	wanted := 1
	if len(args) > 1 {
		var err error
		wanted, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	await(ts, "no subscription to "+args[0], func() error {
		reply, err := http.Get(ts.Getenv("MONITOR_URL") + "/connz?subs=1")
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		var page struct {
			Connections []struct {
				Subscriptions []string `json:"subscriptions_list"`
			} `json:"connections"`
		}
		if err := json.NewDecoder(reply.Body).Decode(&page); err != nil {
			return err
		}
		there := 0
		for _, c := range page.Connections {
			for _, subject := range c.Subscriptions {
				if subject == args[0] {
					there++
				}
			}
		}
		if there < wanted {
			return fmt.Errorf("%d of %d are there", there, wanted)
		}
		return nil
	})
}

// written <file>: waits until the file is there and not empty.
func written(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, "no file "+args[0], func() error {
		info, err := os.Stat(ts.MkAbs(args[0]))
		if err == nil && info.Size() == 0 {
			err = errors.New("empty")
		}
		return err
	})
}

// code <n> <command> [<arg>...]: runs a command that has to end with this exit code. What it prints is there for stdout
// and stderr.
func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d", got)
	}
}
