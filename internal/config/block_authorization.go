package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
)

// authKeys say who may connect, and as whom.
var authKeys = []key[Config]{
	{"authorization", nil, func(d *decoder, c *Config, f *Field) { decodeAuthorization(d, &c.Auth, f) }},
	{"accounts", nil, decodeAccounts},
	{"no_auth_user", nil, text(func(c *Config) *string { return &c.Auth.NoAuthUser })},
	{"proxies", nil, func(d *decoder, c *Config, f *Field) { decodeProxies(d, &c.Auth, f) }},
	{"system_account", []string{"system"}, text(func(c *Config) *string { return &c.SystemAccount })},
	{"no_system_account", []string{"no_system", "no_sys_acc"}, boolean(func(c *Config) *bool { return &c.NoSystemAccount })},
}

var authorizationBlock = newBlock([]key[auth.Config]{
	{"user", []string{"username"}, notEmpty(text(func(c *auth.Config) *string { return &c.Username }))},
	{"password", []string{"pass"}, password(func(c *auth.Config) *auth.Secret { return &c.Password })},
	{"token", nil, notEmpty(password(func(c *auth.Config) *auth.Secret { return &c.Token }))},
	{"timeout", nil, decodeAuthTimeout},
	{"users", nil, decodeGlobalUsers},
	{"default_permissions", []string{"permissions"}, decodeGlobalDefaults},
	{"proxy_required", nil, boolean(func(c *auth.Config) *bool { return &c.ProxyRequired })},
	{"auth_callout", []string{"auth_hook"}, decodeCallout},
})

var userBlock = newBlock([]key[auth.User]{
	{"user", []string{"username"}, text(func(u *auth.User) *string { return &u.Name })},
	{"password", []string{"pass"}, password(func(u *auth.User) *auth.Secret { return &u.Password })},
	{"nkey", nil, text(func(u *auth.User) *string { return &u.NKey })},
	{"permissions", []string{"permission", "authorization"}, decodeUserPermissions},
	{"allowed_connection_types", []string{"connection_types", "clients"}, decodeConnectionTypes},
	{"proxy_required", nil, boolean(func(u *auth.User) *bool { return &u.ProxyRequired })},
})

// unknownField is what is said about a field that is in no table, with its name.
const unknownField = "unknown field %q"

// decodeNested decodes a block that may appear several times in a file, so that its keys are not entered as places. It
// says unknown about a field that is in no table and no variable.
func decodeNested[T any](d *decoder, b block[T], into *T, m *Map, unknown string) {
	for _, f := range m.Fields {
		if k := b[strings.ToLower(f.Name)]; k != nil {
			k.decode(d, into, f)
		} else if !f.used {
			d.fail(f.Pos, unknown, f.Name)
		}
	}
}

func decodeAuthorization(d *decoder, c *auth.Config, f *Field) {
	if m, ok := typed[*Map](d, f, "a map"); ok {
		decodeNested(d, authorizationBlock, c, m, unknownField)
	}
}

// password decodes a password, plain or as a bcrypt hash.
func password[T any](field func(*T) *auth.Secret) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		s, ok := typed[string](d, f, "a string")
		if !ok {
			return
		}
		if err := auth.CheckPassword(auth.Secret(s)); err != nil {
			d.fail(f.Pos, "%s: %v", f.Name, err)
			return
		}
		*field(into) = auth.Secret(s)
	}
}

// notEmpty refuses an empty string: it would let everybody in, where somebody meant to keep them out.
func notEmpty[T any](decode decodeFunc[T]) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		if f.Value.Data == "" {
			d.fail(f.Pos, "an empty %s protects nothing", f.Name)
			return
		}
		decode(d, into, f)
	}
}

// highTimeout is a timeout that somebody may have meant otherwise.
const highTimeout = time.Minute

// decodeSeconds decodes the timeout of a block: a duration, or seconds that need not be whole.
func decodeSeconds(d *decoder, f *Field, block string) (seconds float64, ok bool) {
	switch v := f.Value.Data.(type) {
	case string:
		timeout, err := time.ParseDuration(v)
		if err != nil {
			d.fail(f.Pos, "error parsing %s config, 'timeout' %v", block, err)
			return 0, false
		}
		return timeout.Seconds(), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	d.fail(f.Pos, "error parsing %s config, 'timeout' wrong type", block)
	return 0, false
}

// decodeAuthTimeout decodes a duration, or seconds that need not be whole.
func decodeAuthTimeout(d *decoder, c *auth.Config, f *Field) {
	seconds, ok := decodeSeconds(d, f, "authorization")
	if !ok {
		return
	}
	switch {
	case seconds < 0:
		d.fail(f.Pos, "error parsing authorization config, 'timeout' is negative")
		return
	case seconds*float64(time.Second) >= math.MaxInt64:
		d.fail(f.Pos, "%s value is too big", f.Name)
		return
	}
	c.Timeout = time.Duration(seconds * float64(time.Second))
	if c.Timeout > highTimeout {
		d.warn(f.Pos, "invalid use of field %q: timeout of %v is high, consider keeping it under 60 seconds", f.Name, c.Timeout)
	}
}

func decodeGlobalUsers(d *decoder, c *auth.Config, f *Field) { d.users(c, "", f) }

// users decodes the users of one account.
func (d *decoder) users(c *auth.Config, account string, f *Field) {
	array, ok := f.Value.Data.(Array)
	if !ok {
		d.fail(f.Pos, "Expected users field to be an array, got %s", f.Value.kind())
		return
	}
	for _, entry := range array {
		m, ok := entry.Data.(*Map)
		if !ok {
			d.fail(entry.Pos, "Expected user entry to be a map/struct, got %s", entry.kind())
			continue
		}
		u := auth.User{Account: account}
		before := len(d.errs)
		decodeNested(d, userBlock, &u, m, unknownField)
		if len(d.errs) == before {
			d.checkUser(entry.Pos, &u)
		}
		c.Users = append(c.Users, u)
	}
}

func (d *decoder) checkUser(at Pos, u *auth.User) {
	switch {
	case u.NKey == "" && u.Name == "":
		d.fail(at, "User entry requires a user")
	case u.NKey == "":
		d.once(at, "user", u.Name, "Duplicate user %q detected")
	case !nkeys.IsValidPublicUserKey(u.NKey):
		d.fail(at, "Not a valid public nkey for a user")
	case u.Name != "" || u.Password != "":
		d.fail(at, "Nkey users do not take usernames or passwords")
	default:
		d.once(at, "nkey", u.NKey, "Duplicate nkey %q detected")
	}
}

// once refuses a name that another thing of the same kind has.
func (d *decoder) once(at Pos, kind, name, again string) {
	key := kind + " " + name // no key has a space
	if _, taken := d.places[key]; taken {
		d.fail(at, again, name)
		return
	}
	d.places[key] = at
}

// decodeConnectionTypes decodes one type or an array of them; none are all.
func decodeConnectionTypes(d *decoder, u *auth.User, f *Field) {
	const unsupported = "error parsing allowed connection types: unsupported type "
	var names []string
	switch v := f.Value.Data.(type) {
	case string:
		names = []string{v}
	case Array:
		for _, element := range v {
			if s, ok := element.Data.(string); ok {
				names = append(names, s)
			} else {
				d.fail(element.Pos, unsupported+"in array %s", element.kind())
			}
		}
	default:
		d.fail(f.Pos, unsupported+"%s", f.Value.kind())
	}
	u.ConnectionTypes = 0
	var invalid []string
	for _, name := range names {
		bit := auth.ParseConnectionType(name)
		if bit == 0 {
			invalid = append(invalid, fmt.Sprintf("%q", strings.ToUpper(name)))
		}
		u.ConnectionTypes |= bit
	}
	if invalid != nil {
		d.fail(f.Pos, "invalid connection types [%s]", strings.Join(invalid, " "))
	}
}
