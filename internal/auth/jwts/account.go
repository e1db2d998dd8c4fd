package jwts

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Account is what an operator has signed about an account. It does not change but for what only the Authority knows.
type Account struct {
	ID     string // its public key
	Token  string
	Claims *jwt.AccountClaims // not to be changed
	Read   time.Time          // when it was taken into use

	strict  bool // users are signed by signing keys only
	exports *exports

	// of the Authority
	settled  bool          // all that it has something of are in use
	settling chan struct{} // closed when that has been tried; nil while nobody does
}

// maxToken is how long a JWT may be, in bytes.
const maxToken = jwt.MaxTokenSize

// ErrInvalid says that the claims of an account contradict themselves.
var ErrInvalid = errors.New("jwt validation failed")

// invalid says what they contradict themselves in.
type invalid struct{ problems []error }

func (i invalid) Error() string        { return fmt.Sprintf("validation errors: %v", i.problems) }
func (i invalid) Is(target error) bool { return target == ErrInvalid }

// Account reads the JWT of an account. It need not be valid at any time: see Valid.
func (t *Trust) Account(token string) (*Account, error) {
	if len(token) > maxToken {
		return nil, jwt.ErrTokenTooLarge
	}
	claims, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return nil, err
	}
	return t.of(claims, token)
}

// of is the account of claims that were read from a token.
func (t *Trust) of(claims *jwt.AccountClaims, token string) (*Account, error) {
	if !t.signers[claims.Issuer] {
		return nil, errors.New("account is not signed by a trusted operator")
	}
	var problems jwt.ValidationResults
	claims.Validate(&problems)
	if problems.IsBlocking(false) {
		return nil, invalid{problems.Errors()}
	}
	return &Account{
		ID: claims.Subject, Token: token, Claims: claims, strict: t.strict(claims.Issuer),
		exports: newExports(claims.Exports), settled: len(claims.Imports) == 0,
	}, nil
}

// Name is how people call it, or else its key.
func (a *Account) Name() string {
	if a.Claims.Name != "" {
		return a.Claims.Name
	}
	return a.ID
}

// Valid reports whether the account is within its time.
func (a *Account) Valid(now time.Time) bool {
	return !a.Expired(now) && a.Claims.NotBefore <= now.Unix()
}

// Expired reports whether its time is over.
func (a *Account) Expired(now time.Time) bool {
	return a.Claims.Expires != 0 && a.Claims.Expires <= now.Unix()
}
