package config

import (
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
)

// calloutBlock names the service that decides who may connect.
var calloutBlock = newBlock([]key[auth.Callout]{
	{"issuer", nil, publicKey("callout user", "account nkey", nkeys.IsValidPublicAccountKey, func(c *auth.Callout) *string { return &c.Issuer })},
	{"account", []string{"acc"}, notEmpty(text(func(c *auth.Callout) *string { return &c.Account }))},
	{"auth_users", []string{"users"}, listOfNames("auth_users", func(c *auth.Callout) *[]string { return &c.Users })},
	{"xkey", []string{"key"}, publicKey("callout xkey", "xkey", nkeys.IsValidPublicCurveKey, func(c *auth.Callout) *string { return &c.XKey })},
	{"allowed_accounts", nil, listOfNames("allowed accounts", func(c *auth.Callout) *[]string { return &c.Delegated })},
})

func decodeCallout(d *decoder, c *auth.Config, f *Field) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "Expected authorization callout to be a map/struct, got %s", f.Value.kind())
		return
	}
	co, before := new(auth.Callout), len(d.errs)
	decodeNested(d, calloutBlock, co, m, "Unknown field %q parsing authorization callout")
	switch {
	case len(d.errs) > before:
	case co.Issuer == "":
		d.fail(f.Pos, "Authorization callouts require an issuer to be specified")
	case len(co.Users) == 0:
		d.fail(f.Pos, "Authorization callouts require authorized users to be specified")
	}
	c.Callout = co
}

// publicKey decodes a public key of a kind.
func publicKey[T any](what, kind string, valid func(string) bool, field func(*T) *string) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		s, ok := typed[string](d, f, "a string")
		switch {
		case !ok:
		case !valid(s):
			d.fail(f.Pos, "Expected %s to be a valid public %s, got %q", what, kind, s)
		default:
			*field(into) = s
		}
	}
}

// listOfNames decodes an array of strings.
func listOfNames[T any](what string, field func(*T) *[]string) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		array, ok := f.Value.Data.(Array)
		if !ok {
			d.fail(f.Pos, "Expected %s field to be an array, got %s", what, f.Value.kind())
			return
		}
		*field(into) = nil
		for _, element := range array {
			name, ok := element.Data.(string)
			if !ok || name == "" {
				d.fail(element.Pos, "Expected %s to be names, got %s", what, element.kind())
				continue
			}
			*field(into) = append(*field(into), name)
		}
	}
}
