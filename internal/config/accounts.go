package config

import (
	"errors"
	"maps"
	"slices"
	"time"

	"myelin/internal/auth"
)

// DefaultSystemAccount is where a server tells of itself unless SystemAccount says otherwise.
const DefaultSystemAccount = "$SYS"

const defaultAuthTimeout = 2 * time.Second

// Account is what an account has, and may have.
type Account struct {
	Streams  AccountStreams
	Limits   AccountLimits
	Mappings []Mapping // of its subjects, in the order of the file
	Trace    AccountTrace
	Exports  []Export
	Imports  []Import
}

// AccountLimits bound what the connections of an account may do. They are -1 for no limit but the server's.
type AccountLimits struct {
	MaxConnections   int64
	MaxSubscriptions int // per connection
	MaxPayload       int // bytes
}

func defaultAccount() Account {
	return Account{Limits: AccountLimits{MaxConnections: -1, MaxSubscriptions: -1, MaxPayload: -1}}
}

// Account is what an account has, also one that nothing was said about.
func (c *Config) Account(name string) Account {
	if a, ok := c.Accounts[name]; ok {
		return a
	}
	return defaultAccount()
}

// AccountStreams says whether an account may keep streams, and how much in them. Bounds are -1 for none.
type AccountStreams struct {
	Enabled bool

	MaxMemory, MaxStorage             int64 // bytes
	MaxStreams, MaxConsumers          int64
	MaxAckPending                     int64 // of one consumer
	MaxMemoryStream, MaxStorageStream int64 // bytes of one stream
	MaxBytesRequired                  bool  // a stream must say how many bytes it may have
}

func unlimitedStreams() AccountStreams {
	return AccountStreams{
		MaxMemory: -1, MaxStorage: -1, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MaxMemoryStream: -1, MaxStorageStream: -1,
	}
}

// System is the name of the account in which the server tells of itself; "" for none.
func (c *Config) System() string {
	switch {
	case c.SystemAccount != "":
		return c.SystemAccount
	case c.NoSystemAccount:
		return ""
	}
	return DefaultSystemAccount
}

// AuthTimeout is how long a connection may take to say who it is.
func (c *Config) AuthTimeout() time.Duration {
	switch {
	case c.Auth.Timeout != 0:
		return c.Auth.Timeout
	case c.TLS != nil:
		return c.TLS.Timeout + time.Second // the handshake comes first
	}
	return defaultAuthTimeout
}

// Streams says what an account may keep in streams. Where there are no accounts but the system's, the global one may keep
// whatever the server can.
func (c *Config) Streams(account string) AccountStreams {
	if !c.JetStream.Enabled {
		return AccountStreams{}
	}
	tenants := slices.ContainsFunc(c.Auth.Accounts, func(a auth.Account) bool { return a.Name != c.System() })
	if account == auth.GlobalAccount && !tenants {
		s := unlimitedStreams()
		s.Enabled = true
		return s
	}
	return c.Account(account).Streams
}

// checkAuth says what is wrong with who may connect.
func (c *Config) checkAuth(ps *problems) {
	_, err := auth.New(&c.Auth)
	var about *auth.ConfigError
	if errors.As(err, &about) {
		ps.refuse(true, about.Key, "%s", about.Text)
	} else if err != nil {
		ps.refuse(true, "authorization", "%v", err)
	}
	known := slices.ContainsFunc(c.Auth.Accounts, func(a auth.Account) bool { return a.Name == c.SystemAccount })
	ps.refuse(c.SystemAccount != "" && c.SystemAccount != DefaultSystemAccount && !known && !c.Operators.Enabled(), "system_account",
		"error resolving system account: account missing")
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		a := c.Accounts[name]
		for i := range a.Mappings {
			a.Mappings[i].check(ps, mappingKey(name, a.Mappings[i].Source))
		}
		ps.refuse(min(a.Limits.MaxConnections, int64(a.Limits.MaxSubscriptions), int64(a.Limits.MaxPayload)) < -1, "accounts",
			"limits of account %q: -1 is no limit, and nothing is less", name)
	}
	ps.refuse(c.JetStream.Enabled && c.Account(c.System()).Streams.Enabled, "accounts", "Not allowed to enable JetStream on the system account")
}
