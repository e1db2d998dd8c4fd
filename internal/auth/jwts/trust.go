package jwts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Trust is whose signatures of accounts count. It does not change.
type Trust struct {
	operators []*Operator
	signers   map[string]bool // keys that may sign accounts
}

// Operator is one that is trusted.
type Operator struct {
	Token  string
	Claims *jwt.OperatorClaims
}

var errNobody = errors.New("no operator is trusted")

// NewTrust trusts operators by their JWTs, and public keys. The version is that of this server, which an operator may ask for.
func NewTrust(tokens, keys []string, version string, now time.Time) (*Trust, error) {
	t := &Trust{signers: make(map[string]bool)}
	for _, token := range tokens {
		claims, err := jwt.DecodeOperatorClaims(token)
		if err != nil {
			return nil, fmt.Errorf("error parsing operator JWT: %w", err)
		}
		if err := checkOperator(claims, version, now); err != nil {
			return nil, err
		}
		t.operators = append(t.operators, &Operator{token, claims})
		if !claims.StrictSigningKeyUsage {
			t.signers[claims.Subject] = true
		}
		for _, key := range claims.SigningKeys {
			t.signers[key] = true
		}
	}
	for _, key := range keys {
		if !nkeys.IsValidPublicOperatorKey(key) {
			return nil, fmt.Errorf("trust key %q required to be a valid public operator nkey", key)
		}
		t.signers[key] = true
	}
	if len(t.signers) == 0 {
		return nil, errNobody
	}
	return t, nil
}

func checkOperator(c *jwt.OperatorClaims, version string, now time.Time) error {
	var problems jwt.ValidationResults
	c.Validate(&problems)
	if problems.IsBlocking(false) {
		return fmt.Errorf("operator %q: %w", c.Name, errors.Join(problems.Errors()...))
	}
	switch {
	case c.Expires != 0 && c.Expires <= now.Unix():
		return fmt.Errorf("operator %q: the JWT has expired", c.Name)
	case c.NotBefore > now.Unix():
		return fmt.Errorf("operator %q: the JWT is not valid yet", c.Name)
	case c.AssertServerVersion != "" && older(version, c.AssertServerVersion):
		return fmt.Errorf("operator %q expects server version %s or newer, this is %s", c.Name, c.AssertServerVersion, version)
	}
	return nil
}

// older compares versions, apart from what follows a dash; what is none is not older.
func older(version, least string) bool {
	version, _, _ = strings.Cut(version, "-")
	a, b := [3]int{}, [3]int{}
	var err error
	if a[0], a[1], a[2], err = jwt.ParseServerVersion(version); err != nil {
		return false
	}
	if b[0], b[1], b[2], err = jwt.ParseServerVersion(least); err != nil {
		return false
	}
	return slices.Compare(a[:], b[:]) < 0
}

// Operators are those that are trusted by JWT, in the order of the configuration. They are not to be changed.
func (t *Trust) Operators() []*Operator { return t.operators }

// SystemAccount is the first that an operator names; "" if none does.
func (t *Trust) SystemAccount() string {
	for _, o := range t.operators {
		if o.Claims.SystemAccount != "" {
			return o.Claims.SystemAccount
		}
	}
	return ""
}

// ServerURL is where the first operator that says so keeps the claims of accounts; "" if none does.
func (t *Trust) ServerURL() string {
	for _, o := range t.operators {
		if o.Claims.AccountServerURL != "" {
			return o.Claims.AccountServerURL
		}
	}
	return ""
}

// strict reports whether accounts and users are signed by signing keys only: an operator that asks for it has signed them.
func (t *Trust) strict(issuer string) bool {
	return slices.ContainsFunc(t.operators, func(o *Operator) bool {
		return o.Claims.StrictSigningKeyUsage && slices.Contains(o.Claims.SigningKeys, issuer)
	})
}

// Deletion reads a request of an operator to delete accounts: generic claims about itself that list them. It returns the
// operator and the accounts.
func (t *Trust) Deletion(token string) (operator string, accounts []string, err error) {
	claims, err := jwt.DecodeGeneric(token)
	if err != nil {
		return "", nil, err
	}
	switch {
	case claims.Subject != claims.Issuer:
		return claims.Subject, nil, errors.New("not self signed")
	case !t.signers[claims.Issuer] && !t.isOperator(claims.Issuer):
		return claims.Subject, nil, errors.New("not trusted")
	}
	list, ok := claims.Data["accounts"].([]any)
	if !ok {
		return claims.Subject, nil, errors.New("malformed request")
	}
	for _, entry := range list {
		id, ok := entry.(string)
		if !ok || !nkeys.IsValidPublicAccountKey(id) {
			return claims.Subject, nil, errors.New("malformed request")
		}
		accounts = append(accounts, id)
	}
	return claims.Subject, accounts, nil
}

func (t *Trust) isOperator(key string) bool {
	return slices.ContainsFunc(t.operators, func(o *Operator) bool { return o.Claims.Subject == key })
}
