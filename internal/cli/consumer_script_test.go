package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
)

// consumers <stream> <number>: waits until a stream has so many consumers.
func consumers(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	nc, err := nats.Connect(ts.Getenv("NATS_URL"))
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	await(ts, "consumers of "+args[0], func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stream, err := js.Stream(ctx, args[0])
		if err != nil {
			return err
		}
		if got := stream.CachedInfo().State.Consumers; got != want {
			return fmt.Errorf("there are %d, not %d", got, want)
		}
		return nil
	})
}
