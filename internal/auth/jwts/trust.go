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
	case c.AssertServerVersion != "":
		return atLeast(c.Subject, version, c.AssertServerVersion)
	}
	return nil
}

// atLeast says whether the version, apart from what follows a dash, is older than an operator wants it to be; what is none is
// not older.
func atLeast(operator, version, least string) error {
	version, _, _ = strings.Cut(version, "-")
	is, want := [3]int{}, [3]int{}
	var err error
	if is[0], is[1], is[2], err = jwt.ParseServerVersion(version); err != nil {
		return nil
	}
	if want[0], want[1], want[2], err = jwt.ParseServerVersion(least); err != nil {
		return nil
	}
	if slices.Compare(is[:], want[:]) >= 0 {
		return nil
	}
	for i, part := range []string{"major", "minor", "update"} {
		if is[i] != want[i] {
			return fmt.Errorf("operator %s expected %s version %d > server %s version %d", operator, part, want[i], part, is[i])
		}
	}
	return nil
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
