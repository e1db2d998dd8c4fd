package auth

import (
	"fmt"
	"strings"
	"time"
)

// GlobalAccount is the account of everybody who is not put into another.
const GlobalAccount = "$G"

// Config says who may connect, and as whom. Without users, a token and a single user everybody may, in
// the global account.
type Config struct {
	// One user in the global account, or whoever knows the token. Neither can stand beside Users.

	Username      string // "" for none
	Password      Secret
	Token         Secret // "" for none
	ProxyRequired bool   // the single user, or who has the token, must come through a trusted proxy

	Users    []User       // of all accounts
	Defaults *Permissions // of users of the global account that have none of their own
	Accounts []Account    // but for the global one, which needs no entry

	NoAuthUser      string   // name or public key of the user that those without credentials are; "" for none
	TrustedProxies  []string // public keys
	Callout         *Callout // a service decides; nil for none
	MapCertificates bool     // who has a TLS certificate is the user that it names

	Timeout time.Duration // within which a connection must say who it is; 0 for the default
}

// Restricted reports whether anybody could be refused.
func (c *Config) Restricted() bool { return c.Username != "" || c.Token != "" || len(c.Users) > 0 }

// User is one who may connect, by name and password or by public key.
type User struct {
	Name     string
	Password Secret // plain, or a bcrypt hash
	NKey     string // a user's public key; then there is neither name nor password

	Account         string          // "" for the global one
	Permissions     *Permissions    // nil for the account's defaults
	ConnectionTypes ConnectionTypes // 0 for all
	ProxyRequired   bool            // must come through a trusted proxy
}

// Account is one tenant.
type Account struct {
	Name     string
	NKey     string       // its public key; "" for none
	Defaults *Permissions // of its users that have none of their own
}

// Permissions are what a user may publish and subscribe to.
type Permissions struct {
	Publish   Subjects
	Subscribe Subjects // an entry may be a pattern, white space, and a pattern of queue names
	Responses *Responses
}

// Subjects are patterns. Without any in Allow all is allowed that is not in Deny.
type Subjects struct {
	Allow, Deny []string
}

// Responses let a user answer the requests that it gets, whatever it may publish otherwise. Then, without
// an allowed pattern, it may publish nothing but answers.
type Responses struct {
	Max     int           // answers to one request; 0 for 1, negative for any number
	Expires time.Duration // after the request; 0 for two minutes, negative for never
}

// Limits are the two with the defaults in place.
func (r *Responses) Limits() (most int, expires time.Duration) {
	most, expires = r.Max, r.Expires
	if most == 0 {
		most = defaultResponses
	}
	if expires == 0 {
		expires = defaultExpires
	}
	return most, expires
}

const (
	defaultResponses = 1
	defaultExpires   = 2 * time.Minute
)

// Secret is a text that must not be shown to anybody: however it is printed or encoded, it hides itself. Convert it to
// a string to use it.
type Secret string

// String is nothing for an empty secret, and the same word for all others.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[REDACTED]"
}

// Format hides the secret from all verbs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText hides the secret from JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ConnectionTypes is a set of ways to connect.
type ConnectionTypes uint8

// The ways to connect.
const (
	Standard ConnectionTypes = 1 << iota
	WebSocket
	LeafNode
	LeafNodeWS
	MQTT
	MQTTWS
	InProcess
)

var connectionTypes = map[string]ConnectionTypes{
	"STANDARD": Standard, "WEBSOCKET": WebSocket, "LEAFNODE": LeafNode, "LEAFNODE_WS": LeafNodeWS,
	"MQTT": MQTT, "MQTT_WS": MQTTWS, "IN_PROCESS": InProcess,
}

// ParseConnectionType returns the type of that name, in whatever case; 0 if there is none.
func ParseConnectionType(name string) ConnectionTypes { return connectionTypes[strings.ToUpper(name)] }
