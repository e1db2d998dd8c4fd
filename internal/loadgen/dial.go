package loadgen

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

const (
	dialTimeout       = 30 * time.Second
	defaultReadBuffer = 128 << 10 // bytes
)

// Dialer says where a server is and how to log in to it. Addr is required,
// every other field is used when it is set.
type Dialer struct {
	Addr     string // host:port
	Name     string // client name shown by the server
	User     string
	Password string
	Token    string
	JWT      string
	NKey     string                             // public key
	Sign     func(nonce []byte) ([]byte, error) // signs the server's nonce for JWT and NKey
	TLS      *tls.Config                        // also used, with defaults, when the server requires TLS

	ReadBuffer int // bytes; 128 KiB when 0
}

// Info is what a server tells about itself on a new connection.
type Info struct {
	ServerID    string `json:"server_id"`
	ServerName  string `json:"server_name"`
	Version     string `json:"version"`
	Go          string `json:"go"`
	MaxPayload  int64  `json:"max_payload"`
	Headers     bool   `json:"headers"`
	TLSRequired bool   `json:"tls_required"`
	Nonce       string `json:"nonce"`
}

type connectOptions struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required"`
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"`
	Protocol     int    `json:"protocol"`
	Name         string `json:"name,omitempty"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	User         string `json:"user,omitempty"`
	Password     string `json:"pass,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	JWT          string `json:"jwt,omitempty"`
	NKey         string `json:"nkey,omitempty"`
	Signature    string `json:"sig,omitempty"`
}

// Dial connects, logs in and returns when the server has answered a PING.
func (d *Dialer) Dial(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", d.Addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		nc.SetDeadline(deadline)
	}
	c, err := d.handshake(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", d.Addr, err)
	}
	c.nc.SetDeadline(time.Time{})
	return c, nil
}

func (d *Dialer) handshake(nc net.Conn) (*Conn, error) {
	size := d.ReadBuffer
	if size == 0 {
		size = defaultReadBuffer
	}
	c := newConn(nc, size)
	text, err := c.await(infoEvent)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &c.Info); err != nil {
		return nil, fmt.Errorf("read INFO: %w", err)
	}
	secure := c.Info.TLSRequired || d.TLS != nil
	if secure {
		c.startTLS(d.TLS, d.Addr)
	}
	hello, err := d.hello(&c.Info, secure)
	if err != nil {
		return nil, err
	}
	if err := c.Write(hello); err != nil {
		return nil, err
	}
	_, err = c.await(pongEvent)
	return c, err
}

// hello returns the CONNECT and PING that answer info.
func (d *Dialer) hello(info *Info, secure bool) ([]byte, error) {
	options := connectOptions{
		TLSRequired: secure, Headers: info.Headers, NoResponders: info.Headers,
		Protocol: 1, Name: d.Name, Lang: "go", Version: "1.0.0",
		User: d.User, Password: d.Password, Token: d.Token, JWT: d.JWT, NKey: d.NKey,
	}
	if info.Nonce != "" && d.Sign != nil {
		sig, err := d.Sign([]byte(info.Nonce))
		if err != nil {
			return nil, fmt.Errorf("sign nonce: %w", err)
		}
		options.Signature = base64.RawURLEncoding.EncodeToString(sig)
	}
	text, err := json.Marshal(&options)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "CONNECT %s\r\nPING\r\n", text), nil
}
