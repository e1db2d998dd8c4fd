package protocol

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

// A service is told what the connection says and shows, signed by the server.
func TestCalloutRequest(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	conn, said := tries(t, server, `"user":"bob","pass":"secret","auth_token":"tok","jwt":"x","name":"n","lang":"go","version":"1.2"`)
	if said != "in" {
		t.Fatal(said)
	}
	r := <-c.asked
	o, i := &r.ConnectOptions, &r.ClientInformation
	if o.Username != "bob" || o.Password != "secret" || o.Token != "tok" || o.JWT != "" || o.Name != "n" || o.Lang != "go" || o.Version != "1.2" || o.Protocol != 0 {
		t.Errorf("options %+v", o)
	}
	if i.Host != "127.0.0.1" || i.ID != conn.Info.ClientID || i.User != "bob" || i.Name != "n" || i.Kind != "Client" || i.Type != "nats" || i.Nonce != "" {
		t.Errorf("client %+v", i)
	}
	s := &r.Server
	if s.ID != conn.Info.ServerID || r.Issuer != s.ID || s.Name != "A" || s.Host != "127.0.0.1" || s.Version != conn.Info.Version || len(s.Tags) != 2 || s.XKey != "" {
		t.Errorf("server %+v, %s", s, r.Issuer)
	}
	if r.Audience != "nats-authorization-request" || r.Subject != public(c.issuer) || r.Expires != r.IssuedAt+60 || r.TLS != nil {
		t.Errorf("request %+v", r.ClaimsData)
	}
	tries(t, server, `"auth_token":"tok"`)
	if again := <-c.asked; again.UserNkey == r.UserNkey || again.ClientInformation.User != "[REDACTED]" {
		t.Errorf("again %+v", again)
	}
}

// Requests are encrypted for a service that has a key, and its answers may be.
func TestCalloutEncrypted(t *testing.T) {
	c := &callout{issuer: got(nkeys.CreateAccount()), exchange: got(nkeys.CreateCurveKeys()), account: "$G"}
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`authorization { timeout: 60, users: [{user: auth, password: p}]
  auth_callout { issuer: %s, auth_users: [auth], xkey: %s } }
`, public(c.issuer), public(c.exchange))})
	c.serve(t, server, nats.UserInfo("auth", "p"))
	for _, c.seal = range []bool{false, true} {
		conn, said := tries(t, server, `"user":"bob"`)
		r, header := <-c.asked, <-c.header
		if key := r.Server.XKey; said != "in" || key == "" || key != header.Get("Nats-Server-Xkey") || !strings.Contains(conn.Info.Text, key) {
			t.Errorf("sealed %t: %s, %s, %v", c.seal, said, key, header)
		}
	}
	c.exchange, c.seal = got(nkeys.CreateCurveKeys()), false
	c.conn.Close()
	// Who has another key reads nothing, and is not believed.
	conn := got(nats.Connect(server.URL(), nats.UserInfo("auth", "p")))
	defer conn.Close()
	refusals := make(chan string, 10)
	got(conn.Subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", func(m *nats.Msg) { refusals <- string(m.Data) }))
	got(conn.Subscribe("$SYS.REQ.USER.AUTH", func(m *nats.Msg) {
		key := m.Header.Get("Nats-Server-Xkey")
		if _, err := c.exchange.Open(m.Data, key); err == nil || strings.Contains(string(m.Data), "eyJ") {
			t.Error("the request can be read")
		}
		got(0, m.Respond(got(c.exchange.Seal([]byte("hello"), key))))
	}))
	got(0, conn.Flush())
	if _, said := tries(t, server, `"user":"bob"`); said != violation {
		t.Error(said)
	}
	if why := <-refusals; !strings.Contains(why, `Error decrypting auth callout response on account \"$G\": nkeys: could not decrypt input`) {
		t.Error(why)
	}
}

// Who is asked about, and who is not.
func TestCalloutWho(t *testing.T) {
	user, exempt, proxy := newKey(t), newKey(t), newKey(t)
	server, c := newCallout(t, fmt.Sprintf(`no_auth_user: ann
proxies { trusted: [{key: %s}] }
accounts { AUTH { users: [{user: auth, password: p}, {user: other, password: p}] }, APP { users: [{user: ann, password: p}, {user: prox, password: p, proxy_required: true}, {nkey: %s}, {nkey: %s}] } }
authorization { timeout: 60, auth_callout { issuer: %%s, account: AUTH, auth_users: [auth, %s] } }
`, proxy.public, user.public, exempt.public, exempt.public))
	elsewhere := nonceOf(t, server.Raw(t))
	signed := func(k key, nonce string) string { return k.sign(t, nonce, base64.RawURLEncoding) }
	byKey := func(k, signer key) func(string) string {
		return func(nonce string) string { return fmt.Sprintf(`"nkey":%q,"sig":%q`, k.public, signed(signer, nonce)) }
	}
	plain := func(fields string) func(string) string { return func(string) string { return fields } }
	through := func(fields string, k key) func(string) string {
		return func(nonce string) string { return fields + fmt.Sprintf(`,"proxy_sig":%q`, signed(k, nonce)) }
	}
	for _, row := range []struct {
		name  string
		shows func(nonce string) string
		said  string
		asked string // "": not asked
	}{
		{"a stranger", plain(`"user":"bob"`), "in", "bob"},
		{"a user", plain(`"user":"ann","pass":"p"`), "in", "ann"},
		{"a user with another password", plain(`"user":"ann","pass":"q"`), "in", "ann"},
		{"nobody", plain(`"lang":"go"`), "in", "ann"},
		{"a user beside the service", plain(`"user":"other","pass":"p"`), "in", "other"},
		{"the service", plain(`"user":"auth","pass":"p"`), "in", ""},
		{"the service with another password", plain(`"user":"auth","pass":"q"`), violation, ""},
		{"a key", byKey(user, user), "in", user.public},
		{"a key and another signature", byKey(user, exempt), "in", user.public},
		{"a key of the service", byKey(exempt, exempt), "in", ""},
		{"a key of the service and another signature", byKey(exempt, user), violation, ""},
		{"a key of the service and the nonce of another connection", func(string) string { return byKey(exempt, exempt)(elsewhere) }, violation, ""},
		{"through a proxy", through(`"user":"bob"`, proxy), "in", "bob"},
		{"through another proxy", through(`"user":"bob"`, user), violation, ""},
		{"who needs a proxy", through(`"user":"prox"`, proxy), "in", "prox"},
		{"who needs a proxy and has none", plain(`"user":"prox","pass":"p"`), violation, "prox"},
		{"the service through another proxy", through(`"user":"auth","pass":"p"`, user), violation, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn := server.Raw(t)
			nonce := nonceOf(t, conn)
			conn.Send(fmt.Sprintf(`CONNECT {"verbose":false,%s}`, row.shows(nonce)), "PING")
			said, asked := outcome(conn), ""
			if len(c.asked) > 0 {
				r := <-c.asked
				asked = r.ClientInformation.User
				if r.ConnectOptions.Nkey != "" && r.ClientInformation.Nonce != nonce {
					t.Errorf("the service gets the nonce %q", r.ClientInformation.Nonce)
				}
			}
			if said != row.said || asked != row.asked {
				t.Errorf("said %q, asked %q", said, asked)
			}
		})
	}
}

// Users of accounts that are not delegated need no service.
func TestCalloutDelegated(t *testing.T) {
	server, c := newCallout(t, `accounts {
  AUTH { users: [{user: auth, password: p}, {user: other, password: p}] }, APP { users: [{user: app, password: p}] }, OWN { users: [{user: own, password: p}] }
}
authorization { timeout: 60, users: [{user: global, password: p}]
  auth_callout { issuer: %s, account: AUTH, auth_users: [auth], allowed_accounts: [APP] } }
`)
	for _, row := range []struct {
		user, password string
		asked          int
	}{
		{"own", "p", 0}, {"own", "q", 1}, {"other", "p", 0}, {"other", "q", 1}, {"app", "p", 1}, {"app", "q", 1}, {"bob", "p", 1}, {"global", "p", 1},
	} {
		_, said := tries(t, server, fmt.Sprintf(`"user":%q,"pass":%q`, row.user, row.password))
		if n := len(c.asked); said != "in" || n != row.asked {
			t.Errorf("%s with %s: %s, asked %d times", row.user, row.password, said, n)
		}
		for len(c.asked) > 0 {
			<-c.asked
		}
	}
}

// Nobody but the server asks, and nobody but the service is told passwords.
func TestCalloutFence(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	c.account = "AUTH"
	conn, said := tries(t, server, `"user":"eve"`)
	if said != "in" {
		t.Fatal(said)
	}
	conn.Send("PUB $SYS.REQ.USER.AUTH 0", "")
	conn.Expect(`-ERR 'Permissions Violation for Publish to "$SYS.REQ.USER.AUTH"'`)
	if err := c.conn.Publish("$SYS.REQ.USER.AUTH", nil); err != nil {
		t.Fatal(err)
	}
	got(0, c.conn.Flush())
	if err := c.conn.LastError(); err == nil || !strings.Contains(err.Error(), "Permissions Violation") {
		t.Errorf("the service asks itself: %v", err)
	}
	if !testkit.OwnBinary() {
		return // stock shows everybody in the account what is asked
	}
	conn.Send("SUB $SYS.REQ.USER.AUTH 1", "SUB > 2", "SUB $SYS._INBOX.* 3")
	conn.Expect(`-ERR 'Permissions Violation for Subscription to "$SYS.REQ.USER.AUTH"'`, `-ERR 'Permissions Violation for Subscription to "$SYS._INBOX.*"'`)
	conn.Sync()
	c.account = "APP"
	if _, said := tries(t, server, `"user":"bob","pass":"secret"`); said != "in" {
		t.Fatal(said)
	}
	conn.Sync()
}

// Certificates that a connection has shown are shown to the service.
func TestCalloutTLS(t *testing.T) {
	s := newSite(t)
	file := func(name string) string { return filepath.ToSlash(filepath.Join(s.dir, name)) }
	server, c := newCallout(t, fmt.Sprintf(`accounts { AUTH { users: [{user: auth, password: p}] }, APP {} }
authorization { timeout: 60, auth_callout { issuer: %%s, account: AUTH, auth_users: [auth] } }
tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }
allow_non_tls: true
`, file("server.pem"), file("server.key"), file("ca.pem")))
	pair, err := s.pairs["client"].TLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(server.URL(), nats.UserInfo("bob", "x"), nats.Secure(&tls.Config{
		RootCAs: s.authority.Pool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	shown := (<-c.asked).TLS
	if shown == nil || shown.Version != "1.3" || !strings.HasPrefix(shown.Cipher, "TLS_") || len(shown.Certs) != 0 || len(shown.VerifiedChains) != 1 ||
		shown.VerifiedChains[0][0] != string(s.pairs["client"].Certificate) {
		t.Errorf("shown %+v", shown)
	}
}

// The system account and the service's hear of refusals, and the pages show who was let in.
func TestCalloutIsShown(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	system := as(t, server, "sys")
	system.Send("SUB $SYS.ACCOUNT.> 1", "SUB $SYS.SERVER.*.CLIENT.AUTH.ERR 2")
	system.Sync()
	conn, _ := tries(t, server, `"user":"bob","name":"n"`)
	subject, event := told(t, system, ".CONNECT")
	if subject != "$SYS.ACCOUNT.APP.CONNECT" || path(event, "client", "user") != "nm" || path(event, "client", "acc") != "APP" || path(event, "client", "name") != "n" {
		t.Errorf("%s: %v", subject, event)
	}
	var page struct {
		Connections []map[string]any `json:"connections"`
	}
	server.Monitor("/connz?auth=1&acc=APP", &page)
	if len(page.Connections) != 1 || page.Connections[0]["authorized_user"] != "nm" || page.Connections[0]["cid"] != float64(conn.Info.ClientID) ||
		page.Connections[0]["account"] != "APP" || page.Connections[0]["issuer_key"] != "APP" || page.Connections[0]["jwt"] != nil {
		t.Errorf("shown %v", page)
	}
	c.decide = func(a *reply) { a.outer.Error, a.token = "no", "-" }
	tries(t, server, `"user":"eve"`)
	subject, event = told(t, system, ".AUTH.ERR")
	if !strings.HasPrefix(subject, "$SYS.SERVER.") || path(event, "client", "user") != "eve" || path(event, "reason") != "Authentication Failure" {
		t.Errorf("%s: %v", subject, event)
	}
	if why := <-c.refusals; why != "Auth callout service returned an error: no" {
		t.Error(why)
	}
	// A wrong password of the service is none of the service's doing, but its account hears of it as well.
	tries(t, server, `"user":"auth","pass":"x"`)
	if why := <-c.refusals; why != "Authentication Failure" {
		t.Error(why)
	}
}
