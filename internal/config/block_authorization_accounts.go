package config

import (
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
)

// account is what is decoded of an Account, and the configuration that its users are entered in.
type account struct {
	auth.Account
	own Account
	all *auth.Config
}

// accountBlock is what an account can hold.
var accountBlock = newBlock([]key[account]{
	{"nkey", nil, decodeAccountKey},
	{"users", nil, func(d *decoder, a *account, f *Field) { d.users(a.all, a.Name, f) }},
	{"default_permissions", nil, func(d *decoder, a *account, f *Field) { a.Defaults = d.permissions(f) }},
	{"exports", nil, func(d *decoder, a *account, f *Field) { d.exports(&a.own.Exports, a.Name, f) }},
	{"imports", nil, func(d *decoder, a *account, f *Field) { d.imports(&a.own.Imports, a.Name, f) }},
	{"mappings", []string{"maps"}, func(d *decoder, a *account, f *Field) { d.mappings(&a.own.Mappings, a.Name, f) }},
	{"limits", nil, decodeAccountLimits},
	{"jetstream", nil, func(d *decoder, a *account, f *Field) { decodeAccountStreams(d, &a.own.Streams, f) }},
	{"msg_trace", []string{"trace_dest"}, func(d *decoder, a *account, f *Field) { decodeAccountTrace(d, &a.own.Trace, f) }},
})

// decodeAccounts decodes a map of accounts, or an array of the names of accounts without users.
func decodeAccounts(d *decoder, c *Config, f *Field) {
	switch v := f.Value.Data.(type) {
	case Array:
		for _, element := range v {
			name, ok := element.Data.(string)
			if !ok {
				d.fail(element.Pos, "Expected the name of an account, got %s", element.kind())
				continue
			}
			d.account(&c.Auth, element.Pos, name)
		}
	case *Map:
		for _, entry := range v.Fields {
			if entry.used && !isMap(entry.Value) {
				continue
			}
			decodeAccount(d, c, entry)
		}
	default:
		d.fail(f.Pos, "Expected accounts to be a map or an array, got %s", f.Value.kind())
	}
}

func isMap(v *Value) bool {
	_, ok := v.Data.(*Map)
	return ok
}

func decodeAccount(d *decoder, c *Config, f *Field) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "Expected map entries for accounts")
		return
	}
	i, ok := d.account(&c.Auth, f.Pos, f.Name)
	if !ok {
		return
	}
	a := account{Account: c.Auth.Accounts[i], own: defaultAccount(), all: &c.Auth}
	decodeNested(d, accountBlock, &a, m, unknownField)
	c.Auth.Accounts[i] = a.Account
	if !a.own.Streams.Enabled && a.own.Limits == defaultAccount().Limits && a.own.Mappings == nil && a.own.Trace.Dest == "" && a.own.Exports == nil && a.own.Imports == nil {
		return
	}
	if c.Accounts == nil {
		c.Accounts = make(map[string]Account)
	}
	c.Accounts[f.Name] = a.own
}

// account enters an account, and returns its place among them.
func (d *decoder) account(c *auth.Config, at Pos, name string) (place int, ok bool) {
	if name == "" || name == auth.GlobalAccount {
		d.fail(at, "%q is a Reserved Account", name)
		return 0, false
	}
	before := len(d.errs)
	d.once(at, "account", name, "Duplicate Account Entry: %s")
	c.Accounts = append(c.Accounts, auth.Account{Name: name})
	return len(c.Accounts) - 1, len(d.errs) == before
}

// accountLimitsBlock bounds the connections of an account. Those of other servers do not exist yet.
var accountLimitsBlock = newBlock([]key[AccountLimits]{
	{"max_connections", []string{"max_conn"}, integer(func(l *AccountLimits) *int64 { return &l.MaxConnections })},
	{"max_subscriptions", []string{"max_subs"}, integer(func(l *AccountLimits) *int { return &l.MaxSubscriptions })},
	{"max_payload", []string{"max_pay"}, integer(func(l *AccountLimits) *int { return &l.MaxPayload })},
	{"max_leafnodes", []string{"max_leafs"}, integer(func(*AccountLimits) *int { return new(int) })},
})

func decodeAccountLimits(d *decoder, a *account, f *Field) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "Expected account limits to be a map/struct, got %s", f.Value.kind())
		return
	}
	decodeNested(d, accountLimitsBlock, &a.own.Limits, m, "Unknown field %q parsing account limits")
}

func decodeAccountKey(d *decoder, a *account, f *Field) {
	public, ok := typed[string](d, f, "a string")
	if !ok {
		return
	}
	if !nkeys.IsValidPublicAccountKey(public) {
		d.fail(f.Pos, "Not a valid public nkey for an account: %q", public)
		return
	}
	a.NKey = public
}

// proxiesBlock and proxyBlock say which proxies may vouch for a connection.
var proxiesBlock = newBlock([]key[auth.Config]{
	{"trusted", nil, decodeTrusted},
})

var proxyBlock = newBlock([]key[string]{
	{"key", nil, text(func(s *string) *string { return s })},
})

func decodeProxies(d *decoder, c *auth.Config, f *Field) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "expected proxies to be a map/struct, got %s", f.Value.kind())
		return
	}
	decodeNested(d, proxiesBlock, c, m, unknownField)
}

func decodeTrusted(d *decoder, c *auth.Config, f *Field) {
	array, ok := f.Value.Data.(Array)
	if !ok {
		d.fail(f.Pos, "expected proxies' trusted field to be an array, got %s", f.Value.kind())
		return
	}
	c.TrustedProxies = nil
	for _, entry := range array {
		m, ok := entry.Data.(*Map)
		if !ok {
			d.fail(entry.Pos, "expected proxies' trusted entry to be a map/struct, got %s", entry.kind())
			continue
		}
		public, before := "", len(d.errs)
		decodeNested(d, proxyBlock, &public, m, unknownField)
		if len(d.errs) == before && !nkeys.IsValidPublicKey(public) {
			d.fail(entry.Pos, "invalid proxy key %q", public)
		}
		c.TrustedProxies = append(c.TrustedProxies, public)
	}
}
