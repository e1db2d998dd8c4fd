package auth

import (
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Who is let in stays under another configuration if, and only if, the same credentials would let them in again: as the
// user of that name there, with that user's rights and account.
func TestStays(t *testing.T) {
	withUser := func(edit func(*Config)) *Config {
		c := &Config{Users: []User{{Name: "ann", Password: "a"}, {Name: "bob", Password: "b"}}}
		if edit != nil {
			edit(c)
		}
		return c
	}
	ann := Request{User: "ann", Password: "a", Type: Standard}
	for _, row := range []struct {
		shows         string
		before, after *Config
		request       Request
		account       string // "" for who must go
	}{
		{"nothing has changed", withUser(nil), withUser(nil), ann, GlobalAccount},
		{"another's password", withUser(nil), withUser(func(c *Config) { c.Users[1].Password = "x" }), ann, GlobalAccount},
		{"the own password", withUser(nil), withUser(func(c *Config) { c.Users[0].Password = "x" }), ann, ""},
		{"the user is gone", withUser(nil), withUser(func(c *Config) { c.Users = c.Users[1:] }), ann, ""},
		{"the user has a key now", withUser(nil), &Config{Users: []User{{NKey: someKey}}}, ann, ""},
		{"another account", withUser(nil), withUser(func(c *Config) {
			c.Accounts = []Account{{Name: "A"}}
			c.Users[0].Account = "A"
		}), ann, "A"},
		{"another way to connect", withUser(nil), withUser(func(c *Config) { c.Users[0].ConnectionTypes = MQTT }), ann, ""},
		{"a proxy is asked for", withUser(nil), withUser(func(c *Config) { c.Users[0].ProxyRequired = true }), ann, ""},
		{"the doors are open", withUser(nil), &Config{}, ann, GlobalAccount},
		{"a single user of that name", withUser(nil), &Config{Username: "ann", Password: "a"}, ann, GlobalAccount},
		{"a token", withUser(nil), &Config{Token: "a"}, ann, ""},
		{"the same token", &Config{Token: "a"}, &Config{Token: "a"}, Request{Token: "a"}, GlobalAccount},
		{"another token", &Config{Token: "a"}, &Config{Token: "b"}, Request{Token: "a"}, ""},
		{"the doors were open", &Config{}, withUser(nil), Request{}, ""},
		{"the doors were open, and are for those without credentials", &Config{},
			withUser(func(c *Config) { c.NoAuthUser = "bob" }), Request{}, GlobalAccount},
		{"nobody may come without credentials any more", withUser(func(c *Config) { c.NoAuthUser = "bob" }), withUser(nil),
			Request{}, ""},
		{"who has credentials needs no such user", withUser(func(c *Config) { c.NoAuthUser = "ann" }), withUser(nil), ann,
			GlobalAccount},
	} {
		t.Run(row.shows, func(t *testing.T) {
			if row.request.Type == 0 {
				row.request.Type = Standard
			}
			identity, err := must(New(row.before)).Authenticate(&row.request)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := must(New(row.after)).Stays(identity)
			switch {
			case got == nil && row.account != "":
				t.Error("has to go")
			case got != nil && got.Account != row.account:
				t.Errorf("stays in %q", got.Account)
			}
		})
	}
}

const someKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

func must(a *Authenticator, err error) *Authenticator {
	if err != nil {
		panic(err)
	}
	return a
}

// Only what is compared with a bcrypt hash is costly, and then whatever the user is.
func TestCostly(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("b"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := []User{{Name: "ann", Password: "a"}, {Name: "bob", Password: Secret(hash)}, {NKey: someKey}}
	dear := must(New(&Config{Users: users, NoAuthUser: "ann"}))
	cheap := must(New(&Config{Users: users[:1]}))
	for _, row := range []struct {
		a       *Authenticator
		request Request
		want    bool
	}{
		{cheap, Request{User: "ann"}, false},
		{dear, Request{User: "ann"}, true},
		{dear, Request{User: "nobody"}, true},
		{dear, Request{}, false},
		{dear, Request{NKey: someKey, User: "bob"}, false},
		{must(New(&Config{Token: Secret(hash)})), Request{}, true},
	} {
		if got := row.a.Costly(&row.request); got != row.want {
			t.Errorf("%+v is costly: %v", row.request, got)
		}
	}
}
