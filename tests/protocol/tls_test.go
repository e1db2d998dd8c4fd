package protocol

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"myelin/internal/pki"
	"myelin/internal/testkit"
)

// A site has certificates for a server on this machine and for its clients, in files by their names.
type site struct {
	t         *testing.T
	dir       string
	authority *pki.Authority
	stranger  *pki.Authority // whom nobody trusts
	pairs     map[string]*pki.Pair
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), authority: authority(t), stranger: authority(t), pairs: map[string]*pki.Pair{}}
	past, future := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	here := pki.Request{Name: "server", Hosts: []string{"127.0.0.1", "localhost"}, Server: true}
	elsewhere, old := here, here
	elsewhere.Hosts, old.Until = []string{"elsewhere.example"}, past
	client := pki.Request{Name: "client", Client: true}
	late, early := client, client
	late.Until, early.From = past, future
	mail, named := client, client
	mail.Emails, named.Hosts = []string{"mail@example.org"}, []string{"host.example.org"}
	s.issue(s.authority, map[string]pki.Request{
		"mail": mail, "host": named, "unknown": {Name: "unknown", Client: true},
		"server": here, "elsewhere": elsewhere, "old": old, "client": client, "other": client, "late": late, "early": early,
		"no-client": {Name: "client", Server: true},
	})
	s.issue(s.stranger, map[string]pki.Request{"untrusted": here, "stranger": client})
	s.write("ca.pem", s.authority.Certificate)
	return s
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *site) issue(by *pki.Authority, requests map[string]pki.Request) {
	s.t.Helper()
	for name, r := range requests {
		pair, err := by.Issue(r)
		if err != nil {
			s.t.Fatal(err)
		}
		s.pairs[name] = pair
		s.write(name+".pem", pair.Certificate)
		s.write(name+".key", pair.Key)
	}
}

func (s *site) write(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// config is a server's, with the certificate of that name, or "none". More settings of the block, and others, may follow;
// DIR stands for the folder of the site.
func (s *site) config(server, block, others string) string {
	pair := ""
	if server != "none" {
		pair = "cert_file: \"DIR/" + server + ".pem\", key_file: \"DIR/" + server + ".key\""
	}
	text := "tls { " + pair + "\n" + block + " }\n" + others + "\n"
	return strings.ReplaceAll(text, "DIR", filepath.ToSlash(s.dir))
}

// client is what somebody connects with who trusts the authority; the certificate may be none.
func (s *site) client(name string) *tls.Config {
	s.t.Helper()
	c := &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost"}
	if name != "" {
		cert, err := s.pairs[name].TLS()
		if err != nil {
			s.t.Fatal(err)
		}
		// Also if the server does not ask for one of its authority.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return c
}

// pin is the fingerprint of a key.
func (s *site) pin(name string) string {
	s.t.Helper()
	cert, err := s.pairs[name].TLS()
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// A caller connects and says hello.
type caller struct {
	net.Conn
	greeting string // as far as it came
}

const hello = "CONNECT {\"verbose\":false}\r\nPING\r\n"

// call returns an error unless the server answers. Without a configuration it speaks plain text; first, the handshake comes
// before the greeting.
func call(server *testkit.Server, config *tls.Config, first bool) (*caller, error) {
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		return nil, err
	}
	c := &caller{Conn: conn}
	if err := conn.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return c, err
	}
	if !first {
		if err := c.greet(); err != nil {
			return c, err
		}
	}
	if config != nil {
		secured := tls.Client(conn, config)
		c.Conn = secured
		if err := secured.Handshake(); err != nil {
			return c, err
		}
	}
	if first {
		if err := c.greet(); err != nil {
			return c, err
		}
	}
	if _, err := c.Write([]byte(hello)); err != nil {
		return c, err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "PONG\r\n" {
		err = fmt.Errorf("the server says %q", line)
	}
	return c, err
}

// greet reads the greeting and not a byte more.
func (c *caller) greet() error {
	for b := make([]byte, 1); !strings.HasSuffix(c.greeting, "\n"); c.greeting += string(b) {
		if _, err := c.Read(b); err != nil {
			return err
		}
	}
	return nil
}

// closedConn is the one connection that a server remembers.
type closedConn struct {
	Reason  string `json:"reason"`
	Version string `json:"tls_version"`
}

func onlyClosed(t *testing.T, server *testkit.Server) closedConn {
	t.Helper()
	var page struct {
		Connections []closedConn `json:"connections"`
	}
	testkit.Eventually(t, "the connection to stand among the closed ones", func() bool {
		server.Monitor("/connz?state=closed", &page)
		return len(page.Connections) == 1
	})
	return page.Connections[0]
}

// A row of TestTLS: who connects to what, and what comes of it.
type tlsRow struct {
	shows  string
	server string // certificate
	block  string // further settings of the tls block
	others string // settings beside it
	client *tls.Config
	first  bool
	info   string // what the greeting matches; "" for anything
	fails  string // what the client's error matches; "" for success
	log    string // what the log matches then
}

func (s *site) rows() []tlsRow {
	const (
		verify   = "verify: true, ca_file: \"DIR/ca.pem\""
		required = `"tls_required":true,"max_payload"`
		both     = `"tls_required":true,"tls_verify":true,"max_payload"`
		optional = `"headers":true,"tls_available":true,"max_payload"`
	)
	version := func(v uint16) *tls.Config {
		c := s.client("")
		c.MinVersion, c.MaxVersion = v, v
		return c
	}
	named := func(name string) *tls.Config {
		c := s.client("")
		c.ServerName = name
		return c
	}
	pinned := fmt.Sprintf("%s, pinned_certs: [\"%s\"]", verify, strings.ToUpper(s.pin("client")))
	const several = `certs: [ { cert_file: "DIR/server.pem", key_file: "DIR/server.key" },
		{ cert_file: "DIR/elsewhere.pem", key_file: "DIR/elsewhere.key" } ]`
	return []tlsRow{
		{shows: "TLS 1.3", client: version(tls.VersionTLS13), info: required},
		{shows: "TLS 1.2", client: version(tls.VersionTLS12), info: required},
		{shows: "TLS 1.1", client: version(tls.VersionTLS11), fails: "protocol version", log: "client offered only unsupported versions"},
		{shows: "TLS 1.2 where 1.3 is asked for", block: `min_version: "1.3"`, client: version(tls.VersionTLS12),
			fails: "protocol version", log: "client offered only unsupported versions"},
		{shows: "plain text", fails: "EOF|reset", info: required, log: "first record does not look like a TLS handshake"},

		{shows: "a server that has expired", server: "old", client: s.client(""), fails: "expired", log: "TLS handshake error: "},
		{shows: "a server that nobody trusts", server: "untrusted", client: s.client(""), fails: "unknown authority", log: "TLS handshake error: "},
		{shows: "a server of another name", server: "elsewhere", client: s.client(""), fails: "not localhost", log: "TLS handshake error: "},
		{shows: "the first of two names", server: "none", block: several, client: named("localhost")},
		{shows: "the second of two names", server: "none", block: several, client: named("elsewhere.example")},
		{shows: "another name than both", server: "none", block: several, client: named("nowhere.example"), fails: "not nowhere.example", log: "TLS handshake error: "},

		{shows: "a client with a certificate", block: verify, client: s.client("client"), info: both},
		{shows: "a client without", block: verify, client: s.client(""), fails: "certificate required", log: "client didn't provide a certificate"},
		{shows: "a client that has expired", block: verify, client: s.client("late"), fails: "expired",
			log: `failed to verify certificate: x509: certificate has expired or is not yet valid: .* is after .* \(CN=client SHA-256: [0-9a-f]{64}\)`},
		{shows: "a client that is not valid yet", block: verify, client: s.client("early"), fails: "expired", log: "is before"},
		{shows: "a client that nobody trusts", block: verify, client: s.client("stranger"), fails: "unknown certificate authority",
			log: "failed to verify certificate: x509: certificate signed by unknown authority"},
		{shows: "a client with the certificate of a server", block: verify, client: s.client("no-client"), fails: "bad certificate",
			log: "incompatible key usage"},
		{shows: "a client that nobody asks", client: s.client("stranger"), info: required},
		{shows: "a client with the pinned key", block: pinned, client: s.client("client")},
		{shows: "a client with another key", block: pinned, client: s.client("other"), fails: "EOF|bad certificate", log: "certificate not pinned"},

		{shows: "the handshake first", block: "handshake_first: true", client: s.client(""), first: true, info: required},
		{shows: "plain text where the handshake is first", block: "handshake_first: true, timeout: 0.1", fails: "EOF|reset", log: "TLS handshake timeout"},
		{shows: "the handshake first, if it comes", block: "handshake_first: \"1h\"", client: s.client(""), first: true, info: required},
		{shows: "the handshake first, or not", block: "handshake_first: auto", client: s.client(""), info: required},

		{shows: "nothing is said", block: "timeout: 0.1", client: &tls.Config{}, fails: "EOF|reset", log: "TLS handshake timeout"},

		{shows: "plain text where that is allowed", others: "allow_non_tls: true", info: optional},
		{shows: "TLS where plain text is allowed", others: "allow_non_tls: true", client: s.client(""), info: optional},
		{shows: "the handshake first where plain text is allowed", others: "allow_non_tls: true", block: "handshake_first: \"1h\"",
			client: s.client(""), first: true, info: `"tls_required":true,"tls_available":true,`},
		{shows: "plain text where that is allowed later", others: "allow_non_tls: true", block: "handshake_first: auto", info: optional},
	}
}

// Who is let in, what the others learn, and what the operator does: good, expired, untrusted, missing and wrong
// certificates on both sides, versions, and the ways to begin.
func TestTLS(t *testing.T) {
	s := newSite(t)
	for _, row := range s.rows() {
		t.Run(row.shows, func(t *testing.T) {
			config := s.config(cmp.Or(row.server, "server"), row.block, row.others)
			row.run(t, testkit.Start(t, testkit.Options{Config: config, Flags: []string{"-D"}}))
		})
	}
}

func (row *tlsRow) run(t *testing.T, server *testkit.Server) {
	var c *caller
	var err error
	if row.client != nil && row.client.RootCAs == nil {
		c, err = callSilently(server)
	} else {
		c, err = call(server, row.client, row.first)
	}
	defer c.Close()
	if !regexp.MustCompile(row.info).MatchString(c.greeting) {
		t.Errorf("the greeting is %s", c.greeting)
	}
	if row.fails == "" {
		if err != nil {
			t.Fatal(err)
		}
		if got := row.version(t, server); (got != "") != (row.client != nil) {
			t.Errorf("the connection has the TLS version %q", got)
		}
		return
	}
	if err == nil || !regexp.MustCompile(row.fails).MatchString(err.Error()) {
		t.Fatalf("the client gets the error %v", err)
	}
	c.Close()
	if got := onlyClosed(t, server); got.Reason != "TLS Handshake Failure" || got.Version != "" {
		t.Errorf("the connection is remembered as %+v", got)
	}
	testkit.Eventually(t, "the log to say "+row.log, func() bool { return regexp.MustCompile(row.log).MatchString(server.Log()) })
}

// version is that of the one open connection, as the monitoring pages show it.
func (row *tlsRow) version(t *testing.T, server *testkit.Server) string {
	t.Helper()
	var page struct {
		Connections []struct {
			Version string `json:"tls_version"`
			Suite   string `json:"tls_cipher_suite"`
			First   bool   `json:"tls_first"`
			Peers   []struct {
				Subject string `json:"subject"`
				Key     string `json:"spki_sha256"`
				Cert    string `json:"cert_sha256"`
			} `json:"tls_peer_certs"`
		} `json:"connections"`
	}
	server.Monitor("/connz?auth=1", &page)
	if len(page.Connections) != 1 {
		t.Fatalf("%d connections", len(page.Connections))
	}
	conn := page.Connections[0]
	if conn.First != row.first || (conn.Suite == "") != (conn.Version == "") {
		t.Errorf("the connection is shown as %+v", conn)
	}
	shown := strings.Contains(row.block, "verify: true")
	if (len(conn.Peers) == 1) != shown || shown && (conn.Peers[0].Subject != "CN=client" || len(conn.Peers[0].Key) != 64 || len(conn.Peers[0].Cert) != 64) {
		t.Errorf("the client's certificates are shown as %+v", conn.Peers)
	}
	return conn.Version
}

// callSilently connects and waits for the end.
func callSilently(server *testkit.Server) (*caller, error) {
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		return nil, err
	}
	c := &caller{Conn: conn}
	if err := conn.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return c, err
	}
	if err := c.greet(); err != nil {
		return c, fmt.Errorf("before the greeting: %w", err)
	}
	if _, err := c.Write([]byte("\x16\x03")); err != nil {
		return c, err
	}
	_, err = c.Read(make([]byte, 1))
	return c, err
}

// A certificate is the user that it names: by e-mail address, by host, or by its subject. Nothing that the client says makes
// it another.
func TestTLSUsers(t *testing.T) {
	s := newSite(t)
	server := testkit.Start(t, testkit.Options{Config: s.config("server", `verify_and_map: true, ca_file: "DIR/ca.pem"`,
		`authorization { users: [ { user: "mail@example.org" }, { user: "host.example.org" }, { user: "CN=client", permissions: { publish: "a" } } ] }`)})
	for _, row := range []struct{ certificate, user string }{
		{"mail", "mail@example.org"}, {"host", "host.example.org"}, {"client", "CN=client"}, {"unknown", ""},
	} {
		c, err := call(server, s.client(row.certificate), false)
		if row.user == "" {
			if err == nil || !strings.Contains(err.Error(), "-ERR 'Authorization Violation'") {
				t.Errorf("%s: %v", row.certificate, err)
			}
			c.Close()
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", row.certificate, err)
		}
		var page struct {
			Connections []struct {
				User string `json:"authorized_user"`
			} `json:"connections"`
		}
		server.Monitor("/connz?auth=1", &page)
		if len(page.Connections) != 1 || page.Connections[0].User != row.user {
			t.Errorf("%s: the server knows %+v", row.certificate, page.Connections)
		}
		c.Close()
		testkit.Eventually(t, "the connection to be gone", func() bool { return presence(t, server).Connections == 0 })
	}
}

// Who is refused although a certificate says who it is, for lack of a password or since the account is full, is remembered by that name.
func TestTLSRefusedUsers(t *testing.T) {
	s := newSite(t)
	server := testkit.Start(t, testkit.Options{Config: s.config("server", `verify_and_map: true, ca_file: "DIR/ca.pem"`, `accounts {
 A { users: [ { user: "mail@example.org", password: "p" } ] }
 B { users: [ { user: "host.example.org" } ], limits { max_connections: 0 } }
}`)})
	for _, row := range []struct{ certificate, user string }{{"mail", "mail@example.org"}, {"host", "host.example.org"}} {
		c, err := call(server, s.client(row.certificate), false)
		if err == nil {
			t.Errorf("%s is let in", row.certificate)
		}
		c.Close()
		var page struct {
			Connections []struct {
				User string `json:"authorized_user"`
			} `json:"connections"`
		}
		testkit.Eventually(t, row.certificate+" to be remembered as "+row.user, func() bool {
			server.Monitor("/connz?auth=1&state=closed&user="+url.QueryEscape(row.user), &page)
			return len(page.Connections) == 1 && page.Connections[0].User == row.user
		})
	}
}

// Peers that begin a handshake and never end it hold nobody up, neither other clients nor the end of the server.
func TestTLSSlowHandshakes(t *testing.T) {
	s := newSite(t)
	server := testkit.Start(t, testkit.Options{Config: s.config("server", `timeout: "1h"`, "")})
	for range 200 {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("\x16\x03\x01\x02\x00\x01")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := call(server, s.client(""), false)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	server.Stop()
}

// Beyond so many handshakes a second clients are sent away, in words that they can read, and the log says how many.
func TestTLSRateLimit(t *testing.T) {
	s := newSite(t)
	server := testkit.Start(t, testkit.Options{Config: s.config("server", "connection_rate_limit: 1", "")})
	for sent, let := 0, 0; sent == 0 || let < 2; {
		c, err := call(server, s.client(""), false)
		c.Close()
		var answer tls.RecordHeaderError
		switch {
		case err == nil:
			let++
		case errors.As(err, &answer) && string(answer.RecordHeader[:]) == "-ERR ":
			sent++
		default:
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "the log to say how many were sent away", func() bool {
		return regexp.MustCompile(`\[WRN\] Rejected \d+ connections due to TLS rate limiting`).MatchString(server.Log())
	})
}

// The flags protect as the file does.
func TestTLSFlags(t *testing.T) {
	s := newSite(t)
	server := testkit.Start(t, testkit.Options{Flags: []string{
		"--tlsverify", "--tlscert", s.dir + "/server.pem", "--tlskey", s.dir + "/server.key", "--tlscacert", s.dir + "/ca.pem",
	}})
	if !strings.HasPrefix(server.URL(), "tls://") || !strings.Contains(server.Log(), "TLS required for client connections") {
		t.Errorf("the server is at %s and says\n%s", server.URL(), server.Log())
	}
	if c, err := call(server, s.client(""), false); err == nil {
		t.Error("a client without a certificate was let in")
	} else {
		c.Close()
	}
	c, err := call(server, s.client("client"), false)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	var varz struct {
		Required bool      `json:"tls_required"`
		Verify   bool      `json:"tls_verify"`
		Timeout  float64   `json:"tls_timeout"`
		Auth     float64   `json:"auth_timeout"`
		NotAfter time.Time `json:"tls_cert_not_after"`
	}
	server.Monitor("/varz", &varz)
	if !varz.Required || !varz.Verify || varz.Timeout != 2 || varz.Auth != 3 || varz.NotAfter.Year() != 2100 {
		t.Errorf("the server shows itself as %+v", varz)
	}
}
