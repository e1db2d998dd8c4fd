package protocol

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

// hierarchy is an operator with accounts: AUTH leaves it to a service who its users are, which may put them into APP.
type hierarchy struct {
	operator, system, auth, authSigner, app, appSigner, other nkeys.KeyPair
	service, sentinel                                         nkeys.KeyPair // users of AUTH
}

func newHierarchy() *hierarchy {
	account, user := nkeys.CreateAccount, nkeys.CreateUser
	return &hierarchy{
		got(nkeys.CreateOperator()), got(account()), got(account()), got(account()), got(account()), got(account()), got(account()),
		got(user()), got(user()),
	}
}

// config is a configuration with the accounts, which edit may change.
func (h *hierarchy) config(edit func(auth, app *jwt.AccountClaims)) string {
	o := jwt.NewOperatorClaims(public(h.operator))
	o.SystemAccount = public(h.system)
	auth, app := jwt.NewAccountClaims(public(h.auth)), jwt.NewAccountClaims(public(h.app))
	auth.Name, app.Name = "AUTH", "APP"
	auth.SigningKeys.Add(public(h.authSigner))
	app.SigningKeys.Add(public(h.appSigner))
	auth.Authorization.AuthUsers.Add(public(h.service))
	auth.Authorization.AllowedAccounts.Add(public(h.app))
	if edit != nil {
		edit(auth, app)
	}
	text := fmt.Sprintf("server_name: A\nauthorization { timeout: 60 }\noperator: %s\nresolver: MEMORY\nresolver_preload {\n", got(o.Encode(h.operator)))
	for _, c := range []*jwt.AccountClaims{auth, app, jwt.NewAccountClaims(public(h.system)), jwt.NewAccountClaims(public(h.other))} {
		text += fmt.Sprintf("  %s: %s\n", c.Subject, got(c.Encode(h.operator)))
	}
	return text + "}\n"
}

// user is the JWT of a user that an account has signed.
func (h *hierarchy) user(user, account nkeys.KeyPair, edit func(*jwt.UserClaims)) string {
	c := jwt.NewUserClaims(public(user))
	c.Name = "shown"
	if edit != nil {
		edit(c)
	}
	return got(c.Encode(account))
}

func bearer(c *jwt.UserClaims) { c.BearerToken = true }

func newOperatorCallout(t *testing.T, h *hierarchy, config string) (*testkit.Server, *callout) {
	t.Helper()
	server := testkit.Start(t, testkit.Options{Config: config})
	c := &callout{issuer: h.auth}
	c.serve(t, server, nats.UserJWTAndSeed(h.user(h.service, h.auth, nil), string(got(h.service.Seed()))))
	return server, c
}

// What a service of an account may answer, and what becomes of who is asked about.
func TestCalloutOperatorAnswers(t *testing.T) {
	h := newHierarchy()
	server, c := newOperatorCallout(t, h, h.config(nil))
	stranger, now := got(nkeys.CreateAccount()), time.Now().Unix()
	const unknownSigner = "Auth callout signing key is unknown"
	for _, row := range []struct {
		name     string
		edit     func(*reply)
		why      string // "": it is let in
		account  nkeys.KeyPair
		stricter bool // than stock
	}{
		{name: "the account itself", edit: func(a *reply) { a.signUser = h.auth }, account: h.auth},
		{name: "its signing key", edit: func(a *reply) { a.signUser, a.user.IssuerAccount = h.authSigner, public(h.auth) }, account: h.auth},
		{name: "an account that is allowed", account: h.app},
		{name: "its signing key there", edit: func(a *reply) { a.signUser, a.user.IssuerAccount = h.appSigner, public(h.app) }, account: h.app},
		{name: "a signing key without its account", edit: func(a *reply) { a.signUser = h.appSigner }, why: "Account "},
		{name: "a signing key of another", edit: func(a *reply) { a.signUser, a.user.IssuerAccount = h.authSigner, public(h.app) },
			why: "Error validating user JWT: not signed by the account", stricter: true},
		{name: "an account that is not allowed", edit: func(a *reply) { a.signUser = h.other }, why: "Account "},
		{name: "the system account", edit: func(a *reply) { a.signUser = h.system }, why: "Account "},
		{name: "an unknown account", edit: func(a *reply) { a.signUser = stranger }, why: "Account "},
		{name: "another audience", edit: func(a *reply) { a.user.Audience = public(h.other) }, account: h.app},
		{name: "answered by a signing key", edit: func(a *reply) { a.signOuter, a.outer.IssuerAccount = h.authSigner, public(h.auth) }, account: h.app},
		{name: "answered by a signing key alone", edit: func(a *reply) { a.signOuter = h.authSigner }, account: h.app},
		{name: "answered by the other account", edit: func(a *reply) { a.signOuter = h.app }, why: unknownSigner},
		{name: "answered by a stranger", edit: func(a *reply) { a.signOuter = stranger }, why: unknownSigner},
		{name: "answered for the other account", edit: func(a *reply) { a.signOuter, a.outer.IssuerAccount = h.authSigner, public(h.app) }, why: unknownSigner},
		{name: "an error", edit: func(a *reply) { a.outer.Error, a.token = "no way", "-" }, why: "Auth callout service returned an error: no way"},
		{name: "another user", edit: func(a *reply) { a.user.Subject = public(h.service) }, why: "Expected authorized user of "},
		{name: "the user that was shown", edit: func(a *reply) { a.token = a.request.ConnectOptions.JWT }, why: "Expected authorized user of "},
		{name: "out of date", edit: func(a *reply) { a.user.Expires = now - 9 }, why: "Error validating user JWT: claim is expired"},
		{name: "another time", edit: func(a *reply) {
			a.user.Times, a.user.Locale = []jwt.TimeRange{{Start: "00:00:01", End: "00:00:02"}}, "UTC"
		}, why: "Authorized user on account "},
		{name: "other connections", edit: func(a *reply) { a.user.AllowedConnectionTypes.Add("MQTT") }, why: "Authorized user on account ", stricter: true},
		{name: "from elsewhere", edit: func(a *reply) { a.user.Src.Add("10.0.0.0/8") }, why: "Authorized user on account ", stricter: true},
		{name: "by a proxy", edit: func(a *reply) { a.user.ProxyRequired = true }, why: "Proxy connection required"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.stricter && !testkit.OwnBinary() {
				t.Skip("stock is less strict")
			}
			c.decide = func(a *reply) {
				a.signUser = h.app
				if row.edit != nil {
					row.edit(a)
				}
			}
			conn, said := tries(t, server, fmt.Sprintf(`"user":"bob","pass":"secret","jwt":%q`, h.user(h.sentinel, h.auth, bearer)))
			<-c.asked
			if row.why != "" {
				if why := <-c.refusals; said != violation || !strings.HasPrefix(why, row.why) {
					t.Errorf("got %q, %q", said, why)
				}
				return
			}
			if said != "in" {
				t.Fatalf("got %q, %s", said, <-c.refusals)
			}
			conn.Send("SUB in 1", "PUB $SYS.REQ.USER.INFO in 0", "")
			if _, info := told(t, conn, "in"); path(info, "data", "user") != "nm" || path(info, "data", "account") != public(row.account) {
				t.Errorf("is %v", info)
			}
		})
	}
}

// A user whom a signing key with a template has signed may do what the template says.
func TestCalloutOperatorScope(t *testing.T) {
	h := newHierarchy()
	server, c := newOperatorCallout(t, h, h.config(func(_, app *jwt.AccountClaims) {
		scope := jwt.NewUserScope()
		scope.Key = public(h.other)
		scope.Template.Pub.Allow.Add("own.{{name()}}")
		app.SigningKeys.AddScopedSigner(scope)
	}))
	c.decide = func(a *reply) {
		a.signUser, a.user.IssuerAccount = h.other, public(h.app)
		a.user.SetScoped(true)
	}
	conn, said := tries(t, server, fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.auth, bearer)))
	if said != "in" {
		t.Fatalf("%s: %s", said, <-c.refusals)
	}
	conn.Send("PUB own.nm 0", "", "PUB own.eve 0", "")
	conn.Expect(`-ERR 'Permissions Violation for Publish to "own.eve"'`)
	c.decide = func(a *reply) {
		a.signUser, a.user.IssuerAccount = h.other, public(h.app)
		a.user.Pub.Allow.Add(">")
	}
	if _, said := tries(t, server, fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.auth, bearer))); said != violation {
		t.Errorf("with permissions of its own: %s", said)
	}
}

// Who shows the JWT of a user of the account is asked about, if that is good; nobody else is.
func TestCalloutOperatorWho(t *testing.T) {
	h := newHierarchy()
	server, c := newOperatorCallout(t, h, h.config(func(auth, _ *jwt.AccountClaims) { auth.Authorization.AllowedAccounts = jwt.StringList{"*"} }))
	c.decide = func(a *reply) { a.signUser = h.other }
	for _, row := range []struct {
		name  string
		shows func(sign func(nkeys.KeyPair) string) string
		said  string
		asked int
	}{
		{"a bearer", func(func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.auth, bearer))
		}, "in", 1},
		{"a signature", func(sign func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q,"sig":%q`, h.user(h.sentinel, h.auth, nil), sign(h.sentinel))
		}, "in", 1},
		{"a wrong signature", func(sign func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q,"sig":%q`, h.user(h.sentinel, h.auth, nil), sign(h.service))
		}, violation, 0},
		{"out of date", func(func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.auth, func(c *jwt.UserClaims) { c.BearerToken, c.Expires = true, 1 }))
		}, violation, 0},
		{"no JWT", func(func(nkeys.KeyPair) string) string { return `"user":"bob"` }, violation, 0},
		{"another account", func(func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.app, bearer))
		}, "in", 0},
		{"the service", func(sign func(nkeys.KeyPair) string) string {
			return fmt.Sprintf(`"jwt":%q,"sig":%q`, h.user(h.service, h.auth, nil), sign(h.service))
		}, "in", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn := server.Raw(t)
			nonce := nonceOf(t, conn)
			fields := row.shows(func(k nkeys.KeyPair) string { return newSignature(t, k, nonce) })
			conn.Send(`CONNECT {"verbose":false,`+fields+`}`, "PING")
			said := outcome(conn)
			asked := len(c.asked)
			for len(c.asked) > 0 {
				if r := <-c.asked; r.Subject != public(h.auth) || r.ClientInformation.NameTag != "shown" {
					t.Errorf("asked about %s, %q", r.Subject, r.ClientInformation.NameTag)
				}
			}
			if said != row.said || asked != row.asked {
				t.Errorf("said %q, asked %d times", said, asked)
			}
		})
	}
}

func newSignature(t *testing.T, k nkeys.KeyPair, nonce string) string {
	return key{pair: k}.sign(t, nonce, base64.RawURLEncoding)
}

// Requests of an account whose claims hold an exchange key are encrypted.
func TestCalloutOperatorEncrypted(t *testing.T) {
	h := newHierarchy()
	exchange := got(nkeys.CreateCurveKeys())
	server, c := newOperatorCallout(t, h, h.config(func(auth, _ *jwt.AccountClaims) { auth.Authorization.XKey = public(exchange) }))
	c.exchange, c.decide = exchange, func(a *reply) { a.signUser = h.app }
	for _, c.seal = range []bool{false, true} {
		if _, said := tries(t, server, fmt.Sprintf(`"jwt":%q`, h.user(h.sentinel, h.auth, bearer))); said != "in" || (<-c.asked).Server.XKey == "" {
			t.Errorf("sealed %t: %s", c.seal, said)
		}
	}
}

// Where there is a JWT for who shows none, a service can decide about everybody.
func TestCalloutSentinel(t *testing.T) {
	h := newHierarchy()
	server, c := newOperatorCallout(t, h, h.config(nil)+fmt.Sprintf("default_sentinel: %s\n", h.user(h.sentinel, h.auth, bearer)))
	c.decide = func(a *reply) {
		if a.signUser = h.app; a.request.ConnectOptions.Password != "good" {
			a.outer.Error, a.token = "no", "-"
		}
	}
	for password, want := range map[string]string{"good": "in", "bad": violation} {
		if _, said := tries(t, server, fmt.Sprintf(`"user":"bob","pass":%q`, password)); said != want {
			t.Errorf("%s: %s", password, said)
		}
		if r := <-c.asked; r.ConnectOptions.Username != "bob" {
			t.Errorf("asked about %+v", r.ConnectOptions)
		}
	}
	// It stands for who sends CONNECT.
	conn := server.Raw(t)
	conn.Send("PING")
	if said := outcome(conn); said != violation {
		t.Errorf("without CONNECT: %s", said)
	}
}
