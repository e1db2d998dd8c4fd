package nats

import (
	"crypto/tls"
	"encoding/json"

	"myelin/internal/nats/wire"
)

// Info is the document that a server sends first, and again when something in it has changed.
type Info struct {
	ServerID        string   `json:"server_id"`
	ServerName      string   `json:"server_name"`
	Version         string   `json:"version"`
	Proto           int      `json:"proto"`
	GitCommit       string   `json:"git_commit,omitempty"`
	Go              string   `json:"go"`
	Host            string   `json:"host"`
	Port            int      `json:"port"`
	Headers         bool     `json:"headers"`
	AuthRequired    bool     `json:"auth_required,omitempty"`
	TLSRequired     bool     `json:"tls_required,omitempty"`
	TLSVerify       bool     `json:"tls_verify,omitempty"`
	TLSAvailable    bool     `json:"tls_available,omitempty"`
	MaxPayload      int      `json:"max_payload"`
	JetStream       bool     `json:"jetstream,omitempty"`
	ClientID        uint64   `json:"client_id,omitempty"`
	ClientIP        string   `json:"client_ip,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	ConnectURLs     []string `json:"connect_urls,omitempty"`
	LameDuck        bool     `json:"ldm,omitempty"`
	ConnectInfo     bool     `json:"connect_info,omitempty"`
	RemoteAccount   string   `json:"remote_account,omitempty"`
	IsSystemAccount bool     `json:"acc_is_sys,omitempty"`
	APILevel        int      `json:"api_lvl,omitempty"`
	XKey            string   `json:"xkey,omitempty"`
}

// frame encodes the document for one connection.
func (i Info) frame(c *Conn) []byte {
	i.ClientID, i.ClientIP = c.id, c.host
	doc, err := json.Marshal(i)
	if err != nil {
		// Strings, numbers and booleans always encode.
		panic(err)
	}
	return wire.AppendInfo(nil, doc)
}

// info is the current document for the connection.
func (l *Listener) info() Info {
	i := l.Info()
	i.AuthRequired = l.opt.Gate.Judge().Restricted()
	if t := l.tls.Load(); t != nil {
		i.TLSRequired, i.TLSAvailable = !t.Optional, t.Optional
		i.TLSVerify = t.Config.ClientAuth == tls.RequireAndVerifyClientCert
	}
	l.mu.Lock()
	i.LameDuck = l.lameDuck
	l.mu.Unlock()
	if i.LameDuck {
		i.ConnectURLs = nil
	}
	return i
}

// greeting is the first document that a connection gets. Who needs no credentials is not asked for some.
func (c *Conn) greeting() []byte {
	i := c.l.info()
	i.AuthRequired = c.l.opt.Gate.Judge().Required()
	i.Nonce = c.login.nonce
	if s := c.secured.Load(); s != nil && s.first {
		i.TLSRequired = true // as in stock, also where clients may do without
	}
	return i.frame(c)
}

// announce sends the current document to a client that understands it at any time.
func (c *Conn) announce() {
	if c.flags.has(asyncInfo) {
		c.tell(c.l.info().frame(c))
	}
}
