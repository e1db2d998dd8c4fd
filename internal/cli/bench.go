package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"myelin/internal/loadgen"
)

const (
	defaultBenchMessages = 100_000
	defaultBenchSize     = "128B"
	// defaultServeQueue is the group that the service benchmarks of the nats tool answer in.
	defaultServeQueue = "q"
)

// benchmark is what the bench commands have in common. Each owns one.
type benchmark struct {
	*client
	kind       string // what it is, in the results
	clients    int
	messages   int64
	size       string
	duration   time.Duration
	pid        int
	progress   bool
	noProgress bool
	json       bool
}

// newBench is the command above the benchmarks.
func newBench(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a server and measure how it bears it",
		Long: `Put load on a server and measure how it bears it.

The load comes from messages computed beforehand on raw connections, so that the server is what is measured. Run the
receiving side first. With --pid, the id of the server's process on this machine, its CPU time per message is measured
as well.`,
		Example: `  myelin bench sub test --clients 4 --latency
  myelin bench pub test --clients 2 --msgs 1000000 --size 16 --latency --pid $(pidof myelin)

  myelin bench service serve echo
  myelin bench service request echo --clients 4 --msgs 20000`,
	}
	service := &cobra.Command{Use: "service", Short: "Measure requests and replies"}
	return family(cmd, newBenchPub(c), newBenchSub(c), family(service, newBenchRequest(c), newBenchServe(c)))
}

// command makes the command of a benchmark that run carries out.
func (b *benchmark) command(use, short string, messages int64, run func(ctx context.Context, o loadgen.Options) (*loadgen.Result, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  arguments(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return b.run(args[0], run) },
	}
	b.client.addFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&b.clients, "clients", 1, "how many connections to use")
	flags.Int64Var(&b.messages, "msgs", messages, "how many messages in all; 0 goes on until interrupted")
	flags.StringVar(&b.size, "size", defaultBenchSize, "payload of each message, as in 16, 128B or 1KB")
	flags.DurationVar(&b.duration, "duration", 0, "go on for this long instead of counting messages")
	flags.IntVar(&b.pid, "pid", 0, "process `id` of the server, to measure its CPU time")
	flags.BoolVar(&b.progress, "progress", true, "show a progress bar")
	flags.BoolVar(&b.noProgress, "no-progress", false, "show no progress bar")
	flags.BoolVar(&b.json, "json", false, "print the results as JSON")
	return cmd
}

func newBenchPub(c *client) *cobra.Command {
	b := &benchmark{client: c, kind: "publisher"}
	var throughput float64
	var sleep time.Duration
	var multi, stamp bool
	var subjects int
	cmd := b.command("pub <subject>", "Publish messages", defaultBenchMessages, func(ctx context.Context, o loadgen.Options) (*loadgen.Result, error) {
		pub := loadgen.PubOptions{Options: o, Rate: throughput, Stamp: stamp}
		if multi {
			pub.Subjects = subjects
		}
		if sleep > 0 {
			pub.Rate = float64(b.clients) / sleep.Seconds()
		}
		return loadgen.Pub(ctx, pub)
	})
	flags := cmd.Flags()
	flags.Float64Var(&throughput, "throughput", 0, "messages per second of all clients together; 0 is as fast as possible")
	flags.DurationVar(&sleep, "sleep", 0, "time between the messages of a client")
	flags.BoolVar(&multi, "multisubject", false, "publish to <subject>.0, <subject>.1 and so on")
	flags.IntVar(&subjects, "multisubjectmax", 100_000, "how many subjects --multisubject uses")
	flags.BoolVar(&stamp, "latency", false, "put the time into the messages, for bench sub --latency; they need 16 bytes")
	cmd.MarkFlagsMutuallyExclusive("throughput", "sleep")
	return cmd
}

func newBenchSub(c *client) *cobra.Command {
	b := &benchmark{client: c, kind: "subscriber"}
	var sub loadgen.SubOptions
	var multi bool
	cmd := b.command("sub <subject>", "Receive messages", defaultBenchMessages, func(ctx context.Context, o loadgen.Options) (*loadgen.Result, error) {
		sub.Options = o
		if multi {
			sub.Subject += ".*"
		}
		sub.Ready = func() { b.con.logf("Subscribed to %s", sub.Subject) }
		return loadgen.Sub(ctx, sub)
	})
	cmd.Flags().StringVar(&sub.Queue, "queue", "", "`name` of a queue group that the clients form")
	cmd.Flags().BoolVar(&sub.Latency, "latency", false, "measure how long messages of bench pub --latency took")
	cmd.Flags().BoolVar(&multi, "multisubject", false, "subscribe to what bench pub --multisubject publishes to")
	return cmd
}

func newBenchRequest(c *client) *cobra.Command {
	b := &benchmark{client: c, kind: "requester"}
	var request loadgen.RequestOptions
	cmd := b.command("request <subject>", "Send requests and wait for their replies", defaultBenchMessages, func(ctx context.Context, o loadgen.Options) (*loadgen.Result, error) {
		request.Options = o
		return loadgen.Request(ctx, request)
	})
	cmd.Flags().IntVar(&request.InFlight, "inflight", 1, "how many requests of a client are under way at a time")
	cmd.Flags().DurationVar(&request.Sleep, "sleep", 0, "how long a client waits before its next request")
	return cmd
}

func newBenchServe(c *client) *cobra.Command {
	b := &benchmark{client: c, kind: "service"}
	var serve loadgen.ServeOptions
	cmd := b.command("serve <subject>", "Answer requests", 0, func(ctx context.Context, o loadgen.Options) (*loadgen.Result, error) {
		serve.Options = o
		serve.Ready = func() { b.con.logf("Answering on %s", serve.Subject) }
		return loadgen.Serve(ctx, serve)
	})
	cmd.Flags().StringVar(&serve.Queue, "queue", defaultServeQueue, "`name` of the queue group that the clients form")
	return cmd
}

// run prepares the load, puts it on and prints what came of it. An interrupt ends the load, not the command.
func (b *benchmark) run(subject string, load func(context.Context, loadgen.Options) (*loadgen.Result, error)) error {
	o, err := b.options(subject)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if b.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.duration)
		defer cancel()
	}
	bar := b.bar()
	if o.Messages > 0 {
		o.Progress = func(done, total int64) {
			bar.ChangeMax64(total)
			bar.Set64(done)
		}
	}
	result, err := load(ctx, o)
	bar.Close()
	if err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		return fmt.Errorf("bench %s: %w", b.kind, err)
	}
	if result == nil || result.Messages == 0 {
		return errors.New("no messages were seen")
	}
	return b.print(result, subject, o.Size)
}

// options are those that all loads have.
func (b *benchmark) options(subject string) (loadgen.Options, error) {
	size, err := parseSize(b.size)
	switch {
	case err != nil:
		return loadgen.Options{}, fmt.Errorf("--size: %w", err)
	case b.clients < 1:
		return loadgen.Options{}, errors.New("--clients must be at least 1")
	case b.messages < 0:
		return loadgen.Options{}, errors.New("--msgs must not be negative")
	}
	dialer, err := b.dialer()
	if err != nil {
		return loadgen.Options{}, err
	}
	messages := b.messages
	if b.duration > 0 {
		messages = 0
	}
	return loadgen.Options{
		Dialer: dialer, Subject: subject, Clients: b.clients, Messages: messages, Size: size, ServerPID: b.pid,
	}, nil
}

func (b *benchmark) bar() *progressbar.ProgressBar {
	if !b.progress || b.noProgress || !isTerminal(b.con.err) {
		return newBar(io.Discard, int(b.messages))
	}
	return newBar(b.con.err, int(b.messages))
}

// sizeUnits are what may follow a number of bytes, as powers of two whatever the spelling, as in the nats tool.
var sizeUnits = map[string]int{
	"": 0, "B": 0, "K": 10, "KB": 10, "KIB": 10, "M": 20, "MB": 20, "MIB": 20,
}

// maxBenchSize is more than a server takes in one message, in bytes.
const maxBenchSize = 64 << 20

// parseSize reads a number of bytes.
func parseSize(s string) (int, error) {
	digits := strings.TrimRight(strings.ToUpper(s), "BIKM")
	shift, known := sizeUnits[strings.ToUpper(s)[len(digits):]]
	n, err := strconv.Atoi(digits)
	if err != nil || !known || n < 0 || n > maxBenchSize>>shift {
		return 0, fmt.Errorf("%q is no size of a message", s)
	}
	return n << shift, nil
}
