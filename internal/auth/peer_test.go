package auth

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// peer is a stock server. The tests below ask it what the tables say, if PEER is the path of one.
type peer struct{ address string }

// startPeer starts the peer with a configuration, for as long as the test runs.
func startPeer(t *testing.T, config map[string]any) *peer {
	t.Helper()
	if os.Getenv("PEER") == "" {
		t.Skip("PEER is not set")
	}
	config["listen"] = "127.0.0.1:-1"
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the language knows no \u
	if err := encoder.Encode(config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Getenv("PEER"), "-c", file, "--ports_file_dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	ports := peerPorts(t, dir, ended)
	address, err := url.Parse(ports[0])
	if err != nil {
		t.Fatal(err)
	}
	return &peer{address.Host}
}

// peerPorts waits until the peer has written which addresses it listens on.
func peerPorts(t *testing.T, dir string, ended chan error) []string {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the peer does not start: %v", err)
		case <-poll.C:
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.ports"))
		if err != nil || len(names) == 0 {
			continue
		}
		var ports struct{ Nats []string }
		if text, err := os.ReadFile(names[0]); err == nil && json.Unmarshal(text, &ports) == nil {
			return ports.Nats
		}
	}
}

// peerConn is a connection to the peer.
type peerConn struct {
	net.Conn
	lines *bufio.Reader
}

// connect dials; connect makes the fields of CONNECT, given the nonce.
func (p *peer) connect(t *testing.T, fields func(nonce string) map[string]any) *peerConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &peerConn{Conn: conn, lines: bufio.NewReader(conn)}
	line, err := c.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	options := fields(info.Nonce)
	options["verbose"], options["pedantic"], options["protocol"] = false, false, 0
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	c.send("CONNECT " + string(text))
	return c
}

func (c *peerConn) send(lines ...string) {
	_, _ = c.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")) // the peer may have closed it, which sync sees
}

// sync returns what the peer has to say up to now; "closed" is the last line if it has closed the connection.
func (c *peerConn) sync() (said []string) {
	c.send("PING")
	for {
		line, err := c.lines.ReadString('\n')
		switch line = strings.TrimRight(line, "\r\n"); {
		case err != nil:
			return append(said, "closed")
		case line == "PONG":
			return said
		case line != "" && line != "PING":
			said = append(said, line)
		}
	}
}

// permissions writes them as a configuration does.
func permissions(p *Permissions) map[string]any {
	side := func(s Subjects) map[string]any {
		return map[string]any{"allow": append([]string{}, s.Allow...), "deny": append([]string{}, s.Deny...)}
	}
	return map[string]any{"publish": side(p.Publish), "subscribe": side(p.Subscribe)}
}

// peerUsers starts a peer with a user named by number for each of the permissions, and "all" without any.
func peerUsers(t *testing.T, list []Permissions) *peer {
	users := []any{map[string]any{"user": "all"}}
	for i := range list {
		users = append(users, map[string]any{"user": fmt.Sprint("u", i), "permissions": permissions(&list[i])})
	}
	return startPeer(t, map[string]any{"authorization": map[string]any{"users": users}})
}

func as(user string) func(string) map[string]any {
	return func(string) map[string]any { return map[string]any{"user": user} }
}

func TestPeerSubscribe(t *testing.T) {
	var permissions []Permissions
	for _, row := range subscribeRows {
		permissions = append(permissions, row.permissions())
	}
	p := peerUsers(t, permissions)
	all := p.connect(t, as("all"))
	for i, row := range subscribeRows {
		c := p.connect(t, as(fmt.Sprint("u", i)))
		c.send(strings.Join(strings.Fields(fmt.Sprintf("SUB %s %s 1", row.pattern, row.queue)), " "))
		want := fmt.Sprintf("-ERR '%s'", SubscribeViolation(row.pattern, row.queue))
		if said := c.sync(); slices.Contains(said, want) == row.ok {
			t.Errorf("%+v: %q", row, said)
		}
		for _, s := range list(row.published) {
			all.send("PUB "+s+" 0", "")
		}
		all.sync()
		var got []string
		for _, line := range c.sync() {
			if fields := strings.Fields(line); fields[0] == "MSG" {
				got = append(got, fields[1])
			}
		}
		if (strings.Join(got, ",") == row.got) == row.stricter {
			t.Errorf("%+v: got %v", row, got)
		}
		c.Close()
	}
}

func TestPeerPublish(t *testing.T) {
	var permissions []Permissions
	for _, row := range publishRows {
		permissions = append(permissions, row.permissions())
	}
	p := peerUsers(t, permissions)
	for i, row := range publishRows {
		c := p.connect(t, as(fmt.Sprint("u", i)))
		c.send(strings.Join(strings.Fields(fmt.Sprintf("PUB %s %s 0", row.subject, row.reply)), " "), "")
		want := []string(nil)
		if row.refused != "" {
			want = []string{fmt.Sprintf("-ERR '%s'", row.refused)}
		}
		if said := c.sync(); !slices.Equal(said, want) {
			t.Errorf("%+v: %q", row, said)
		}
		c.Close()
	}
}

// peerConfig writes a configuration for the peer.
func peerConfig(c *Config) map[string]any {
	config := map[string]any{}
	authorization := map[string]any{}
	if c.Username != "" {
		authorization["user"], authorization["password"] = c.Username, string(c.Password)
	}
	if c.Token != "" {
		authorization["token"] = string(c.Token)
	}
	if c.ProxyRequired {
		authorization["proxy_required"] = true
	}
	accounts := map[string][]any{}
	for _, a := range c.Accounts {
		accounts[a.Name] = []any{}
	}
	var users []any
	for _, u := range c.Users {
		entry := peerUser(&u)
		if u.Account == "" {
			users = append(users, entry)
		} else {
			accounts[u.Account] = append(accounts[u.Account], entry)
		}
	}
	if users != nil {
		authorization["users"] = users
	}
	blocks := map[string]any{}
	for name, users := range accounts {
		blocks[name] = map[string]any{"users": users}
	}
	var trusted []any
	for _, key := range c.TrustedProxies {
		trusted = append(trusted, map[string]any{"key": key})
	}
	config["authorization"] = authorization
	if len(blocks) > 0 {
		config["accounts"] = blocks
	}
	if trusted != nil {
		config["proxies"] = map[string]any{"trusted": trusted}
	}
	if c.NoAuthUser != "" {
		config["no_auth_user"] = c.NoAuthUser
	}
	return config
}

func peerUser(u *User) map[string]any {
	entry := map[string]any{"proxy_required": u.ProxyRequired}
	if u.NKey != "" {
		entry["nkey"] = u.NKey
	} else {
		entry["user"], entry["password"] = u.Name, string(u.Password)
	}
	var types []string
	for name, bit := range connectionTypes {
		if u.ConnectionTypes&bit != 0 {
			types = append(types, name)
		}
	}
	if types != nil {
		entry["allowed_connection_types"] = types
	}
	return entry
}

func TestPeerLogins(t *testing.T) {
	k := newKeys(t)
	for name, test := range logins(t) {
		t.Run(name, func(t *testing.T) {
			p := startPeer(t, peerConfig(&test.config))
			for _, try := range test.attempts {
				c := p.connect(t, func(own string) map[string]any {
					r := try.request
					return map[string]any{
						"user": r.User, "pass": string(r.Password), "auth_token": string(r.Token), "nkey": r.NKey, "jwt": string(r.JWT),
						"sig": resign(t, k, r.Signature, own), "proxy_sig": resign(t, k, r.ProxySignature, own),
					}
				})
				said := c.sync()
				if in := len(said) == 0; in != strings.Contains(try.want, "/") {
					t.Errorf("%+v: %q, want %s", try.request, said, try.want)
				}
				c.Close()
			}
		})
	}
}

// resign replaces a signature of the tables' nonce by one of the peer's, in the same encoding.
func resign(t *testing.T, k keys, signature, own string) string {
	encodings := []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding, base64.RawStdEncoding}
	for _, key := range []nkeys.KeyPair{k.user, k.stranger, k.account, k.proxy} {
		for _, encoding := range encodings {
			if sign(t, key, nonce, encoding) == signature {
				return sign(t, key, own, encoding)
			}
		}
	}
	return signature
}
