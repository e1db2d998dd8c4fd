package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

func got[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func public(k nkeys.KeyPair) string { return got(k.PublicKey()) }

// reply is what a service is about to answer.
type reply struct {
	request *jwt.AuthorizationRequestClaims
	user    *jwt.UserClaims
	outer   *jwt.AuthorizationResponseClaims

	signUser, signOuter nkeys.KeyPair

	token  string // in place of the user
	raw    []byte // in place of all
	silent bool
	again  bool // answers twice
}

// bytes are those of the answer.
func (a *reply) bytes() []byte {
	if a.raw != nil {
		return a.raw
	}
	if a.outer.Jwt = a.token; a.token == "" {
		a.outer.Jwt = got(a.user.Encode(a.signUser))
	} else if a.token == "-" {
		a.outer.Jwt = ""
	}
	return []byte(got(a.outer.Encode(a.signOuter)))
}

// callout is a service that says who somebody is.
type callout struct {
	conn     *nats.Conn
	issuer   nkeys.KeyPair // signs
	account  string        // in which it lets people in
	exchange nkeys.KeyPair // nil for none
	seal     bool          // its answers
	decide   func(*reply)

	asked    chan *jwt.AuthorizationRequestClaims
	header   chan nats.Header
	refusals chan string // what the account is told
}

// serve connects the service.
func (c *callout) serve(t *testing.T, server *testkit.Server, option nats.Option) {
	t.Helper()
	conn, err := nats.Connect(server.URL(), option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	c.conn = conn
	c.asked, c.header, c.refusals = make(chan *jwt.AuthorizationRequestClaims, 1000), make(chan nats.Header, 1000), make(chan string, 1000)
	got(conn.Subscribe("$SYS.REQ.USER.AUTH", c.answer))
	got(conn.Subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", func(m *nats.Msg) {
		var event struct{ Reason string }
		if json.Unmarshal(m.Data, &event) == nil {
			c.refusals <- event.Reason
		}
	}))
	got(0, conn.Flush())
}

func (c *callout) answer(m *nats.Msg) {
	data := m.Data
	if key := m.Header.Get("Nats-Server-Xkey"); key != "" && c.exchange != nil {
		data = got(c.exchange.Open(data, key))
	}
	request, err := jwt.DecodeAuthorizationRequestClaims(string(data))
	if err != nil {
		return // nobody asks like that
	}
	a := &reply{
		request: request, user: jwt.NewUserClaims(request.UserNkey), outer: jwt.NewAuthorizationResponseClaims(request.UserNkey),
		signUser: c.issuer, signOuter: c.issuer,
	}
	a.user.Name, a.user.Audience, a.outer.Audience = "nm", c.account, request.Server.ID
	c.asked <- request
	c.header <- m.Header
	if c.decide != nil {
		c.decide(a)
	}
	if a.silent {
		return
	}
	body := a.bytes()
	if c.seal {
		body = got(c.exchange.Seal(body, request.Server.XKey))
	}
	respond(m, body)
	if a.again {
		respond(m, body)
		respond(m, []byte("junk"))
	}
}

// respond answers, unless the test is over and nobody waits.
func respond(m *nats.Msg, body []byte) {
	if err := m.Respond(body); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		panic(err)
	}
}

// tries connects and returns what is said about it: "in", or the lines up to the end.
func tries(t *testing.T, server *testkit.Server, fields string) (conn *testkit.Raw, said string) {
	t.Helper()
	conn = server.Raw(t)
	conn.Send(fmt.Sprintf(`CONNECT {"verbose":false,"pedantic":false,%s}`, fields), "PING")
	return conn, outcome(conn)
}

func outcome(conn *testkit.Raw) string {
	line := conn.Line()
	for strings.HasPrefix(line, "INFO ") {
		line = conn.Line()
	}
	if line == "PONG" {
		return "in"
	}
	conn.ExpectClosed()
	return strings.TrimSuffix(strings.TrimPrefix(line, "-ERR '"), "'")
}

const calloutConfig = `server_name: A
server_tags: [x, y]
accounts {
  AUTH { users: [{user: auth, password: p}, {user: other, password: p}] }
  APP { users: [{user: app, password: p}] }
  $SYS { users: [{user: sys, password: p}] }
}
authorization {
  timeout: 60
  auth_callout { issuer: %s, account: AUTH, auth_users: [auth, sys] }
}
`

const violation = "Authorization Violation"

// newCallout starts a server and its service.
func newCallout(t *testing.T, config string) (*testkit.Server, *callout) {
	t.Helper()
	c := &callout{issuer: got(nkeys.CreateAccount()), account: "APP"}
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(config, public(c.issuer))})
	c.serve(t, server, nats.UserInfo("auth", "p"))
	return server, c
}

// What a service may answer, and what becomes of who is asked about: why is what the service's account is told.
func TestCalloutAnswers(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	stranger := got(nkeys.CreateAccount())
	now := time.Now().Unix()
	var before []byte
	for _, row := range []struct {
		name     string
		edit     func(*reply)
		why      string // "": it is let in
		stricter bool   // than stock
	}{
		{"good", func(a *reply) { before = a.bytes() }, "", false},
		{"replayed", func(a *reply) { a.raw = before }, "Auth callout violation: auth callout response is not for expected user", false},
		{"an error", func(a *reply) { a.outer.Error, a.token = "no way", "-" }, "Auth callout service returned an error: no way", false},
		{"an error of two lines", func(a *reply) { a.outer.Error, a.token = "no\r\nway", "-" },
			`Auth callout service returned an error: "no\r\nway"`, true},
		{"nothing", func(a *reply) { a.raw = []byte{} }, `Auth callout violation: "no reason supplied" on account "AUTH"`, false},
		{"junk", func(a *reply) { a.raw = []byte("junk") }, "Expected 3 chunks", false},
		{"the user alone", func(a *reply) { a.raw = []byte(got(a.user.Encode(a.signUser))) }, "Not an authorization request claim", false},
		{"a user and an error", func(a *reply) { a.outer.Error = "x" },
			"Authorization response had validation errors: Only Error or Jwt can be set", false},
		{"neither", func(a *reply) { a.token = "-" }, "Authorization response had validation errors: Error or Jwt is required", false},
		{"a user that is none", func(a *reply) { a.token = "abc" }, "Expected 3 chunks", false},
		{"for another server", func(a *reply) { a.outer.Audience = public(got(nkeys.CreateServer())) },
			"Auth callout violation: auth callout response is not for server", false},
		{"for no server", func(a *reply) { a.outer.Audience = "" },
			"Authorization response had validation errors: Audience must be a server public key", false},
		{"about another connection", func(a *reply) { a.outer.Subject = public(got(nkeys.CreateUser())) },
			"Auth callout violation: auth callout response is not for expected user", false},
		{"with another user", func(a *reply) { a.user.Subject = public(got(nkeys.CreateUser())) }, "Expected authorized user of ", false},
		{"signed by a stranger", func(a *reply) { a.signUser = stranger }, "Wrong issuer for auth callout response on account ", false},
		{"signed outside by a stranger", func(a *reply) { a.signOuter = stranger }, "", false},
		{"for another issuer", func(a *reply) { a.user.IssuerAccount = public(a.signUser) },
			`Error non operator mode account "AUTH": attempted to use issuer_account`, false},
		{"out of date", func(a *reply) { a.outer.Expires = now - 9 }, "Authorization response had validation errors: claim is expired", false},
		{"too early", func(a *reply) { a.outer.NotBefore = now + 99 }, "Authorization response had validation errors: claim is not yet valid", false},
		{"user out of date", func(a *reply) { a.user.Expires = now - 9 }, "Error validating user JWT: claim is expired", false},
		{"user too early", func(a *reply) { a.user.NotBefore = now + 99 }, "Error validating user JWT: claim is not yet valid", false},
		{"bad permissions", func(a *reply) { a.user.Pub.Allow.Add("a..b") }, "Error validating user JWT: subject ", false},
		{"no such account", func(a *reply) { a.user.Audience = "NOPE" },
			`No valid account "NOPE" for auth callout response on account "AUTH": account missing`, false},
		{"no account", func(a *reply) { a.user.Audience = "" },
			`No valid account "" for auth callout response on account "AUTH": account missing`, false},
		{"the global account", func(a *reply) { a.user.Audience = "$G" }, "", false},
		{"the system account", func(a *reply) { a.user.Audience = "$SYS" }, "", false},
		{"another time", func(a *reply) {
			a.user.Times, a.user.Locale = []jwt.TimeRange{{Start: "00:00:01", End: "00:00:02"}}, "UTC"
		}, `Authorized user on account "AUTH" outside of valid connect times`, false},
		{"unknown connections", func(a *reply) { a.user.AllowedConnectionTypes.Add("X") },
			`Authorized user on account "AUTH" using invalid connection type`, false},
		{"these connections", func(a *reply) { a.user.AllowedConnectionTypes.Add("STANDARD") }, "", false},
		{"other connections", func(a *reply) { a.user.AllowedConnectionTypes.Add("MQTT") },
			`Authorized user on account "AUTH" using invalid connection type`, true},
		{"from here", func(a *reply) { a.user.Src.Add("127.0.0.0/8") }, "", false},
		{"from elsewhere", func(a *reply) { a.user.Src.Add("10.0.0.0/8") },
			`Authorized user on account "AUTH" from an address that is not allowed`, true},
		{"by a proxy", func(a *reply) { a.user.ProxyRequired = true }, "Proxy connection required", false},
		{"a bearer", func(a *reply) { a.user.BearerToken = true }, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.stricter && !testkit.OwnBinary() {
				t.Skip("stock is less strict")
			}
			c.decide = row.edit
			_, said := tries(t, server, `"user":"bob","pass":"secret"`)
			<-c.asked
			if row.why == "" {
				if said != "in" {
					t.Fatalf("got %q, %s", said, <-c.refusals)
				}
				return
			}
			if why := <-c.refusals; said != violation || !strings.HasPrefix(why, row.why) {
				t.Errorf("got %q, %q", said, why)
			}
		})
	}
	if log := server.Log(); strings.Contains(log, "secret") || !strings.Contains(log, `- authentication error - User "bob"`) ||
		!strings.Contains(log, "[WRN] Auth callout violation: auth callout response is not for expected user") {
		t.Errorf("the log is %s", log)
	}
}

// Of several answers the first counts. A stock server does not survive that.
func TestCalloutAnswersOnce(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("stock ends who is in, and asks no more")
	}
	server, c := newCallout(t, calloutConfig)
	c.decide = func(a *reply) { a.again = true }
	for range 3 {
		conn, said := tries(t, server, `"user":"bob"`)
		if said != "in" {
			t.Fatal(said)
		}
		got(0, c.conn.Flush())
		conn.Sync()
	}
}

// The claims hold: permissions, limits and time.
func TestCalloutClaims(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	life := int64(1) // seconds
	c.decide = func(a *reply) {
		a.user.Pub.Allow.Add("ok", "$SYS.REQ.USER.INFO")
		if a.request.ConnectOptions.Username == "brief" {
			a.user.Expires = time.Now().Unix() + life
		}
	}
	conn, _ := tries(t, server, `"user":"bob"`)
	conn.Send("PUB no 0", "")
	conn.Expect(`-ERR 'Permissions Violation for Publish to "no"'`)
	conn.Send("SUB in 1", "PUB $SYS.REQ.USER.INFO in 0", "")
	_, info := told(t, conn, "in")
	if path(info, "data", "user") != "nm" || path(info, "data", "account") != "APP" {
		t.Errorf("is %v", info)
	}
	brief, said := tries(t, server, `"user":"brief"`)
	for ; said == violation; brief, said = tries(t, server, `"user":"brief"`) {
		life *= 2 // it was over before the server heard of it
	}
	if said != "in" {
		t.Fatal(said)
	}
	brief.Expect("-ERR 'User Authentication Expired'")
	brief.ExpectClosed()
	if !testkit.OwnBinary() {
		return // stock does not care about limits
	}
	c.decide = func(a *reply) { a.user.Subs, a.user.Limits.Payload = 1, 3 }
	small, _ := tries(t, server, `"user":"bob"`)
	small.Send("SUB a 1", "SUB b 2")
	small.Expect("-ERR 'maximum subscriptions exceeded'")
	small.Send("PUB a 4", "abcd")
	small.Expect("-ERR 'Maximum Payload Violation'")
}

// Without an answer nobody is let in, but for those who are not asked about.
func TestCalloutSilence(t *testing.T) {
	server, c := newCallout(t, strings.Replace(calloutConfig, "timeout: 60", "timeout: 1", 1))
	c.decide = func(a *reply) { a.silent = true }
	if _, said := tries(t, server, `"user":"bob"`); said != violation {
		t.Errorf("no answer: %s", said)
	}
	c.conn.Close()
	if _, said := tries(t, server, `"user":"bob"`); said != violation {
		t.Errorf("no service: %s", said)
	}
	if _, said := tries(t, server, `"user":"sys","pass":"p"`); said != "in" {
		t.Errorf("who is not asked about: %s", said)
	}
	if !testkit.OwnBinary() {
		return
	}
	// A service that comes in time is asked.
	server = testkit.Start(t, testkit.Options{Config: fmt.Sprintf(calloutConfig, public(c.issuer))})
	conn := server.Raw(t)
	conn.Send(`CONNECT {"user":"bob","verbose":false}`, "PING")
	again := &callout{issuer: c.issuer, account: c.account}
	again.serve(t, server, nats.UserInfo("auth", "p"))
	if said := outcome(conn); said != "in" {
		t.Errorf("a service that comes back: %s", said)
	}
}

// What is asked and answered is not in the log, whatever else is.
func TestCalloutIsNotTraced(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("stock shows all of it")
	}
	server, _ := newCallout(t, "trace: true\ndebug: true\n"+calloutConfig)
	if _, said := tries(t, server, `"user":"bob","pass":"secret"`); said != "in" {
		t.Fatal(said)
	}
	testkit.Eventually(t, "the log to show both", func() bool { return strings.Count(server.Log(), `MSG_PAYLOAD: ["[REDACTED]"]`) == 2 })
	if log := server.Log(); strings.Contains(log, "secret") || strings.Contains(log, "eyJ") {
		t.Errorf("the log is %s", log)
	}
}

// A client whose time is over comes back, is asked about again, and goes on.
func TestCalloutComesAgain(t *testing.T) {
	server, c := newCallout(t, calloutConfig)
	times, life := 0, int64(1) // seconds
	c.decide = func(a *reply) {
		if times++; times == 1 {
			a.user.Expires = time.Now().Unix() + life
		}
	}
	again := make(chan bool, 10)
	connect := func() (*nats.Conn, error) {
		return nats.Connect(server.URL(), nats.UserInfo("bob", "x"), nats.Timeout(testkit.Patience), nats.ReconnectWait(time.Millisecond),
			nats.ReconnectHandler(func(*nats.Conn) { again <- true }))
	}
	conn, err := connect()
	for ; err != nil && life < 60; conn, err = connect() {
		for len(c.asked) > 0 {
			<-c.asked
		}
		times, life = 0, 2*life // it was over before the client was in
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sub := got(conn.SubscribeSync("a"))
	first := <-c.asked
	<-again
	if second := <-c.asked; second.UserNkey == first.UserNkey || second.ClientInformation.ID == first.ClientInformation.ID {
		t.Errorf("asked %+v, then %+v", first, second)
	}
	got(0, conn.Publish("a", nil))
	if _, err := sub.NextMsg(testkit.Patience); err != nil {
		t.Error(err)
	}
}
