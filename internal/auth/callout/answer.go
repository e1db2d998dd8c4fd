package callout

import (
	"bytes"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
)

// MaxAnswer is how long an answer may be, in bytes: a JWT, encrypted.
const MaxAnswer = jwt.MaxTokenSize + 64

// jwtStart begins every JWT.
var jwtStart = []byte("eyJ")

// read checks an answer to an inquiry about the user, as far as that says something about the answer.
func (a *Asker) read(q *Inquiry, user string, payload []byte) (*Answer, error) {
	token, err := a.open(q, payload)
	if err != nil {
		return nil, a.Refuse(q, auth.Failed, "%v", err)
	}
	c, err := jwt.DecodeAuthorizationResponseClaims(token)
	if err != nil {
		return nil, a.Refuse(q, auth.Failed, "%v", err)
	}
	problem := a.problem(c)
	switch {
	case problem != "":
		return nil, a.Refuse(q, auth.Failed, "Authorization response had validation errors: %s", problem)
	case c.Subject != user:
		return nil, a.Refuse(q, auth.Failed, "Auth callout violation: auth callout response is not for expected user")
	case c.Audience != a.opt.Server().ID:
		return nil, a.Refuse(q, auth.Failed, "Auth callout violation: auth callout response is not for server")
	case c.Error != "":
		return nil, a.Refuse(q, auth.Failed, "Auth callout service returned an error: %s", c.Error)
	case q.May != nil && !q.May(c.Issuer, c.IssuerAccount):
		return nil, a.Refuse(q, auth.Failed, "Auth callout signing key is unknown")
	}
	return a.user(q, user, c.Jwt)
}

// open is the token of an answer, which may be encrypted if requests are.
func (a *Asker) open(q *Inquiry, payload []byte) (string, error) {
	switch {
	case len(payload) > MaxAnswer:
		return "", fmt.Errorf("authorization response of more than %d bytes", MaxAnswer)
	case len(payload) == 0:
		return "", fmt.Errorf("auth callout violation: %q on account %q", "no reason supplied", q.Account)
	case q.XKey == "" || bytes.HasPrefix(payload, jwtStart):
		return string(payload), nil
	}
	open, err := a.opt.Exchange.Open(payload, q.XKey)
	if err != nil {
		return "", fmt.Errorf("error decrypting auth callout response on account %q: %w", q.Account, err)
	}
	return string(open), nil
}

// user reads the user that an answer holds.
func (a *Asker) user(q *Inquiry, user, token string) (*Answer, error) {
	c, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, a.Refuse(q, auth.Failed, "%v", err)
	}
	problem := a.problem(c)
	switch {
	case problem != "":
		return nil, a.Refuse(q, auth.Failed, "Error validating user JWT: %s", problem)
	case c.Subject != user:
		return nil, a.Refuse(q, auth.Failed, "Expected authorized user of %q but got %q on account %q", user, c.Subject, q.Account)
	}
	return &Answer{token, c}, nil
}

// problem is what is wrong with claims at this time; "" for nothing.
func (a *Asker) problem(c jwt.Claims) string {
	var found jwt.ValidationResults
	c.Validate(&found)
	if found.IsBlocking(false) {
		return errors.Join(found.Errors()...).Error()
	}
	now, data := a.opt.Clock.Now().Unix(), c.Claims()
	switch {
	case data.Expires != 0 && data.Expires <= now:
		return "claim is expired"
	case data.NotBefore > now:
		return "claim is not yet valid"
	}
	return ""
}

// sentence is a text that begins with a capital letter. Texts of others in it are made legible.
func sentence(format string, args ...any) string {
	for i, arg := range args {
		switch text := arg.(type) {
		case string:
			args[i] = auth.Legible(text)
		case error:
			args[i] = auth.Legible(text.Error())
		}
	}
	s := fmt.Sprintf(format, args...)
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
