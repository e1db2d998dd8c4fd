package auth

import (
	"fmt"

	"github.com/nats-io/nkeys"
)

// ConfigError is something wrong with a Config, in the words of a stock server where that has some.
type ConfigError struct {
	Key  string // the outermost one that is to blame: authorization, accounts, proxies, no_auth_user
	Text string
}

func (e *ConfigError) Error() string { return e.Text }

const (
	authorizationKey = "authorization"
	accountsKey      = "accounts"
	proxiesKey       = "proxies"
	noAuthUserKey    = "no_auth_user"
)

func wrong(key, format string, args ...any) error {
	return &ConfigError{key, fmt.Sprintf(format, args...)}
}

// New makes an Authenticator. Its errors are a *ConfigError, and hold no secret.
func New(c *Config) (*Authenticator, error) {
	a := &Authenticator{names: map[string]*user{}, keys: map[string]*user{}}
	steps := []func(*Config) error{a.addOnly, a.addUsers, a.addProxies, a.chooseNoAuth, a.makeNoKey, a.addCallout}
	for _, step := range steps {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// addOnly adds the single user or the holder of the token.
func (a *Authenticator) addOnly(c *Config) error {
	if err := c.checkOnly(); err != nil {
		return err
	}
	secret := c.Password
	a.withToken = c.Token != ""
	if a.withToken {
		secret = c.Token
	} else if c.Username == "" {
		return nil
	}
	p, err := a.passwords.add(secret)
	if err != nil {
		return wrong(authorizationKey, "%v", err)
	}
	a.plaintext = !a.withToken && p.hash == nil && c.Password != ""
	a.only = &user{
		Identity: Identity{User: c.Username, Account: GlobalAccount, Rights: unlimited},
		password: p, proxyRequired: c.ProxyRequired,
	}
	if fenced := c.fence(&User{Name: c.Username}, nil); fenced != nil {
		a.only.Rights, err = NewRights(fenced)
	}
	return err
}

func (c *Config) checkOnly() error {
	switch {
	case c.Token != "" && (c.Username != "" || c.Password != ""):
		return wrong(authorizationKey, "Cannot have a user/pass and token")
	case c.Token != "" && len(c.Users) > 0:
		return wrong(authorizationKey, "Can not have a token and a users array")
	case c.Username != "" && len(c.Users) > 0:
		return wrong(authorizationKey, "Can not have a single user/pass and a users array")
	case c.ProxyRequired && c.Username == "" && c.Token == "":
		return wrong(authorizationKey, "proxy_required is about a single user or a token: users have their own")
	case c.Username == "" && c.Password != "" && len(c.Users) == 0:
		return wrong(authorizationKey, "a password without a user protects nothing")
	}
	return nil
}

func (a *Authenticator) addUsers(c *Config) error {
	defaults := map[string]*Permissions{"": c.Defaults}
	for _, account := range c.Accounts {
		if account.Name == "" || account.Name == GlobalAccount {
			return wrong(accountsKey, "%q is a Reserved Account", account.Name)
		}
		if _, again := defaults[account.Name]; again {
			return wrong(accountsKey, "Duplicate Account Entry: %s", account.Name)
		}
		defaults[account.Name] = account.Defaults
	}
	var inOrder []*user
	for i := range c.Users {
		configured := &c.Users[i]
		inherited, known := defaults[configured.Account]
		if !known {
			return wrong(accountsKey, "there is no account %q", configured.Account)
		}
		u, err := a.newUser(configured, c.fence(configured, permissionsOf(configured, inherited)))
		if err != nil {
			return err
		}
		if configured.NKey == "" {
			inOrder = append(inOrder, u)
		}
	}
	if c.MapCertificates && len(c.Users) > 0 {
		a.certified = newCertified(a.names, inOrder)
	}
	return nil
}

// permissionsOf are a user's own, or the account's defaults for one that has none.
func permissionsOf(u *User, inherited *Permissions) *Permissions {
	if u.Permissions != nil {
		return u.Permissions
	}
	return inherited
}

// newUser enters one user of the list.
func (a *Authenticator) newUser(c *User, permissions *Permissions) (*user, error) {
	rights, err := NewRights(permissions)
	if err != nil {
		return nil, wrong(authorizationKey, "user %q: %v", c.Name+c.NKey, err)
	}
	u := &user{proxyRequired: c.ProxyRequired}
	u.Identity = Identity{User: c.Name + c.NKey, Account: c.Account, Rights: rights, ConnectionTypes: c.ConnectionTypes}
	if u.Account == "" {
		u.Account = GlobalAccount
	}
	if c.NKey != "" {
		return u, a.enterKey(u, c)
	}
	return u, a.enterName(u, c)
}

func (a *Authenticator) enterKey(u *user, c *User) error {
	switch {
	case c.Name != "" || c.Password != "":
		return wrong(authorizationKey, "Nkey users do not take usernames or passwords")
	case !nkeys.IsValidPublicUserKey(c.NKey):
		return wrong(authorizationKey, "Not a valid public nkey for a user")
	case a.keys[c.NKey] != nil:
		return wrong(authorizationKey, "Duplicate nkey %q detected", c.NKey)
	}
	a.keys[c.NKey] = u
	key, err := nkeys.FromPublicKey(c.NKey)
	u.key = key
	return err
}

func (a *Authenticator) enterName(u *user, c *User) error {
	switch {
	case c.Name == "":
		return wrong(authorizationKey, "User entry requires a user")
	case a.names[c.Name] != nil:
		return wrong(authorizationKey, "Duplicate user %q detected", c.Name)
	}
	a.names[c.Name] = u
	p, err := a.passwords.add(c.Password)
	if err != nil {
		return wrong(authorizationKey, "user %q: %v", c.Name, err)
	}
	u.password = p
	a.plaintext = a.plaintext || p.hash == nil && c.Password != ""
	return nil
}

func (a *Authenticator) addProxies(c *Config) error {
	for _, public := range c.TrustedProxies {
		key, err := nkeys.FromPublicKey(public)
		if err != nil {
			return wrong(proxiesKey, "invalid proxy key %q", public)
		}
		a.proxies = append(a.proxies, proxy{public, key})
	}
	return nil
}

func (a *Authenticator) chooseNoAuth(c *Config) error {
	if c.NoAuthUser == "" {
		return nil
	}
	if !a.listed() {
		return wrong(noAuthUserKey, "no_auth_user: %q present, but users/nkeys are not defined", c.NoAuthUser)
	}
	if a.noAuth = a.names[c.NoAuthUser]; a.noAuth == nil {
		a.noAuth = a.keys[c.NoAuthUser]
	}
	if a.noAuth == nil {
		return wrong(noAuthUserKey, "no_auth_user: %q not present as user or nkey in authorization block or account configuration", c.NoAuthUser)
	}
	return nil
}

// makeNoKey makes a public key that nobody has the other half of.
func (a *Authenticator) makeNoKey(*Config) error {
	public, err := nkeys.Encode(nkeys.PrefixByteUser, make([]byte, 32))
	if err != nil {
		return err
	}
	a.noKey, err = nkeys.FromPublicKey(string(public))
	return err
}
