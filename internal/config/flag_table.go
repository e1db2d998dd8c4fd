package config

import (
	"errors"
	"fmt"
	"strconv"

	"myelin/internal/auth"
)

// option is one flag with all its names.
type option struct {
	short    []string // the names that the usage shows with one dash
	long     []string // and with two
	argument string   // what the usage calls its value; "" for a boolean
	text     string
	planned  bool // its feature does not exist yet
	set      setFunc
}

// setFunc takes in a flag, by the name it was called.
type setFunc func(l *line, name, value string) error

// group is a part of the usage.
type group struct {
	title   string
	options []option
}

// flagGroups are all flags of nats-server, and --log_format, which is our own.
var flagGroups = []group{
	{"Server", []option{
		{[]string{"a"}, []string{"addr", "net"}, "host", "bind to this address (default 0.0.0.0)", false,
			textFlag("host", func(c *Config) *string { return &c.Host })},
		{[]string{"p"}, []string{"port"}, "port", "listen for clients on this port (default 4222; -1 for any free one)", false,
			numberFlag("port", func(c *Config) *int { return &c.Port })},
		{[]string{"n"}, []string{"name", "server_name"}, "name", "name of the server (default its id)", false,
			textFlag("server_name", func(c *Config) *string { return &c.ServerName })},
		{[]string{"P"}, []string{"pid"}, "file", "write the process id to this file", false,
			textFlag("pid_file", func(c *Config) *string { return &c.PidFile })},
		{[]string{"m"}, []string{"http_port"}, "port", "serve the monitoring pages on this port", false,
			numberFlag("http_port", func(c *Config) *int { return &c.HTTPPort })},
		{[]string{"ms"}, []string{"https_port"}, "port", "serve them over TLS on this port instead", false,
			numberFlag("https_port", func(c *Config) *int { return &c.HTTPSPort })},
		{[]string{"c"}, []string{"config"}, "file", "configuration file; flags win over it", false,
			func(l *line, _, s string) error { l.file = s; return nil }},
		{[]string{"t"}, nil, "", "test the configuration file and exit", false,
			switchFlag(func(l *line) *bool { return &l.test })},
		{[]string{"sl"}, []string{"signal"}, "signal[=pid]", "signal a running server: ldm, stop, quit, term, reopen or reload; pid may also be a file", false,
			func(l *line, _, s string) error { l.signal = s; return nil }},
		{nil, []string{"client_advertise"}, "host[:port]", "address to tell clients instead of the own one", false,
			textFlag("client_advertise", func(c *Config) *string { return &c.ClientAdvertise })},
		{nil, []string{"ports_file_dir"}, "dir", "write the ports in use to <program>_<pid>.ports in this directory", false,
			textFlag("ports_file_dir", func(c *Config) *string { return &c.PortsFileDir })},
	}},
	{"Logging", []option{
		{[]string{"l"}, []string{"log"}, "file", "log to this file (default standard error)", false,
			textFlag("log_file", func(c *Config) *string { return &c.Log.File })},
		{nil, []string{"log_format"}, "format", "text or json (default text)", false,
			textFlag("log_format", func(c *Config) *string { return &c.Log.Format })},
		{[]string{"T"}, []string{"logtime"}, "", "start lines with the time (default true)", false,
			booleanFlag("logtime", func(c *Config) *bool { return &c.Log.Time })},
		{nil, []string{"logtime_utc"}, "", "in UTC instead of local time", false,
			booleanFlag("logtime_utc", func(c *Config) *bool { return &c.Log.UTC })},
		{[]string{"s"}, []string{"syslog"}, "", "log to syslog", false,
			booleanFlag("syslog", func(c *Config) *bool { return &c.Log.Syslog })},
		{[]string{"r"}, []string{"remote_syslog"}, "address", "syslog server, such as udp://localhost:514", false,
			textFlag("remote_syslog", func(c *Config) *string { return &c.Log.RemoteSyslog })},
		{[]string{"D"}, []string{"debug"}, "", "log debugging output", false,
			booleanFlag("debug", func(c *Config) *bool { return &c.Log.Debug })},
		{[]string{"V"}, []string{"trace"}, "", "log the protocol of clients", false,
			booleanFlag("trace", func(c *Config) *bool { return &c.Log.Trace })},
		{[]string{"VV"}, nil, "", "log the protocol of clients and of the system account", false, booleanFlags(
			booleanFlag("trace", func(c *Config) *bool { return &c.Log.Trace }),
			booleanFlag("trace_verbose", func(c *Config) *bool { return &c.Log.TraceVerbose }))},
		{[]string{"DV"}, nil, "", "-D and -V", false, booleanFlags(
			booleanFlag("debug", func(c *Config) *bool { return &c.Log.Debug }),
			booleanFlag("trace", func(c *Config) *bool { return &c.Log.Trace }))},
		{[]string{"DVV"}, nil, "", "-D and -VV", false, booleanFlags(
			booleanFlag("debug", func(c *Config) *bool { return &c.Log.Debug }),
			booleanFlag("trace", func(c *Config) *bool { return &c.Log.Trace }),
			booleanFlag("trace_verbose", func(c *Config) *bool { return &c.Log.TraceVerbose }))},
		{nil, []string{"log_size_limit"}, "bytes", "start a new log file after so many (default never)", false,
			numberFlag("log_size_limit", func(c *Config) *int64 { return &c.Log.SizeLimit })},
		{nil, []string{"max_traced_msg_len"}, "bytes", "of a message that are shown in a trace (default all)", false,
			numberFlag("max_traced_msg_len", func(c *Config) *int { return &c.Log.MaxTracedMsgLen })},
	}},
	{"Profiling", []option{
		{nil, []string{"profile"}, "port", "serve profiles over HTTP on this port", false,
			numberFlag("prof_port", func(c *Config) *int { return &c.ProfPort })},
	}},
	{"JetStream", []option{
		{[]string{"js"}, []string{"jetstream"}, "", "enable JetStream", false,
			booleanFlag("jetstream", func(c *Config) *bool { return &c.JetStream.Enabled })},
		{[]string{"sd"}, []string{"store_dir"}, "dir", "keep streams in <dir>/jetstream (default a temporary directory)", false, storeDirFlag},
	}},
	{"Authorization", []option{
		{nil, []string{"user"}, "name", "user that clients must be", false,
			notEmptyFlag(textFlag("authorization", func(c *Config) *string { return &c.Auth.Username }))},
		{nil, []string{"pass"}, "password", "password that clients must have", false,
			secretFlag("authorization", func(c *Config) *auth.Secret { return &c.Auth.Password })},
		{nil, []string{"auth"}, "token", "token that clients must have", false,
			notEmptyFlag(secretFlag("authorization", func(c *Config) *auth.Secret { return &c.Auth.Token }))},
	}},
	{"TLS", []option{
		{nil, []string{"tls"}, "", "protect clients with TLS, without verifying them; -tls=false: do without it, whatever the file says", false, tlsFlag},
		{nil, []string{"tlscert"}, "file", "certificate of the server", false, tlsFile(func(t *tlsLine) *string { return &t.files.CertFile })},
		{nil, []string{"tlskey"}, "file", "private key of the certificate", false, tlsFile(func(t *tlsLine) *string { return &t.files.KeyFile })},
		{nil, []string{"tlsverify"}, "", "protect clients with TLS, and verify them", false, tlsVerifyFlag},
		{nil, []string{"tlscacert"}, "file", "authority that clients are verified with", false, tlsFile(func(t *tlsLine) *string { return &t.ca })},
	}},
	{"Cluster", []option{
		{nil, []string{"routes"}, "urls", "servers to connect to", true, plannedText},
		{nil, []string{"cluster", "cluster_listen"}, "url", "listen for other servers here", true, plannedText},
		{nil, []string{"cluster_name"}, "name", "name of the cluster", true, plannedText},
		{nil, []string{"no_advertise"}, "", "do not tell clients about other servers", true, plannedBoolean},
		{nil, []string{"cluster_advertise"}, "host[:port]", "address to tell other servers", true, plannedText},
		{nil, []string{"connect_retries"}, "number", "attempts to connect to a server that others told about", true, plannedNumber},
	}},
	{"Common", []option{
		{[]string{"h"}, []string{"help"}, "", "show this and exit", false,
			switchFlag(func(l *line) *bool { return &l.help })},
		{[]string{"v"}, []string{"version"}, "", "show the version and exit", false,
			switchFlag(func(l *line) *bool { return &l.version })},
		{nil, []string{"help_tls"}, "", "show help on TLS and exit", false,
			switchFlag(func(l *line) *bool { return &l.helpTLS })},
	}},
}

// textFlag sets a string of the configuration.
func textFlag(key string, field func(*Config) *string) setFunc {
	return func(l *line, _, s string) error {
		l.change(key, func(c *Config) { *field(c) = s })
		return nil
	}
}

// notEmptyFlag refuses an empty string, which an unset variable of a shell is: it would let everybody in.
func notEmptyFlag(set setFunc) setFunc {
	return func(l *line, name, s string) error {
		if s == "" {
			return fmt.Errorf("an empty %s protects nothing", name)
		}
		return set(l, name, s)
	}
}

// secretFlag sets a text that nobody is shown.
func secretFlag(key string, field func(*Config) *auth.Secret) setFunc {
	return func(l *line, _, s string) error {
		l.change(key, func(c *Config) { *field(c) = auth.Secret(s) })
		return nil
	}
}

// numberFlag sets a number of the configuration, in any base of the Go language.
func numberFlag[N int | int64](key string, field func(*Config) *N) setFunc {
	return func(l *line, _, s string) error {
		n, err := parseNumber(s)
		l.change(key, func(c *Config) { *field(c) = N(n) })
		return err
	}
}

// booleanFlag sets a boolean of the configuration, also to false.
func booleanFlag(key string, field func(*Config) *bool) setFunc {
	return func(l *line, _, s string) error {
		b, err := parseBoolean(s)
		l.change(key, func(c *Config) { *field(c) = b })
		return err
	}
}

// booleanFlags are several in one.
func booleanFlags(sets ...setFunc) setFunc {
	return func(l *line, name, s string) error {
		for _, set := range sets {
			if err := set(l, name, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// storeDirFlag says where streams are kept. The file must not say it, too: which of two folders holds the messages is
// nothing to guess about.
func storeDirFlag(l *line, _, s string) error {
	if s != "" {
		l.changes = append(l.changes, change{key: storeDirKey, apply: func(c *Config) { c.JetStream.StoreDir = s }, alone: true})
	}
	return nil
}

// switchFlag sets a boolean that is about the command line itself.
func switchFlag(field func(*line) *bool) setFunc {
	return func(l *line, _, s string) (err error) {
		*field(l), err = parseBoolean(s)
		return err
	}
}

// The flags of features that do not exist yet are refused unless they ask for nothing.

func plannedText(l *line, name, s string) error {
	l.refuse(name, s != "")
	return nil
}

func plannedNumber(l *line, name, s string) error {
	n, err := parseNumber(s)
	l.refuse(name, n != 0)
	return err
}

func plannedBoolean(l *line, name, s string) error {
	b, err := parseBoolean(s)
	l.refuse(name, b)
	return err
}

func (l *line) change(key string, apply func(*Config)) {
	l.changes = append(l.changes, change{key: key, apply: apply})
}

func (l *line) refuse(name string, asked bool) {
	if asked {
		l.refused = append(l.refused, name)
	}
}

// The errors are those of package flag for its own types.

var errParse, errRange = errors.New("parse error"), errors.New("value out of range")

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 0, strconv.IntSize)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errRange
	case err != nil:
		return 0, errParse
	}
	return n, nil
}

func parseBoolean(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errParse
	}
	return b, nil
}
