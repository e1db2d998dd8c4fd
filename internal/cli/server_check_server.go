package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nagios"
	"myelin/internal/report"
)

// serverCheck has the thresholds of a server.
type serverCheck struct {
	name                  string
	cpu, mem, conns, subs counts
	uptime                levels
	auth, tls, js         bool
}

func (k *checker) server() *cobra.Command {
	c := &serverCheck{}
	cmd := &cobra.Command{Use: "server", Short: "Check a server: its load, how long it runs, and what it asks of clients"}
	cmd.Flags().StringVar(&c.name, "name", "", "`name` of the server; else the one that one is connected to")
	c.cpu.addFlags(cmd, "cpu", "it uses so many percent of a processor")
	c.mem.addFlags(cmd, "mem", "it uses so many percent of its limit of memory, if it has one")
	c.conns.addFlags(cmd, "conn", "it has so many connections; or so few, if the critical number is the lower")
	c.subs.addFlags(cmd, "subs", "it has so many subscriptions; or so few, if the critical number is the lower")
	c.uptime.addFlags(cmd, "uptime", "it has not run for so long")
	flags := cmd.Flags()
	flags.BoolVar(&c.auth, "auth-required", false, "clients have to say who they are")
	flags.BoolVar(&c.tls, "tls-required", false, "clients have to use TLS")
	flags.BoolVar(&c.js, "js-required", false, "JetStream is enabled")
	return k.command(cmd, "server", "Server", func(r *nagios.Result) error {
		r.Name = cmp.Or(c.name, r.Name)
		if c.uptime.warn > 0 && c.uptime.crit > c.uptime.warn {
			return errors.New("--uptime-critical is more than --uptime-warn")
		}
		return k.withConnection(func(nc *nats.Conn) error {
			f := &fleet{client: k.client, gap: defaultGap}
			a, err := f.one(nc, c.name, "VARZ", nil)
			if err != nil {
				return err
			}
			var z report.Varz
			if err := a.decode(&z); err != nil {
				return err
			}
			r.Name = z.ServerName
			c.judge(r, &z)
			return nil
		})
	})
}

func (c *serverCheck) judge(r *nagios.Result, z *report.Varz) {
	up := z.Now.Sub(z.Start)
	r.Measure(nagios.Metric{
		Name: "uptime", Value: up.Seconds(), Warn: c.uptime.warn.Seconds(), Crit: c.uptime.crit.Seconds(), Unit: "s",
		Help: "NATS Server uptime in seconds",
	})
	switch {
	case c.uptime.crit > 0 && up <= c.uptime.crit:
		r.Critf("Up %s", durationText(up))
	case c.uptime.warn > 0 && up <= c.uptime.warn:
		r.Warnf("Up %s", durationText(up))
	case c.uptime.warn > 0 || c.uptime.crit > 0:
		r.Okf("Up %s", durationText(up))
	}
	r.Judge(c.cpu.metric("cpu", "NATS Server CPU usage in percentage", "%", z.CPU), "CPU %.2f", z.CPU)
	used := 0.0
	if z.GoMemLimit > 0 {
		used = 100 * float64(z.Mem) / float64(z.GoMemLimit)
	}
	r.Measure(nagios.Metric{Name: "mem", Value: float64(z.Mem), Unit: "B", Help: "NATS Server memory usage in bytes"})
	r.Judge(c.mem.metric("mem_pct", "Memory used in percent of the limit, if there is one", "%", used), "Memory %.2f%%", used)
	n := float64(z.Connections)
	r.Judge(c.conns.metric("connections", "Active connections", "", n), "Connections %v", n)
	n = float64(z.Subscriptions)
	r.Judge(c.subs.metric("subscriptions", "Active subscriptions", "", n), "Subscriptions %v", n)
	require(r, c.auth, z.AuthRequired, "Authentication required")
	require(r, c.tls, z.TLSRequired, "TLS required")
	require(r, c.js, z.JetStream.Config != nil, "JetStream enabled")
}

// require says whether something is as it has to be, if that is asked for.
func require(r *nagios.Result, asked, is bool, what string) {
	switch {
	case asked && is:
		r.Okf("%s", what)
	case asked:
		r.Critf("not: %s", what)
	}
}

// meta checks the group that assigns streams in a cluster.
func (k *checker) meta() *cobra.Command {
	c := &streamCheck{}
	cmd := &cobra.Command{Use: "meta", Aliases: []string{"raft"}, Short: "Check the servers that JetStream is clustered over"}
	flags := cmd.Flags()
	flags.IntVar(&c.peers, "expect", 0, "how many `servers` there have to be")
	flags.Int64Var(&c.peerLag, "lag-critical", 0, "it is critical if a server is so many operations behind")
	flags.Var(durationFlag{&c.peerSeen}, "seen-critical", "it is critical if nothing was heard of a server for so long")
	k.command(cmd, "meta", "JetStream Meta Cluster", func(r *nagios.Result) error {
		return k.withConnection(func(nc *nats.Conn) error {
			f := &fleet{client: k.client, gap: defaultGap}
			for a, err := range f.ask(nc, askEverybody+".JSZ", map[string]bool{"leader_only": true}, 1) {
				if err != nil {
					return err
				}
				return judgeMeta(r, c, a)
			}
			return errNoServer
		})
	})
	requireFlags(cmd, "expect", "lag-critical", "seen-critical")
	return cmd
}

func judgeMeta(r *nagios.Result, c *streamCheck, a *serverAnswer) error {
	var z struct {
		Meta *metaPeers `json:"meta_cluster"`
	}
	if err := a.decode(&z); err != nil {
		return err
	}
	switch {
	case z.Meta == nil:
		return errors.New("no cluster information")
	case z.Meta.Leader == "":
		r.Critf("No leader")
		return nil
	}
	r.Measure(nagios.Metric{Name: "peers", Value: float64(z.Meta.Size), Crit: float64(c.peers), Help: "The configured peers"})
	if z.Meta.Size != c.peers {
		r.Critf("%d peers of expected %d", z.Meta.Size, c.peers)
	}
	for _, p := range z.Meta.Replicas {
		switch {
		case p.Offline:
			r.Critf("%s is offline", p.Name)
		case p.Lag >= uint64(c.peerLag):
			r.Critf("%s is %d operations behind", p.Name, p.Lag)
		case p.Active >= c.peerSeen:
			r.Critf("%s was heard of %v ago", p.Name, p.Active)
		}
	}
	if r.Status() == nagios.OK {
		r.Okf("%d peers led by %s", z.Meta.Size, z.Meta.Leader)
	}
	return nil
}

// metaPeers is what the leader of a cluster tells of it.
type metaPeers struct {
	Leader   string `json:"leader"`
	Size     int    `json:"cluster_size"`
	Replicas []struct {
		Name    string        `json:"name"`
		Offline bool          `json:"offline"`
		Active  time.Duration `json:"active"`
		Lag     uint64        `json:"lag"`
	} `json:"replicas"`
}

// request checks a service by asking it something.
func (k *checker) request() *cobra.Command {
	var subject, payload, match string
	var headers, matchHeaders []string
	var response levels
	cmd := &cobra.Command{Use: "request", Aliases: []string{"req"}, Short: "Ask a service something, and check the answer and how long it takes"}
	flags := cmd.Flags()
	flags.StringVar(&subject, "subject", "", "`subject` to send the request to")
	flags.StringVar(&payload, "payload", "", "`payload` of the request")
	flags.StringArrayVar(&headers, "headers", nil, "header of the request, written as `Key:value`; may be repeated")
	flags.StringVar(&match, "match-payload", "", "regular `expression` that the answer has to match")
	flags.StringArrayVar(&matchHeaders, "match-headers", nil, "header that the answer has to have, written as `Key:value`; may be repeated")
	response.addFlags(cmd, "response", "the answer takes so long")
	k.command(cmd, "request", "", func(r *nagios.Result) error {
		r.Name = subject
		pattern, err := regexp.Compile(match)
		if err != nil {
			return fmt.Errorf("--match-payload: %w", err)
		}
		m, err := newCheckRequest(subject, payload, headers)
		if err != nil {
			return err
		}
		wanted, err := parseHeaders(matchHeaders)
		if err != nil {
			return err
		}
		return k.withConnection(func(nc *nats.Conn) error {
			start := time.Now()
			answer, err := nc.RequestMsg(m, k.timeout)
			took := time.Since(start)
			if errors.Is(err, nats.ErrNoResponders) {
				r.Critf("nobody listens on %s", subject)
				return nil
			}
			if err != nil {
				return err
			}
			r.Judge(response.metric("time", "How long the request took", took), "response took %v", took.Round(time.Microsecond))
			judgeAnswer(r, answer, pattern, wanted)
			return nil
		})
	})
	requireFlags(cmd, "subject")
	return cmd
}

func newCheckRequest(subject, payload string, headers []string) (*nats.Msg, error) {
	templates, err := parseHeaders(headers)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: subject, Data: []byte(payload)}
	return m, addHeaders(m, templates, &values{now: time.Now()})
}

func judgeAnswer(r *nagios.Result, m *nats.Msg, pattern *regexp.Regexp, headers []headerText) {
	if !pattern.Match(m.Data) {
		r.Critf("response does not match regexp")
	}
	for _, h := range headers {
		if got := m.Header.Get(h.key); got != h.value.literal {
			r.Critf("header %s is %q", h.key, got)
		}
	}
	if r.Status() == nagios.OK {
		r.Okf("Valid response")
	}
}

// credential checks a file of credentials, without connecting.
func (k *checker) credential() *cobra.Command {
	var file string
	var validity levels
	var requireExpiry bool
	cmd := &cobra.Command{Use: "credential", Short: "Check how long a file of credentials is valid"}
	cmd.Flags().StringVar(&file, "credential", "", "the `file`")
	validity.addFlags(cmd, "validity", "it expires so soon")
	cmd.Flags().BoolVar(&requireExpiry, "require-expiry", false, "it is critical if it never expires")
	k.command(cmd, "credential", "Credential", func(r *nagios.Result) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		token, err := jwt.ParseDecoratedJWT(data)
		if err != nil {
			return err
		}
		claims, err := jwt.DecodeUserClaims(token)
		if err != nil {
			return err
		}
		if _, err := jwt.ParseDecoratedUserNKey(data); err != nil {
			return err
		}
		judgeExpiry(r, claims.Expires, &validity, requireExpiry)
		return nil
	})
	requireFlags(cmd, "credential")
	return cmd
}

func judgeExpiry(r *nagios.Result, expires int64, validity *levels, requireExpiry bool) {
	if expires == 0 {
		if requireExpiry {
			r.Critf("never expires")
		} else {
			r.Okf("never expires")
		}
		return
	}
	at := time.Unix(expires, 0)
	left := time.Until(at)
	r.Measure(validity.metric("expiry", "Time until the credential expires", left))
	switch {
	case left <= 0:
		r.Critf("expired at %s", at.Local().Format(stamp))
	case validity.crit > 0 && left <= validity.crit:
		r.Critf("expires sooner than %s", durationText(validity.crit))
	case validity.warn > 0 && left <= validity.warn:
		r.Warnf("expires sooner than %s", durationText(validity.warn))
	default:
		r.Okf("expires at %s", at.Local().Format(time.RFC3339))
	}
}
