package config

import (
	"math"
	"net"
	"strconv"
	"time"

	"myelin/internal/auth"
)

// Config is everything that can be set about a server. It is made by Default, LoadFile or Flags.Load, and
// nobody changes it once the server has it.
type Config struct {
	// Where the settings come from; filled in by loading.

	File     string   // the configuration file as it was named; "" without one
	Digest   string   // "sha256:<hex>" of the file's values; "" without a file
	Warnings []string // what loading has to say to the operator, one line each

	// Identity.

	ServerName     string            // without spaces; "" for the server's id
	ServerTags     []string          // lower case, each once
	ServerMetadata map[string]string // shown by the monitoring pages

	// The client listener.

	Host            string // address to bind, default 0.0.0.0
	Port            int    // default 4222; -1 for any free port
	ClientAdvertise string // host or host:port told to clients instead of the listener's; "" for none

	// How clients, and the monitoring pages over HTTPS, are protected.

	TLS         *TLS // nil for not at all
	AllowNonTLS bool // clients may do without
	OCSP        OCSP // what is shown with the certificates
	OCSPCache   OCSPCache

	// Monitoring and profiling over HTTP.

	HTTPHost      string // address to bind, default Host
	HTTPPort      int    // 0 for off, -1 for any free port
	HTTPSPort     int    // in place of HTTPPort, over TLS
	HTTPBasePath  string // what comes before /varz and the others
	ProfPort      int    // 0 for off, -1 for any free port
	ProfBlockRate int    // as in runtime.SetBlockProfileRate; 0 for off

	Log    LogConfig
	Limits Limits

	// Files that tell others about the running server.

	PidFile      string // "" for none
	PortsFileDir string // where <program>_<pid>.ports goes; "" for none

	// Who may connect, as whom, and in which account.

	Auth            auth.Config
	SystemAccount   string             // in which the server tells of itself; "" for $SYS
	NoSystemAccount bool               // unless SystemAccount names one, there is none
	Accounts        map[string]Account // what accounts of Auth may have, by name; see Account
	Operators       Operators          // sign accounts, in place of Auth

	JetStream JetStream

	// Lame duck mode: how a server gets rid of its clients before it stops.

	LameDuckDuration time.Duration // over how long clients are closed, default 2m
	LameDuckGrace    time.Duration // how long to wait before that, default 10s; less than the duration

	// How often failing to connect to another server is logged: the first time and each n-th attempt.

	ConnectErrorReports   int // before the first success, default 3600
	ReconnectErrorReports int // after it, default 1

	// Routing.

	Mappings       []Mapping // subject mappings of the global account, in the order of the file
	NoSublistCache bool      // look up the subscriptions that match anew for each message
}

// LogConfig says what is logged, how and where to.
type LogConfig struct {
	Debug           bool
	Trace           bool // the protocol of clients
	TraceVerbose    bool // also that of the system account
	TraceHeaders    bool // of a traced message show the headers only
	Time            bool // start each line with the time, default true
	UTC             bool // in UTC rather than local time
	Format          string
	File            string // "" for standard error
	SizeLimit       int64  // bytes after which the file is rotated; 0 for never
	MaxNum          int    // how many rotated files are kept; 0 for all
	Syslog          bool
	RemoteSyslog    string // URL or host:port of a syslog server; "" for the local one
	MaxTracedMsgLen int    // bytes of a message that are shown in a trace; 0 for all
}

// What LogConfig.Format can be.
const (
	LogText = "text" // lines as nats-server writes them; the default
	LogJSON = "json" // one JSON object per line
)

// Limits bound what one client may cost.
type Limits struct {
	MaxControlLine   int   // bytes of a protocol line, default 4096
	MaxPayload       int   // bytes of a message with its headers, default 1 MiB; negative for MaxPending
	MaxPending       int64 // bytes waiting for a slow client, default 64 MiB; at least MaxPayload
	MaxConnections   int   // clients at a time, default 65536; -1 for none at all
	MaxSubscriptions int   // per client; 0 for no limit
	MaxSubTokens     int   // in the subject of a subscription, up to 255; 0 for no limit
	MaxClosedClients int   // how many closed clients the monitoring pages remember, default 10000

	WriteDeadline time.Duration // for one write to a client, default 10s
	WriteTimeout  string        // what happens after it: one of the Write constants

	PingInterval time.Duration // default 2m
	PingMax      int           // unanswered pings before a client is stale, default 2

	NoFastProducerStall bool // do not slow publishers down for the sake of slow subscribers
	NoHeaderSupport     bool // refuse message headers
}

// What Limits.WriteTimeout can be.
const (
	WriteDefault = "default"
	WriteClose   = "close"
	WriteRetry   = "retry"
)

// Mapping rewrites subjects before they are routed: those that match Source become one of Dests.
type Mapping struct {
	Source string
	Dests  []MappingDest
}

// MappingDest is one destination of a Mapping. Weights of one cluster sum to at most 100.
type MappingDest struct {
	Subject string // may hold $1 and {{functions}}
	Weight  int    // percent of the messages, 0 to 100
	Cluster string // applies in servers of this cluster only; "" for all
}

// Default is the configuration of a server that is told nothing.
func Default() *Config {
	return &Config{
		Host: "0.0.0.0",
		Port: 4222,
		Log:  LogConfig{Time: true, Format: LogText},
		Limits: Limits{
			MaxControlLine:   4096,
			MaxPayload:       1 << 20,
			MaxPending:       64 << 20,
			MaxConnections:   64 << 10,
			MaxClosedClients: 10_000,
			WriteDeadline:    10 * time.Second,
			WriteTimeout:     WriteDefault,
			PingInterval:     2 * time.Minute,
			PingMax:          2,
		},
		LameDuckDuration:      2 * time.Minute,
		LameDuckGrace:         10 * time.Second,
		ConnectErrorReports:   3600,
		ReconnectErrorReports: 1,
		JetStream:             defaultJetStream(),
		OCSP:                  OCSP{Mode: OCSPAuto},
	}
}

// Advertised is where clients are told that the server is: where it listens, with the port that was bound,
// unless ClientAdvertise knows better.
func (c *Config) Advertised(bound int) (host string, port int) {
	if c.ClientAdvertise == "" {
		return c.Host, bound
	}
	host, text, err := net.SplitHostPort(c.ClientAdvertise)
	if err != nil {
		return c.ClientAdvertise, bound
	}
	if port, err = strconv.Atoi(text); err != nil {
		return c.ClientAdvertise, bound
	}
	return host, port
}

// normalize turns the ways to say "the default" (zero) and "no limit" (negative) into one value each.
func (c *Config) normalize() {
	d := Default()
	orDefault(&c.Host, d.Host)
	orDefault(&c.Port, d.Port)
	orDefault(&c.HTTPHost, c.Host)
	orDefault(&c.LameDuckGrace, d.LameDuckGrace)
	orDefault(&c.ConnectErrorReports, d.ConnectErrorReports)
	orDefault(&c.ReconnectErrorReports, d.ReconnectErrorReports)
	c.ProfBlockRate = max(c.ProfBlockRate, 0)
	c.Log.SizeLimit = max(c.Log.SizeLimit, 0)
	c.Log.MaxNum = max(c.Log.MaxNum, 0)
	c.Log.MaxTracedMsgLen = max(c.Log.MaxTracedMsgLen, 0)
	c.Limits.normalize(d.Limits)
	c.JetStream.normalize(d.JetStream)
}

func (l *Limits) normalize(d Limits) {
	orDefault(&l.MaxControlLine, d.MaxControlLine)
	orDefault(&l.MaxPayload, d.MaxPayload)
	orDefault(&l.MaxPending, d.MaxPending)
	orDefault(&l.MaxClosedClients, d.MaxClosedClients)
	orDefault(&l.WriteDeadline, d.WriteDeadline)
	orDefault(&l.PingInterval, d.PingInterval)
	orDefault(&l.PingMax, d.PingMax)
	l.MaxConnections = max(l.MaxConnections, -1)
	l.MaxSubscriptions = max(l.MaxSubscriptions, 0)
	if l.MaxPayload < 0 {
		l.MaxPayload = int(min(l.MaxPending, math.MaxInt32))
	}
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
