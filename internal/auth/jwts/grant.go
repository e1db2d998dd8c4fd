package jwts

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/subject"
)

// Grant is that an account lets another have something.
type Grant struct {
	Export *jwt.Export // not to be changed
	// Until is when the activation token is over that it rests on; zero for never.
	Until time.Time
}

// Want is what an account asks another for.
type Want struct {
	Importer string
	Type     jwt.ExportType
	Pattern  string // in the exporting account
	Token    string // that activates it; "" for none
}

// Refusals of imports.
var (
	errNoExport   = errors.New("it is not exported")
	errNoToken    = errors.New("it needs an activation token")
	errPosition   = errors.New("the subject has to name the importing account")
	errActivation = errors.New("the activation token is not for this")
	errActivator  = errors.New("the activation token is not signed by the exporting account")
	errActiveOver = errors.New("the activation token has expired")
	errActiveSoon = errors.New("the activation token is not valid yet")
	errWithdrawn  = errors.New("the activation has been revoked")
)

// exports finds the exports that imports are by.
type exports struct {
	streams, services subject.Index[*jwt.Export]
}

func newExports(list jwt.Exports) *exports {
	x := &exports{}
	for _, e := range list {
		if subject.ValidPattern(string(e.Subject)) {
			x.of(e.Type).Set(string(e.Subject), e)
		}
	}
	return x
}

func (x *exports) of(kind jwt.ExportType) *subject.Index[*jwt.Export] {
	if kind == jwt.Service {
		return &x.services
	}
	return &x.streams
}

// Grant says by which export of the account another may have what it wants, or why it may not. An export of that very pattern decides;
// otherwise any does that covers it.
func (a *Account) Grant(w *Want, now time.Time) (*Grant, error) {
	index := a.exports.of(w.Type)
	if same := index.Get(w.Pattern); same != nil {
		until, err := a.lets(same, w, now)
		return &Grant{same, until}, err
	}
	why := errNoExport
	// With its wildcards taken for tokens like others, a pattern matches all that it is within, and some more.
	for _, e := range index.Match([]byte(w.Pattern), nil) {
		if !subject.Within(w.Pattern, string(e.Subject)) {
			continue
		}
		until, err := a.lets(e, w, now)
		if err == nil {
			return &Grant{e, until}, nil
		}
		why = err
	}
	return nil, why
}

// lets reports whether an export is for an account, and for how long.
func (a *Account) lets(e *jwt.Export, w *Want, now time.Time) (until time.Time, err error) {
	if n := int(e.AccountTokenPosition); n > 0 {
		if tokens := strings.Split(w.Pattern, "."); n > len(tokens) || tokens[n-1] != w.Importer {
			return time.Time{}, errPosition
		}
		return time.Time{}, nil
	}
	if !e.TokenReq {
		return time.Time{}, nil
	}
	if w.Token == "" {
		return time.Time{}, errNoToken
	}
	return a.activates(e, w, now)
}

// activates reads the token of an import. That the account which shows it is not the one that it was made for is found when the
// claims of that account are read, too; here nothing is taken for granted.
func (a *Account) activates(e *jwt.Export, w *Want, now time.Time) (until time.Time, err error) {
	if len(w.Token) > maxToken {
		return until, jwt.ErrTokenTooLarge
	}
	c, err := jwt.DecodeActivationClaims(w.Token)
	switch {
	case err != nil:
		return until, err
	case c.Subject != w.Importer, c.ImportType != w.Type, !subject.Within(w.Pattern, string(c.ImportSubject)):
		return until, errActivation
	case !a.Claims.DidSign(c), c.Issuer == a.ID && c.IssuerAccount != "" && c.IssuerAccount != a.ID:
		return until, errActivator
	case c.Expires != 0 && c.Expires <= now.Unix():
		return until, errActiveOver
	case c.NotBefore > now.Unix():
		return until, errActiveSoon
	case e.IsClaimRevoked(c):
		return until, errWithdrawn
	}
	return unix(c.Expires), nil
}

// Sources are the accounts that the account has something of, each once.
func (a *Account) Sources() (ids []string) {
	for _, i := range a.Claims.Imports {
		if i.Account != a.ID && !slices.Contains(ids, i.Account) {
			ids = append(ids, i.Account)
		}
	}
	return ids
}
