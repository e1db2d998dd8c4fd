package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nagios"
)

// exitCode ends a command that has said what it found with this code.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// misuseCode is the annotation of commands whose misuse has an exit code of its own: that of a plugin that could not check
// must not be that of a warning.
const misuseCode = "exit code of misuse"

// newServerCheck is the group of health checks.
func newServerCheck(c *client) *cobra.Command {
	k := &checker{client: c}
	cmd := family(&cobra.Command{
		Use:   "check",
		Short: "Check the health of servers, streams and what else there is, for monitoring systems",
		Long: `Check the health of servers, streams and what else there is, for monitoring systems.

The exit code is 0 for OK, 1 for a warning, 2 for what is critical, and 3 if the check was asked for in a wrong way.`,
		Example: `  myelin server check connection --connect-critical 200ms
  myelin server check stream --stream ORDERS --msgs-critical 1 --format json
  myelin server check jetstream --format prometheus --outfile /var/lib/node_exporter/jetstream.prom`,
	}, k.connection(), k.stream(), k.consumer(), k.message(), k.meta(), k.request(), k.jetstream(), k.server(), k.kv(), k.credential())
	for _, sub := range cmd.Commands() {
		sub.Annotations = map[string]string{misuseCode: fmt.Sprint(int(nagios.Unknown))}
	}
	return cmd
}

// checker has what all checks have: where to connect, and in which form to say what was found.
type checker struct {
	*client
	format    string
	namespace string
	outfile   string
}

// command completes cmd to be a check. What run finds wrong it tells the result; an error is that the connection, or
// whatever else the check needs, is not there.
func (k *checker) command(cmd *cobra.Command, suite, name string, run func(r *nagios.Result) error) *cobra.Command {
	k.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&k.format, "format", nagios.Formats[0], "`form` of the result: "+strings.Join(nagios.Formats, ", "))
	flags.StringVar(&k.namespace, "namespace", "nats_server_check", "`name` with which metrics for Prometheus begin")
	flags.StringVar(&k.outfile, "outfile", "", "`file` to write the result to instead of stdout")
	cmd.Args = arguments(0, 0)
	cmd.RunE = func(*cobra.Command, []string) error {
		if !slices.Contains(nagios.Formats, k.format) {
			return fmt.Errorf("--format is one of %s", strings.Join(nagios.Formats, ", "))
		}
		r := &nagios.Result{Suite: suite, Name: name}
		if err := run(r); err != nil {
			r.Critf("%v", explained(err))
		}
		return k.report(r)
	}
	return cmd
}

// report prints the result and ends the command with its exit code.
func (k *checker) report(r *nagios.Result) error {
	text, err := r.Render(k.format, k.namespace)
	if err != nil {
		return err
	}
	if k.outfile == "" {
		k.con.printf("%s", text)
	} else if err := writeWhole(k.outfile, text); err != nil {
		return err
	}
	return exitCode(r.Status())
}

// writeWhole replaces a file that others read at any time.
func writeWhole(path, text string) error {
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = next.WriteString(text)
	if e := next.Chmod(0o644); err == nil {
		err = e
	}
	if e := next.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		os.Remove(next.Name())
	}
	return err
}

// withConnection runs a check that needs a connection.
func (k *checker) withConnection(run func(*nats.Conn) error) error {
	nc, err := k.connect(nats.NoReconnect())
	if err != nil {
		return err
	}
	defer nc.Close()
	return run(nc)
}

// requireFlags makes flags necessary.
func requireFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// levels are the thresholds of a duration.
type levels struct{ warn, crit time.Duration }

func (l *levels) addFlags(cmd *cobra.Command, name, what string) {
	cmd.Flags().Var(durationFlag{&l.warn}, name+"-warn", "warn if "+what)
	cmd.Flags().Var(durationFlag{&l.crit}, name+"-critical", "it is critical if "+what)
}

// metric is a duration with these thresholds.
func (l *levels) metric(name, help string, d time.Duration) nagios.Metric {
	return nagios.Metric{Name: name, Value: d.Seconds(), Warn: l.warn.Seconds(), Crit: l.crit.Seconds(), Unit: "s", Help: help}
}

// counts are the thresholds of a number.
type counts struct{ warn, crit float64 }

func (l *counts) addFlags(cmd *cobra.Command, name, what string) {
	cmd.Flags().Float64Var(&l.warn, name+"-warn", l.warn, "warn if "+what)
	cmd.Flags().Float64Var(&l.crit, name+"-critical", l.crit, "it is critical if "+what)
}

// metric is a number with these thresholds.
func (l *counts) metric(name, help, unit string, n float64) nagios.Metric {
	return nagios.Metric{Name: name, Value: n, Warn: l.warn, Crit: l.crit, Unit: unit, Help: help}
}

// connection checks that one can connect, and how long it takes.
func (k *checker) connection() *cobra.Command {
	connect := &levels{500 * time.Millisecond, time.Second}
	rtt, request := *connect, *connect
	cmd := &cobra.Command{Use: "connection", Aliases: []string{"conn"}, Short: "Connect, and measure how long that and a round trip take"}
	connect.addFlags(cmd, "connect", "connecting takes so long")
	rtt.addFlags(cmd, "rtt", "the server takes so long to answer")
	request.addFlags(cmd, "req", "a request through the server takes so long")
	return k.command(cmd, "connections", "Connection", func(r *nagios.Result) error {
		start := time.Now()
		return k.withConnection(func(nc *nats.Conn) error {
			took := time.Since(start)
			r.Judge(connect.metric("connect_time", "Time taken to connect to NATS", took), "connected to %s in %v", nc.ConnectedUrlRedacted(), took)
			took, err := nc.RTT()
			if err != nil {
				return fmt.Errorf("measure the round trip: %w", err)
			}
			r.Judge(rtt.metric("rtt", "The round-trip-time of the connection", took), "rtt time %v", took)
			if took, err = k.roundTrip(nc); err != nil {
				return fmt.Errorf("request through the server: %w", err)
			}
			r.Judge(request.metric("request_time", "Time taken for a full Request-Reply operation", took), "round trip took %v", took)
			return nil
		})
	})
}

// roundTrip measures a message to oneself.
func (k *checker) roundTrip(nc *nats.Conn) (time.Duration, error) {
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer sub.Unsubscribe()
	start := time.Now()
	if err := nc.Publish(inbox, []byte("check")); err != nil {
		return 0, err
	}
	_, err = sub.NextMsg(k.timeout)
	return time.Since(start), err
}
