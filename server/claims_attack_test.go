package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// everyLine is a log that keeps all of it.
type everyLine struct {
	quietLog
	mu    *sync.Mutex
	lines *[]string
}

func (l everyLine) keep(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.lines = append(*l.lines, fmt.Sprintf(format, a...))
}
func (l everyLine) Noticef(format string, a ...any) { l.keep(format, a...) }
func (l everyLine) Debugf(format string, a ...any)  { l.keep(format, a...) }
func (l everyLine) Tracef(format string, a ...any)  { l.keep(format, a...) }
func (l everyLine) Errorf(format string, a ...any)  { l.keep(format, a...) }
func (l everyLine) Warnf(format string, a ...any)   { l.keep(format, a...) }
func (l everyLine) TraceEnabled() bool              { return true }

// fraud is what somebody shows who has no right to come in.
type fraud struct {
	name string
	// show returns a JWT and what the nonce is signed by; nil: it is not signed.
	show func(c *court) (token string, signs nkeys.KeyPair)
	// sign replaces the signature of the nonce.
	sign func(c *court, nonce []byte) []byte
}

// court is where frauds are tried.
type court struct {
	*realm
	user, revoked, key, scoped, stranger nkeys.KeyPair
	foreign                              *realm
	overheard                            []byte // a signature of another connection's nonce
}

// token is the JWT of a user, by a signer.
func (c *court) token(user, signer nkeys.KeyPair, edit func(*jwt.UserClaims)) string {
	claims := jwt.NewUserClaims(public(user))
	if edit != nil {
		edit(claims)
	}
	return got(claims.Encode(signer))
}

// honest shows a JWT that differs from a good one in something.
func honest(signer func(c *court) nkeys.KeyPair, edit func(c *court, u *jwt.UserClaims)) func(*court) (string, nkeys.KeyPair) {
	return func(c *court) (string, nkeys.KeyPair) {
		return c.token(c.user, signer(c), func(u *jwt.UserClaims) {
			if edit != nil {
				edit(c, u)
			}
		}), c.user
	}
}

func byAccount(c *court) nkeys.KeyPair  { return c.account }
func byStranger(c *court) nkeys.KeyPair { return c.stranger }

var frauds = []fraud{
	{name: "no JWT", show: func(c *court) (string, nkeys.KeyPair) { return "", c.user }},
	{name: "signed by another key", show: func(c *court) (string, nkeys.KeyPair) { return c.token(c.user, c.account, nil), c.revoked }},
	{name: "not signed", show: func(c *court) (string, nkeys.KeyPair) { return c.token(c.user, c.account, nil), nil }},
	{name: "the signature of another connection", show: honest(byAccount, nil), sign: func(c *court, _ []byte) []byte { return c.overheard }},
	{name: "half a signature", show: honest(byAccount, nil), sign: func(c *court, nonce []byte) []byte { return got(c.user.Sign(nonce))[:32] }},
	{name: "another text signed", show: honest(byAccount, nil), sign: func(c *court, nonce []byte) []byte { return got(c.user.Sign(nonce[1:])) }},
	{name: "expired", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.Expires = time.Now().Unix() - 1 })},
	{name: "not valid yet", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.NotBefore = time.Now().Unix() + 1000 })},
	{name: "revoked", show: func(c *court) (string, nkeys.KeyPair) { return c.token(c.revoked, c.account, nil), c.revoked }},
	{name: "of an account that is not known", show: honest(byStranger, nil)},
	{name: "in the name of the account", show: honest(byStranger, func(c *court, u *jwt.UserClaims) { u.IssuerAccount = public(c.account) })},
	{name: "in the name of the system account", show: honest(byAccount, func(c *court, u *jwt.UserClaims) { u.IssuerAccount = public(c.system) })},
	{name: "by an account of another operator", show: honest(func(c *court) nkeys.KeyPair { return c.foreign.account }, nil)},
	{name: "by a signing key without its account", show: honest(func(c *court) nkeys.KeyPair { return c.key }, nil)},
	{name: "with rights beside those of the template", show: honest(func(c *court) nkeys.KeyPair { return c.scoped }, func(c *court, u *jwt.UserClaims) {
		u.IssuerAccount = public(c.account)
		u.Pub.Allow.Add(">")
	})},
	{name: "a bearer where none is allowed", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.BearerToken = true })},
	{name: "from another network", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.Src.Add("192.0.2.0/24") })},
	{name: "at another time", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) {
		at := time.Now().UTC().Add(12 * time.Hour)
		u.Locale, u.Times = "UTC", []jwt.TimeRange{{Start: at.Format("15:04:05"), End: at.Add(time.Minute).Format("15:04:05")}}
	})},
	{name: "in another way", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.AllowedConnectionTypes.Add(jwt.ConnectionTypeLeafnode) })},
	{name: "through no proxy", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.ProxyRequired = true })},
	{name: "the JWT of the account", show: func(c *court) (string, nkeys.KeyPair) { return c.sign(c.account, nil), c.account }},
	{name: "the JWT of the operator", show: func(c *court) (string, nkeys.KeyPair) {
		return got(jwt.NewOperatorClaims(public(c.operator)).Encode(c.operator)), c.operator
	}},
	{name: "an activation", show: func(c *court) (string, nkeys.KeyPair) {
		a := jwt.NewActivationClaims(public(c.account))
		a.ImportSubject, a.ImportType = "x", jwt.Stream
		return got(a.Encode(c.account)), c.account
	}},
	{name: "claims changed after they were signed", show: func(c *court) (string, nkeys.KeyPair) {
		good := strings.Split(c.token(c.user, c.account, nil), ".")
		better := strings.Split(c.token(c.user, c.stranger, func(u *jwt.UserClaims) { u.IssuerAccount = public(c.account) }), ".")
		return good[0] + "." + better[1] + "." + good[2], c.user
	}},
	{name: "no algorithm", show: func(c *court) (string, nkeys.KeyPair) {
		good := strings.Split(c.token(c.user, c.account, nil), ".")
		return "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0." + good[1] + ".", c.user
	}},
	{name: "cut", show: func(c *court) (string, nkeys.KeyPair) { return c.token(c.user, c.account, nil)[:100], c.user }},
	{name: "junk", show: func(c *court) (string, nkeys.KeyPair) { return "eyJ.\x01.{}", c.user }},
	{name: "too long for a line", show: honest(byAccount, func(_ *court, u *jwt.UserClaims) { u.Tags.Add(strings.Repeat("x", 8000)) })},
}

// Nobody gets in who has no right to, and the log tells no secrets.
func TestFrauds(t *testing.T) {
	c := &court{realm: newRealm(), foreign: newRealm(), user: got(nkeys.CreateUser()), revoked: got(nkeys.CreateUser()),
		key: got(nkeys.CreateAccount()), scoped: got(nkeys.CreateAccount()), stranger: got(nkeys.CreateAccount())}
	cfg := c.config(config.ResolverMemory)
	cfg.Operators.Preload[public(c.account)] = c.sign(c.account, func(a *jwt.AccountClaims) {
		a.SigningKeys.Add(public(c.key))
		scope := jwt.NewUserScope()
		scope.Key = public(c.scoped)
		a.SigningKeys.AddScopedSigner(scope)
		a.RevokeAt(public(c.revoked), time.Now().Add(time.Hour))
		a.Limits.DisallowBearer = true
	})
	cfg.Operators.Preload[public(c.foreign.account)] = c.foreign.sign(c.foreign.account, nil) // whoever put it there is not trusted
	log := everyLine{quietLog{t}, new(sync.Mutex), new([]string)}
	s, err := New(Options{Config: cfg, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	got(true, s.Start())
	defer s.Shutdown()
	good := c.token(c.user, c.account, nil)
	shows := func(token string, sign func([]byte) ([]byte, error)) error {
		options := []nats.Option{nats.NoReconnect(), nats.Timeout(patience)}
		if token != "" {
			options = append(options, nats.UserJWT(func() (string, error) { return token, nil }, sign))
		}
		nc, err := nats.Connect(s.ClientURL(), options...)
		if err == nil {
			nc.Close()
		}
		return err
	}
	if err := shows(good, func(nonce []byte) (signature []byte, err error) {
		c.overheard, err = c.user.Sign(nonce)
		return c.overheard, err
	}); err != nil {
		t.Fatal("who has a right to is not let in:", err)
	}
	secrets := []string{good[len(good)-40:]}
	for _, row := range frauds {
		token, signs := row.show(c)
		if len(token) > 40 {
			secrets = append(secrets, token[len(token)-40:])
		}
		err := shows(token, func(nonce []byte) ([]byte, error) {
			switch {
			case row.sign != nil:
				return row.sign(c, nonce), nil
			case signs == nil:
				return nil, nil
			}
			return signs.Sign(nonce)
		})
		want := "authorization violation"
		if row.name == "too long for a line" {
			want = "maximum control line exceeded"
		}
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, line := range *log.lines {
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("the log tells a secret: %s", line)
			}
		}
	}
}
