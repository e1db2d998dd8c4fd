// Command bench runs the fixed benchmark suite against a server and a peer
// and prints the comparison as Markdown. It is what `make bench` calls.
//
//	bench -server bin/myelin -peer /path/to/nats-server -case 'js-sync-*,1to1-*' -runs 3
//
// -list names the cases. Those that begin with js- store messages, and those
// that begin with jsc- have consumers take them: both servers run with
// JetStream on, each in a folder that is made below -dir for the run and removed
// after it, and sync when they do by default, or before each acknowledgement
// where the title says "synced". The cases that fill a store take minutes and
// gigabytes; -scale 0.1 makes them a tenth of that.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"myelin/internal/loadgen"
)

// gcPercent keeps the generator's collector out of the measurement: workers
// allocate almost nothing while they run.
const gcPercent = 800

func main() {
	var suite loadgen.Suite
	var jsonFile, serverArgs, peerArgs string
	var list, quiet bool
	flag.StringVar(&suite.Server, "server", "bin/myelin", "server `binary` to measure")
	flag.StringVar(&suite.Peer, "peer", "", "server `binary` to compare with")
	flag.StringVar(&serverArgs, "server-args", "", "further `arguments` for the server, separated by spaces")
	flag.StringVar(&peerArgs, "peer-args", "", "further `arguments` for the peer, separated by spaces")
	flag.StringVar(&suite.Match, "case", "*", "`patterns` of case names, separated by commas")
	flag.IntVar(&suite.Runs, "runs", 3, "runs of each case for each server")
	flag.DurationVar(&suite.Warmup, "warmup", 0, "time of load before measuring (default 500ms)")
	flag.DurationVar(&suite.Window, "window", 0, "time of measuring (default 2s)")
	flag.DurationVar(&suite.Settle, "settle", 0, "time of rest before memory is read (default 1m)")
	flag.IntVar(&suite.Backlog, "backlog", 32<<20, "`bytes` that a subscriber may lag behind the publishers")
	flag.StringVar(&suite.Dir, "dir", "", "`folder` for stores, on the disk that is meant (default the one for temporary files)")
	flag.Float64Var(&suite.Scale, "scale", 1, "`factor` for how much is stored by the cases that fill a store")
	flag.StringVar(&jsonFile, "json", "", "also write all samples to this `file`")
	flag.BoolVar(&list, "list", false, "list the cases and exit")
	flag.BoolVar(&quiet, "q", false, "no progress on standard error")
	flag.Usage = usage
	flag.Parse()
	debug.SetGCPercent(gcPercent)
	if list {
		for _, c := range loadgen.Cases() {
			fmt.Printf("%-24s %s\n", c.Name, c.Title)
		}
		return
	}
	suite.ServerArgs, suite.PeerArgs = strings.Fields(serverArgs), strings.Fields(peerArgs)
	if !quiet {
		suite.Note = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	if err := run(&suite, jsonFile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, "bench compares a server with a peer, case by case, and prints a table in Markdown.\n"+
		"Cases named js-* and jsc-* store messages: with JetStream on, in folders below -dir.\n\n")
	flag.PrintDefaults()
}

// run prints what was measured even when the suite was interrupted.
func run(suite *loadgen.Suite, jsonFile string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := suite.Run(ctx)
	if report == nil {
		return err
	}
	if jsonFile != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if err := report.WriteMarkdown(os.Stdout); err != nil {
		return err
	}
	return err
}
