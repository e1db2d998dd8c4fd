package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

const (
	defaultRoundTrips = 5
	defaultClientPort = "4222"
)

// roundTrips is the rtt command.
type roundTrips struct {
	*client
	json bool
}

// rttTarget is one of the servers to measure, in the JSON form of the nats tool.
type rttTarget struct {
	URL     string       `json:"url"`
	Results []*rttResult `json:"results"`
	tlsName string       // to verify the certificate by, when the results go by address
}

// rttResult is what was measured at one address.
type rttResult struct {
	Time    time.Time     `json:"time"`
	Address string        `json:"address"`
	RTT     time.Duration `json:"rtt"` // mean, in nanoseconds; 0 when it failed
	URL     string        `json:"url"`
	Error   string        `json:"error,omitempty"`
}

func newRTT(c *client) *cobra.Command {
	r := &roundTrips{client: c}
	cmd := &cobra.Command{
		Use:   "rtt [iterations]",
		Short: "Measure the round-trip time to each server, at each of its addresses",
		Example: `  myelin rtt
  myelin rtt 100 -s nats://a.example.net,nats://b.example.net --json`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return r.run(args) },
	}
	r.addFlags(cmd)
	cmd.Flags().BoolVarP(&r.json, "json", "j", false, "print JSON")
	return cmd
}

func (r *roundTrips) run(args []string) error {
	iterations := defaultRoundTrips
	if len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return fmt.Errorf("iterations must be a number above 0, not %q", args[0])
		}
		iterations = n
	}
	s, err := r.settings()
	if err != nil {
		return err
	}
	targets, err := r.targets(s.servers())
	if err != nil {
		return err
	}
	failures := 0
	for _, t := range targets {
		for _, result := range t.Results {
			if err := r.measure(t, result, s, iterations); err != nil {
				result.Error = err.Error()
				failures++
			}
		}
	}
	if err := r.print(targets); err != nil {
		return err
	}
	if failures > 0 {
		return errSilent
	}
	return nil
}

// targets finds the addresses behind a list of server URLs.
func (r *roundTrips) targets(servers string) ([]*rttTarget, error) {
	var targets []*rttTarget
	for _, raw := range strings.Split(servers, ",") {
		if raw = strings.TrimSpace(raw); !strings.Contains(raw, "://") {
			raw = "nats://" + raw
		}
		u, err := url.Parse(raw)
		if err != nil {
			return nil, errors.New("invalid server URL")
		}
		targets = append(targets, r.target(u))
	}
	return targets, nil
}

// target resolves the host of one URL. A name that cannot be resolved stays, for the connection to say what is wrong.
func (r *roundTrips) target(u *url.URL) *rttTarget {
	t := &rttTarget{URL: redacted(u.String())}
	hosts := []string{u.Hostname()}
	if net.ParseIP(u.Hostname()) == nil {
		ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
		defer cancel()
		if found, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err == nil {
			hosts, t.tlsName = found, u.Hostname()
		}
	}
	port := u.Port()
	if port == "" {
		port = defaultClientPort
	}
	for _, host := range hosts {
		at := url.URL{Scheme: u.Scheme, User: u.User, Host: net.JoinHostPort(host, port)}
		t.Results = append(t.Results, &rttResult{Address: redacted(at.String()), URL: at.String()})
	}
	return t
}

// measure fills in a result: the mean time of some round trips over one connection.
func (r *roundTrips) measure(t *rttTarget, result *rttResult, s settings, iterations int) error {
	result.Time = time.Now()
	at := result.URL
	result.URL = redacted(at)
	nc, err := r.connectTo(at, s, nats.NoReconnect(), verifyName(t.tlsName))
	if err != nil {
		return err
	}
	defer nc.Close()
	var total time.Duration
	for range iterations {
		rtt, err := nc.RTT()
		if err != nil {
			return err
		}
		total += rtt
	}
	result.RTT = total / time.Duration(iterations)
	return nil
}

// verifyName has certificates checked against the name that the user wrote, not the address it was resolved to.
func verifyName(name string) nats.Option {
	return func(o *nats.Options) error {
		if name == "" {
			return nil
		}
		if o.TLSConfig == nil {
			o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		o.TLSConfig.ServerName = name
		return nil
	}
}

func (r *roundTrips) print(targets []*rttTarget) error {
	if r.json {
		return r.con.jsonIndented(targets)
	}
	for _, t := range targets {
		r.con.printf("%s:\n\n", t.URL)
		for _, result := range t.Results {
			if result.Error != "" {
				r.con.printf("   %s: failed: %s\n", result.Address, result.Error)
			} else {
				r.con.printf("   %s: %v\n", result.Address, result.RTT)
			}
		}
		r.con.printf("\n")
	}
	return nil
}
