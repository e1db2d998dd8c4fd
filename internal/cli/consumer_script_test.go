package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"myelin/server"
)

// consumers <stream> <number>: waits until a stream has so many consumers.
func consumers(ts *testscript.TestScript, _ bool, args []string) {
	awaitStream(ts, args, func(s *jetstream.StreamState) uint64 { return uint64(s.Consumers) })
}

// messages <stream> <number>: waits until a stream has so many messages.
func messages(ts *testscript.TestScript, _ bool, args []string) {
	awaitStream(ts, args, func(s *jetstream.StreamState) uint64 { return s.Msgs })
}

// awaitStream waits until a figure of a stream is what is wanted.
func awaitStream(ts *testscript.TestScript, args []string, figure func(*jetstream.StreamState) uint64) {
	want, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	nc, err := nats.Connect(ts.Getenv("NATS_URL"))
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	await(ts, "stream "+args[0], func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stream, err := js.Stream(ctx, args[0])
		if err != nil {
			return err
		}
		if got := figure(&stream.CachedInfo().State); got != want {
			return fmt.Errorf("there are %d, not %d", got, want)
		}
		return nil
	})
}

// TestExtensionScripts runs testdata/extensions, each file against a server of its own with JetStream: scripts about what
// other servers do not have.
func TestExtensionScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/extensions",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"messages": messages, "refused": refused},
		Setup: func(env *testscript.Env) error {
			cfg := server.DefaultConfig()
			cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, filepath.Join(env.WorkDir, "store")
			return startOwn(env, cfg)
		},
	})
}

// refused <stream> <error code>: waits until a stream says of its first dead letters why they are not taken.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	nc, err := nats.Connect(ts.Getenv("NATS_URL"))
	ts.Check(err)
	defer nc.Close()
	await(ts, "dead letters of "+args[0], func() error {
		m, err := nc.Request("$JS.API.STREAM.INFO."+args[0], nil, patience)
		if err != nil {
			return err
		}
		info := &streamInfo{}
		if err := json.Unmarshal(m.Data, info); err != nil {
			return err
		}
		for _, q := range info.own.Queues {
			if q.Error != nil && int(q.Error.ErrCode) == want {
				return nil
			}
		}
		return fmt.Errorf("%+v", info.own)
	})
}
