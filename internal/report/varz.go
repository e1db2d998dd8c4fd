package report

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"myelin/internal/config"
)

// Varz is the general state of the server. Durations are in nanoseconds but for those named timeout,
// which are in seconds.
type Varz struct {
	ServerID       string `json:"server_id"`
	ServerName     string `json:"server_name"`
	Version        string `json:"version"`
	ProductVersion string `json:"myelin_version"` // not in stock
	Proto          int    `json:"proto"`
	GitCommit      string `json:"git_commit,omitempty"`
	GoVersion      string `json:"go"`
	Host           string `json:"host"` // as advertised to clients, if it is
	Port           int    `json:"port"`

	AuthRequired     bool          `json:"auth_required,omitempty"`
	TLSRequired      bool          `json:"tls_required,omitempty"`
	TLSVerify        bool          `json:"tls_verify,omitempty"`
	TLSPeers         bool          `json:"tls_ocsp_peer_verify,omitempty"`
	ConnectURLs      []string      `json:"connect_urls,omitempty"`
	MaxConnections   int           `json:"max_connections"`
	MaxSubscriptions int           `json:"max_subscriptions,omitempty"`
	PingInterval     time.Duration `json:"ping_interval"`
	PingMax          int           `json:"ping_max"`
	HTTPHost         string        `json:"http_host"`
	HTTPPort         int           `json:"http_port"`
	HTTPBasePath     string        `json:"http_base_path"`
	HTTPSPort        int           `json:"https_port"`
	AuthTimeout      float64       `json:"auth_timeout"`
	MaxControlLine   int           `json:"max_control_line"`
	MaxPayload       int           `json:"max_payload"`
	MaxPending       int64         `json:"max_pending"`

	Cluster   struct{}      `json:"cluster"`
	Gateway   struct{}      `json:"gateway"`
	Leaf      struct{}      `json:"leaf"`
	MQTT      struct{}      `json:"mqtt"`
	Websocket struct{}      `json:"websocket"`
	JetStream JetStreamVarz `json:"jetstream"`

	TLSTimeout    float64       `json:"tls_timeout"`
	WriteDeadline time.Duration `json:"write_deadline"`
	WriteTimeout  string        `json:"write_timeout,omitempty"`

	Start      time.Time `json:"start"`
	Now        time.Time `json:"now"`
	Uptime     string    `json:"uptime"`
	Mem        int64     `json:"mem"` // resident bytes
	Cores      int       `json:"cores"`
	GoMaxProcs int       `json:"gomaxprocs"`
	GoMemLimit int64     `json:"gomemlimit,omitempty"`
	CPU        float64   `json:"cpu"` // percent of one core, over the last second

	Connections      int    `json:"connections"`
	TotalConnections uint64 `json:"total_connections"`
	Routes           int    `json:"routes"`
	Remotes          int    `json:"remotes"`
	Leafnodes        int    `json:"leafnodes"`
	InMsgs           int64  `json:"in_msgs"`
	InBytes          int64  `json:"in_bytes"`
	InClientMsgs     int64  `json:"in_client_msgs"`
	InClientBytes    int64  `json:"in_client_bytes"`
	OutMsgs          int64  `json:"out_msgs"`
	OutBytes         int64  `json:"out_bytes"`
	OutClientMsgs    int64  `json:"out_client_msgs"`
	OutClientBytes   int64  `json:"out_client_bytes"`
	SlowConsumers    int64  `json:"slow_consumers"`
	StaleConnections int64  `json:"stale_connections"`
	StalledClients   int64  `json:"stalled_clients"`
	Subscriptions    uint32 `json:"subscriptions"`

	HTTPReqStats   map[string]uint64 `json:"http_req_stats"`
	ConfigLoadTime time.Time         `json:"config_load_time"`
	ConfigDigest   string            `json:"config_digest"`
	Tags           []string          `json:"tags,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	FeatureFlags   map[string]bool   `json:"feature_flags"`
	OperatorJWTs   []string          `json:"trusted_operators_jwt,omitempty"`
	OperatorClaims []any             `json:"trusted_operators_claim,omitempty"`
	SystemAccount  string            `json:"system_account,omitempty"`
	PinnedFailures uint64            `json:"pinned_account_fails,omitempty"`

	SlowConsumerStats    KindCounts      `json:"slow_consumer_stats"`
	StaleConnectionStats KindCounts      `json:"stale_connection_stats"`
	DiskIOWaitStats      DiskIOWaitStats `json:"disk_io_wait_stats"`
	Proxies              *Proxies        `json:"proxies,omitempty"`
	TLSCertNotAfter      time.Time       `json:"tls_cert_not_after,omitzero"`
}

// JetStreamVarz is the general state of JetStream; empty while it is off.
type JetStreamVarz struct {
	Config *JetStreamConfig `json:"config,omitempty"`
	Stats  *JetStreamStats  `json:"stats,omitempty"`
	Limits *JetStreamLimits `json:"limits,omitempty"`
}

// KindCounts splits a count by the kind of connection.
type KindCounts struct {
	Clients  int64 `json:"clients"`
	Routes   int64 `json:"routes"`
	Gateways int64 `json:"gateways"`
	Leafs    int64 `json:"leafs"`
}

// DiskIOWaitStats tells how long goroutines waited for their turn to use the disk. Ours need not take turns.
type DiskIOWaitStats struct {
	Waiters     int64         `json:"waiters"`
	Waits       int64         `json:"waits"`
	WaitTime    time.Duration `json:"wait_time"`
	MaxWaitTime time.Duration `json:"max_wait_time"`
}

const protocolVersion = 1

// OperatorSource is a Source whose server may leave it to operators who connects.
type OperatorSource interface {
	Source
	// Operators are those that are trusted.
	Operators() Operators
}

// Operators are those that a server trusts.
type Operators struct {
	JWTs           []string
	Claims         []any  // as they are written in JSON
	PinnedFailures uint64 // logins to accounts that are not pinned
}

// Varz is the general state of the server.
func (v *Views) Varz() *Varz {
	z := new(Varz)
	v.describeServer(z)
	v.describeProcess(z)
	z.describeConfig(v.source.Config())
	z.SystemAccount = v.systemAccount()
	if source, ok := v.source.(OperatorSource); ok {
		o := source.Operators()
		z.OperatorJWTs, z.OperatorClaims, z.PinnedFailures = o.JWTs, o.Claims, o.PinnedFailures
	}
	z.ConfigLoadTime = v.source.ConfigLoaded().UTC()
	z.count(v.source.Counters())
	z.Subscriptions = v.source.RouterStats("").NumSubs
	z.HTTPReqStats = v.requestCounts()
	if js := v.jetStream(); js != nil {
		z.describeJetStream(js, v.source.Config())
	}
	return z
}

func (z *Varz) describeJetStream(js JetStream, c *config.Config) {
	state := js.State()
	settings, stats := jetStreamConfig(c, state), sumStats(state, js.Accounts())
	z.JetStream = JetStreamVarz{Config: &settings, Stats: &stats, Limits: jetStreamLimits(c)}
}

func (v *Views) describeServer(z *Varz) {
	id := v.source.Identity()
	z.ServerID, z.ServerName = id.ID, id.Name
	z.Version, z.ProductVersion, z.Proto = id.Version, id.ProductVersion, protocolVersion
	z.GitCommit, z.GoVersion = id.GitCommit, id.GoVersion
	z.HTTPSPort, z.TLSCertNotAfter = id.HTTPSPort, id.CertNotAfter.UTC()
	z.Host, z.Port, z.ConnectURLs = id.Host, id.Port, id.ConnectURLs
	z.HTTPHost, z.HTTPPort = id.HTTPHost, id.HTTPPort
	z.Start, z.Now = id.Start.UTC(), v.now()
	z.Uptime = uptimeText(z.Now.Sub(z.Start))
}

func (v *Views) describeProcess(z *Varz) {
	z.Mem, z.CPU = residentBytes(), v.cpu.read()
	z.Cores, z.GoMaxProcs = runtime.NumCPU(), runtime.GOMAXPROCS(0)
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		z.GoMemLimit = limit
	}
}

func (z *Varz) describeConfig(c *config.Config) {
	if c.ClientAdvertise != "" {
		z.Host, z.Port = c.Advertised(z.Port)
	}
	z.HTTPBasePath = c.HTTPBasePath
	z.ConfigDigest, z.Tags, z.Metadata = c.Digest, c.ServerTags, c.ServerMetadata
	z.AuthRequired, z.AuthTimeout = c.Auth.Restricted() || c.Operators.Enabled(), c.AuthTimeout().Seconds()
	z.TLSTimeout = config.DefaultTLSTimeout.Seconds()
	if c.TLS != nil {
		z.TLSRequired, z.TLSVerify, z.TLSTimeout = !c.AllowNonTLS, c.TLS.Verify, c.TLS.Timeout.Seconds()
		z.TLSPeers = c.TLS.Peers != nil
	}
	z.FeatureFlags = FeatureFlags()
	z.Proxies = proxies(c.Auth.TrustedProxies)
	limits := &c.Limits
	z.MaxConnections, z.MaxSubscriptions = limits.MaxConnections, limits.MaxSubscriptions
	z.PingInterval, z.PingMax = limits.PingInterval, limits.PingMax
	z.MaxControlLine, z.MaxPayload, z.MaxPending = limits.MaxControlLine, limits.MaxPayload, limits.MaxPending
	z.WriteDeadline = limits.WriteDeadline
	if limits.WriteTimeout != config.WriteDefault {
		z.WriteTimeout = limits.WriteTimeout
	}
}

// count fills in the totals. Clients are the only kind of connection, so that each total is theirs.
func (z *Varz) count(c Counters) {
	z.Connections, z.TotalConnections = c.Connections, c.TotalConnections
	z.InMsgs, z.InBytes, z.OutMsgs, z.OutBytes = c.InMsgs, c.InBytes, c.OutMsgs, c.OutBytes
	z.InClientMsgs, z.InClientBytes, z.OutClientMsgs, z.OutClientBytes = c.InMsgs, c.InBytes, c.OutMsgs, c.OutBytes
	z.SlowConsumers, z.StaleConnections, z.StalledClients = c.SlowConsumers, c.StaleConnections, c.StalledClients
	z.SlowConsumerStats.Clients, z.StaleConnectionStats.Clients = c.SlowConsumers, c.StaleConnections
}

// FeatureFlags are the switches of a stock server that tools ask for. None of them is on.
func FeatureFlags() map[string]bool {
	return map[string]bool{"js_ack_fc_v2": false, "js_raft_delete_range": false, "js_snapshot_sources": false}
}
