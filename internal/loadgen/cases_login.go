package loadgen

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"
)

const (
	loginClients = 8 // that log in one after the other, each
	bcryptCost   = 8 // 16 ms each; with the 11 of the tools nothing else would be seen
)

func loginCases() []Case {
	goals := []Goal{ratioAtLeast(Rate, 1)}
	title := fmt.Sprintf(", by %d clients one after the other each", loginClients)
	return []Case{
		{Name: "auth-login-password", Title: "logins with name and password" + title, Goals: goals,
			Config: passwordConfig, Run: logins(byName)},
		{Name: "auth-login-bcrypt", Title: fmt.Sprintf("logins with a password of bcrypt cost %d", bcryptCost) + title,
			Config: bcryptConfig, Run: logins(byName)},
		{Name: "auth-login-nkey", Title: "logins with an NKey" + title, Goals: goals,
			Config: nkeyConfig, Run: logins(byNKey)},
		{Name: "auth-login-jwt", Title: "logins with a user's JWT" + title, Goals: goals,
			Config: jwtConfig, Run: logins(byJWT)},
	}
}

// logins measures how many clients a second log in, are answered, and go.
func logins(as func(d *Dialer, i int) error) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		if err := env.letsNobodyIn(ctx); err != nil {
			return nil, err
		}
		return connects(loginClients, as)(ctx, env)
	}
}

// letsNobodyIn checks that the server asks who somebody is.
func (e *Env) letsNobodyIn(ctx context.Context) error {
	dialer := e.dialer()
	dialer.User, dialer.Password = "nobody", "nothing"
	c, err := dialer.Dial(ctx)
	if err == nil {
		c.Close()
		return errors.New("the server lets in whom it does not know")
	}
	if !strings.Contains(err.Error(), "Authorization Violation") {
		return fmt.Errorf("a stranger is not refused, but: %w", err)
	}
	return nil
}

// connects measures how many clients a second come, are answered, and go; as
// completes the dialer of the i-th, when there is one.
func connects(clients int, as func(d *Dialer, i int) error) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var came atomic.Int64
		failed := make(chan error, clients)
		dialers := make([]Dialer, clients)
		for i := range dialers {
			dialers[i] = env.dialer()
			dialers[i].ReadBuffer = idleReadBuffer
			if as == nil {
				continue
			}
			if err := as(&dialers[i], i); err != nil {
				return nil, err
			}
		}
		for i := range dialers {
			go func() { failed <- connectAgain(ctx, &dialers[i], &came) }()
		}
		sample, err := env.measure(ctx, came.Load, nil)
		stop()
		for range clients {
			err = errors.Join(err, <-failed)
		}
		return sample, err
	}
}

// connectAgain opens connections and closes them until the context ends.
func connectAgain(ctx context.Context, dialer *Dialer, came *atomic.Int64) error {
	for {
		c, err := dialer.Dial(ctx)
		if ctx.Err() != nil {
			if c != nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		c.Close()
		came.Add(1)
	}
}

const benchPassword = "bench-password"

// login makes further connections those of the user; of nobody for "".
func (s *stage) login(user string) {
	s.dialer.User, s.dialer.Password = user, ""
	if user != "" {
		s.dialer.Password = benchPassword
	}
}

func loginName(i int) string { return fmt.Sprintf("user%04d", i) }

func byName(d *Dialer, i int) error {
	d.User, d.Password = loginName(i), benchPassword
	return nil
}

func passwordConfig(*Env) (string, error) { return usersConfig(benchPassword), nil }

func bcryptConfig(*Env) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(benchPassword), bcryptCost)
	return usersConfig(string(hash)), err
}

func usersConfig(password string) string {
	var b strings.Builder
	b.WriteString("authorization { users: [\n")
	for i := range loginClients {
		fmt.Fprintf(&b, "{user: %q, password: %q}\n", loginName(i), password)
	}
	b.WriteString("] }\n")
	return b.String()
}

// benchKey returns the same key for the same name in each run. It guards
// nothing but the servers of a benchmark.
func benchKey(kind nkeys.PrefixByte, name string) (nkeys.KeyPair, string, error) {
	seed := sha256.Sum256([]byte("bench " + name))
	key, err := nkeys.FromRawSeed(kind, seed[:])
	if err != nil {
		return nil, "", err
	}
	public, err := key.PublicKey()
	return key, public, err
}

func byNKey(d *Dialer, i int) error {
	key, public, err := benchKey(nkeys.PrefixByteUser, loginName(i))
	if err != nil {
		return err
	}
	d.NKey, d.Sign = public, key.Sign
	return nil
}

func nkeyConfig(*Env) (string, error) {
	var b strings.Builder
	b.WriteString("authorization { users: [\n")
	for i := range loginClients {
		_, public, err := benchKey(nkeys.PrefixByteUser, loginName(i))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "{nkey: %q}\n", public)
	}
	b.WriteString("] }\n")
	return b.String(), nil
}

// byJWT shows a JWT that the account of jwtConfig has signed.
func byJWT(d *Dialer, i int) error {
	if err := byNKey(d, i); err != nil {
		return err
	}
	account, _, err := benchKey(nkeys.PrefixByteAccount, "account")
	if err != nil {
		return err
	}
	claims := jwt.NewUserClaims(d.NKey)
	claims.Name = loginName(i)
	d.JWT, err = claims.Encode(account)
	d.NKey = "" // the JWT says it
	return err
}

// jwtConfig is that of an operator with one account.
func jwtConfig(*Env) (string, error) {
	operator, operatorKey, err := benchKey(nkeys.PrefixByteOperator, "operator")
	if err != nil {
		return "", err
	}
	_, accountKey, err := benchKey(nkeys.PrefixByteAccount, "account")
	if err != nil {
		return "", err
	}
	trust, err := jwt.NewOperatorClaims(operatorKey).Encode(operator)
	if err != nil {
		return "", err
	}
	claims := jwt.NewAccountClaims(accountKey)
	claims.Name = "BENCH"
	account, err := claims.Encode(operator)
	return fmt.Sprintf("operator: %q\nresolver: MEMORY\nresolver_preload { %s: %q }\n", trust, accountKey, account), err
}
