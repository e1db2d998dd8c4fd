package jwts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
)

// maxExpanded is how many subjects all templates of a user may become.
const maxExpanded = 1024

var (
	errTemplate = errors.New("the template of the signing key is wrong")
	errTooMany  = fmt.Errorf("the template of the signing key becomes more than %d subjects", maxExpanded)
)

// fill puts what the claims say of a user into the template of a signing key.
func (a *Account) fill(template *jwt.UserPermissionLimits, c *jwt.UserClaims) (*jwt.UserPermissionLimits, error) {
	filled := *template
	e := &expander{account: a, user: c}
	filled.Pub = e.side(template.Pub, auth.CheckSubject)
	filled.Sub = e.side(template.Sub, auth.CheckSubjectAndQueue)
	return &filled, e.err
}

// expander fills templates until one is wrong.
type expander struct {
	account *Account
	user    *jwt.UserClaims
	made    int
	err     error
}

// side fills one side of permissions. What is to be allowed is left out where a tag is missing or a value makes no
// subject; if nothing of it is left, all is denied. What is to be denied must not be left out: that is an error.
func (e *expander) side(p jwt.Permission, check func(string) error) jwt.Permission {
	filled := jwt.Permission{Allow: e.list(p.Allow, check, nil), Deny: e.list(p.Deny, check, errTemplate)}
	if len(p.Allow) > 0 && len(filled.Allow) == 0 {
		filled.Deny = append(filled.Deny, ">")
	}
	return filled
}

func (e *expander) list(templates []string, check func(string) error, lacking error) (filled []string) {
	for _, template := range templates {
		if !strings.Contains(template, "{{") {
			filled = append(filled, template)
			continue
		}
		subjects := e.expand(template)
		if len(subjects) == 0 && e.err == nil {
			e.err = lacking
		}
		for _, s := range subjects {
			if check(s) == nil {
				filled = append(filled, s)
			} else if e.err == nil {
				e.err = lacking
			}
		}
	}
	return filled
}

// expand returns all subjects that a template becomes: one for each combination of the values in it.
func (e *expander) expand(template string) []string {
	subjects := []string{""}
	for rest := template; rest != ""; {
		text, call, found := strings.Cut(rest, "{{")
		subjects = e.combine(subjects, []string{text})
		if !found {
			break
		}
		function, after, closed := strings.Cut(call, "}}")
		if !closed {
			e.err = errTemplate
			return nil
		}
		subjects = e.combine(subjects, e.values(function))
		rest = after
	}
	if e.made += len(subjects); e.made > maxExpanded && e.err == nil {
		e.err = errTooMany
	}
	if e.err != nil {
		return nil
	}
	return subjects
}

// combine appends each of the values to each of the subjects.
func (e *expander) combine(subjects, values []string) []string {
	if len(subjects)*len(values) > maxExpanded {
		e.err = errTooMany
	}
	if e.err != nil {
		return nil
	}
	combined := make([]string, 0, len(subjects)*len(values))
	for _, s := range subjects {
		for _, v := range values {
			combined = append(combined, s+v)
		}
	}
	return combined
}

// values are those of a function.
func (e *expander) values(function string) []string {
	function = strings.ToLower(strings.TrimSpace(function))
	switch function {
	case "name()":
		return plain(e.user.Name)
	case "subject()":
		return plain(e.user.Subject)
	case "account-name()":
		return plain(e.account.Name())
	case "account-subject()":
		return plain(e.account.ID)
	}
	name, argument, ok := strings.Cut(function, "(")
	argument, closed := strings.CutSuffix(argument, ")")
	switch {
	case !ok || !closed || argument == "":
	case name == "tag":
		return tagged(e.user.Tags, argument)
	case name == "account-tag":
		return tagged(e.account.Claims.Tags, argument)
	}
	e.err = errTemplate
	return nil
}

// tagged are the values of tags like "key:value".
func tagged(tags []string, key string) (values []string) {
	for _, tag := range tags {
		if k, v, ok := strings.Cut(tag, ":"); ok && strings.EqualFold(k, strings.TrimSpace(key)) {
			values = append(values, plain(v)...)
		}
	}
	return values
}

// plain is the value, unless it is empty, has wildcards or white space: who signs users must not reach beyond the template by
// how they are called.
func plain(value string) []string {
	if value == "" || strings.ContainsAny(value, "*> \t\r\n") {
		return nil
	}
	return []string{value}
}
