package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/subject"
	"myelin/internal/vfs"
)

const maxPort = 1<<16 - 1

// problem is something wrong with a Config, and the key whose value it is about.
type problem struct {
	key  string
	text string
}

// Validate says what is wrong with a configuration, one line for each problem.
func (c *Config) Validate() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, errors.New(p.text))
	}
	return errors.Join(errs...)
}

// problems collects what a single key cannot see (values that exclude each other) and what flags and embedders
// can get wrong as well as files.
func (c *Config) problems() []problem {
	var ps problems
	c.checkIdentity(&ps)
	c.checkListeners(&ps)
	c.checkLog(&ps)
	c.Limits.check(&ps)
	c.JetStream.check(&ps)
	c.checkAuth(&ps)
	c.checkShares(&ps)
	c.Operators.check(c, &ps)
	ps.refuse(c.LameDuckGrace < 0, "lame_duck_grace_period", "invalid lame_duck_grace_period, needs to be positive")
	ps.refuse(c.LameDuckGrace >= c.LameDuckDuration, "lame_duck_grace_period",
		"lame duck grace period (%v) should be strictly lower than lame duck duration (%v)", c.LameDuckGrace, c.LameDuckDuration)
	ps.atLeast("connect_error_reports", c.ConnectErrorReports, 1)
	ps.atLeast("reconnect_error_reports", c.ReconnectErrorReports, 1)
	for i := range c.Mappings {
		c.Mappings[i].check(&ps, mappingKey("", c.Mappings[i].Source))
	}
	return ps
}

// fileProblems are those of files that the configuration names.
func (c *Config) fileProblems(fs vfs.FS) (ps problems) {
	if c.TLS != nil {
		c.TLS.checkFiles(fs, &ps)
	}
	if c.Operators.Enabled() {
		tokens, err := c.Operators.Tokens(fs)
		ps.refuse(err != nil, "operator", "%v", err)
		for _, token := range tokens {
			_, err := jwt.DecodeOperatorClaims(token)
			ps.refuse(err != nil, "operator", "error parsing operator JWT: %v", err)
		}
	}
	return ps
}

func (c *Config) checkIdentity(ps *problems) {
	ps.refuse(strings.Contains(c.ServerName, " "), "server_name", "server name cannot contain spaces")
	if c.ClientAdvertise != "" {
		err := checkAdvertise(c.ClientAdvertise)
		ps.refuse(err != nil, "client_advertise", "client_advertise %q: %v", c.ClientAdvertise, err)
	}
}

func (c *Config) checkListeners(ps *problems) {
	ps.refuse(c.Port == 0, "port", "port 0 is none: use -1 for any free port")
	ps.port("port", c.Port)
	ps.port("http_port", c.HTTPPort)
	ps.port("https_port", c.HTTPSPort)
	ps.refuse(c.HTTPPort != 0 && c.HTTPSPort != 0, "https_port", "can't specify both HTTP (%d) and HTTPs (%d) ports", c.HTTPPort, c.HTTPSPort)
	ps.refuse(c.HTTPSPort != 0 && c.TLS == nil, "https_port", "TLS cert and key required for HTTPS")
	if c.TLS != nil {
		c.TLS.check(ps)
	}
	ps.port("prof_port", c.ProfPort)
}

func (c *Config) checkLog(ps *problems) {
	l := &c.Log
	ps.refuse(l.Format != LogText && l.Format != LogJSON, "log_format", "log_format must be '%s' or '%s'", LogText, LogJSON)
}

func (l *Limits) check(ps *problems) {
	ps.size("max_control_line", l.MaxControlLine)
	ps.size("max_payload", l.MaxPayload)
	ps.refuse(int64(l.MaxPayload) > l.MaxPending, "max_payload",
		"max_payload (%d) cannot be higher than max_pending (%d)", l.MaxPayload, l.MaxPending)
	ps.atLeast("max_connections", l.MaxConnections, -1)
	ps.atLeast("max_subscriptions", l.MaxSubscriptions, 0)
	ps.refuse(l.MaxSubTokens < 0, "max_sub_tokens", "max_sub_tokens value can not be negative")
	ps.refuse(l.MaxSubTokens > maxSubTokens, "max_sub_tokens", "max_sub_tokens value is too big")
	ps.atLeast("max_closed_clients", l.MaxClosedClients, 1)
	ps.refuse(l.WriteDeadline <= 0, "write_deadline", "write_deadline %v is not positive", l.WriteDeadline)
	ps.refuse(l.WriteTimeout != WriteDefault && l.WriteTimeout != WriteClose && l.WriteTimeout != WriteRetry, "write_timeout",
		"write_timeout must be '%s', '%s' or '%s'", WriteDefault, WriteClose, WriteRetry)
	ps.refuse(l.PingInterval <= 0, "ping_interval", "ping_interval %v is not positive", l.PingInterval)
	ps.atLeast("ping_max", l.PingMax, 1)
}

// check compiles a mapping for the sake of the errors.
func (m *Mapping) check(ps *problems, key string) {
	if !subject.ValidPattern(m.Source) {
		ps.refuse(true, key, "Subject %q is not a valid subject", m.Source)
		return
	}
	dests := make([]subject.WeightedDest, len(m.Dests))
	for i, d := range m.Dests {
		dests[i] = subject.WeightedDest{Subject: d.Subject, Weight: d.Weight, Cluster: d.Cluster}
	}
	_, err := subject.NewMapping(m.Source, dests)
	ps.refuse(err != nil, key, "Error adding mapping for %q : %v", m.Source, err)
}

// checkAdvertise wants a host, or a host and a port.
func checkAdvertise(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, "0"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > maxPort {
		return fmt.Errorf("could not parse port %q", port)
	}
	if host == "" || strings.ContainsAny(host, " \t\r\n") {
		return errors.New("expected host or host:port")
	}
	return nil
}

type problems []problem

func (ps *problems) refuse(wrong bool, key, format string, args ...any) {
	if wrong {
		*ps = append(*ps, problem{key, fmt.Sprintf(format, args...)})
	}
}

func (ps *problems) port(key string, port int) {
	ps.refuse(port < -1 || port > maxPort, key, "%s %d is not between 1 and %d, nor -1 for any free port", key, port, maxPort)
}

func (ps *problems) size(key string, bytes int) {
	ps.refuse(bytes <= 0, key, "%s %d is not positive", key, bytes)
	ps.refuse(bytes > math.MaxInt32, key, "%s value is too big", key)
}

func (ps *problems) atLeast(key string, value, least int) {
	ps.refuse(value < least, key, "%s %d is less than %d", key, value, least)
}
