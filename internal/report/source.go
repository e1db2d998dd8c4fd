package report

import (
	"time"

	"myelin/internal/config"
)

// Source is what the views read: a server, seen from its operator's side.
//
// Every method may be called from any goroutine at any time, and what it returns belongs to the caller.
// The numbers of one view are read one after the other while the server goes on working, so that they
// may differ by what happened in between.
type Source interface {
	// Identity says who the server is and where it listens.
	Identity() Identity
	// Config is the configuration in effect; it is not to be changed.
	Config() *config.Config
	// ConfigLoaded is when that configuration took effect.
	ConfigLoaded() time.Time
	// Now is the server's clock.
	Now() time.Time
	// Counters are the totals since the server started.
	Counters() Counters
	// Connections are the open connections, by ascending CID.
	Connections() []Conn
	// Closed are the connections that were closed and are still remembered, the oldest first.
	Closed() []Conn
	// Subscriptions calls visit with each subscription, in no order, until it returns false. It may hold
	// a lock meanwhile: visit calls nothing of the Source.
	Subscriptions(visit func(Sub) bool)
	// RouterStats describes the subscriptions of an account, or of all accounts for the name "". The
	// stats of an account that does not exist are zero.
	RouterStats(account string) RouterStats
	// Healthy is nil while the server accepts connections, else why it does not.
	Healthy() error
}

// Identity is what stays the same while a server runs.
type Identity struct {
	ID             string
	Name           string
	Version        string // the NATS version whose behaviour is matched
	ProductVersion string // the version of Myelin itself
	GitCommit      string
	GoVersion      string
	Start          time.Time
	Host           string // where clients are accepted, as bound
	Port           int
	ConnectURLs    []string // further addresses that clients are told of
	HTTPHost       string   // where the monitoring pages are served, as bound; port 0: nowhere
	HTTPPort       int
	HTTPSPort      int       // in place of HTTPPort, over TLS
	CertNotAfter   time.Time // when the first of the server's certificates expires; zero without any
}

// Counters count since the server started, but for Connections, which are open now.
type Counters struct {
	InMsgs, InBytes   int64
	OutMsgs, OutBytes int64
	Connections       int
	TotalConnections  uint64
	SlowConsumers     int64 // connections closed since they did not keep up
	StaleConnections  int64 // connections closed since they did not answer pings
	StalledClients    int64 // times that a fast publisher was held back
}

// Conn is one connection, open or closed.
type Conn struct {
	CID          uint64
	Kind         string // what speaks: "Client"
	Type         string // which protocol: "nats"
	IP           string
	Port         int
	Start        time.Time
	LastActivity time.Time
	Stop         time.Time // zero while the connection is open
	Reason       string    // why it was closed
	RTT          time.Duration
	Pending      int64 // bytes that wait to be written to it
	InMsgs       int64
	OutMsgs      int64
	InBytes      int64
	OutBytes     int64
	Stalls       int64 // times that its publishing was held back
	NumSubs      int
	Name         string // name, language and version are as the client states them
	Lang         string
	Version      string
	Account      string // empty when the connection was never authenticated
	User         string
	MQTTClient   string
	Proxy        string       // public key of the one that it came through; "" for none
	TLS          *TLS         // nil: the connection is not protected
	Claims       *Claims      // nil: it has shown no JWT
	Subs         func() []Sub // what it subscribes to, or did when it was closed, in any order; nil: nothing
}

// Claims are what the JWT of a connection says.
type Claims struct {
	JWT         string // "" if who shows it need not have a key: then it is a secret
	Issuer      string // public key of who has signed it
	Name        string // as people call the user
	AccountName string // as people call the account
	Tags        []string
}

// accountTag is how people call the account of the connection.
func (c *Conn) accountTag() string {
	if c.Claims != nil && c.Claims.AccountName != "" {
		return c.Claims.AccountName
	}
	return c.Account
}

// open reports whether the connection was not closed yet.
func (c *Conn) open() bool { return c.Stop.IsZero() }

// uptime is how long the connection has lasted at now, or did last.
func (c *Conn) uptime(now time.Time) time.Duration { return c.end(now).Sub(c.Start) }

// idle is how long nothing has come or gone at now, or at the end.
func (c *Conn) idle(now time.Time) time.Duration { return c.end(now).Sub(c.LastActivity) }

func (c *Conn) end(now time.Time) time.Time {
	if c.open() {
		return now
	}
	return c.Stop
}

// subs lists the connection's subscriptions.
func (c *Conn) subs() []Sub {
	if c.Subs == nil {
		return nil
	}
	return c.Subs()
}

// Sub is one subscription.
type Sub struct {
	Account    string
	AccountTag string // as people call it; "" for Account
	Subject    string
	Queue      string
	SID        string
	Msgs       int64 // messages delivered to it
	Max        int64 // messages after which it ends; 0: never
	CID        uint64
}

// RouterStats describes a set of subscriptions and how they were matched.
type RouterStats struct {
	NumSubs   uint32
	NumCache  uint32 // subjects whose matches are cached
	Inserts   uint64
	Removes   uint64
	Matches   uint64 // look-ups
	CacheHits uint64 // look-ups that the cache answered
	MaxFanout uint32 // most subscriptions that match a cached subject
	AvgFanout float64
}
