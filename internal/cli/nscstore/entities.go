package nscstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Operator is an operator of the store. Claims may be changed before Save.
type Operator struct {
	store  *Store
	Name   string
	Claims *jwt.OperatorClaims
	Token  string // as it was read or saved last
}

// Store is where the operator is.
func (o *Operator) Store() *Store { return o.store }

// valid is an error if claims must not be signed.
func valid(what string, c jwt.Claims) error {
	results := jwt.CreateValidationResults()
	c.Validate(results)
	var problems []string
	for _, issue := range results.Issues {
		if issue.Blocking {
			problems = append(problems, issue.Description)
		}
	}
	if problems != nil {
		return fmt.Errorf("%s: %s", what, strings.Join(problems, "; "))
	}
	return nil
}

// Save signs the operator with its own key.
func (o *Operator) Save() error {
	if err := valid("operator "+o.Name, o.Claims); err != nil {
		return err
	}
	pair, err := o.store.Key(o.Claims.Subject)
	if err != nil {
		return err
	}
	if o.Token, err = o.Claims.Encode(pair); err != nil {
		return err
	}
	return o.keep()
}

// signer is the key that signs accounts: the operator's own, unless it is kept elsewhere or must not be used for that.
func (o *Operator) signer() (nkeys.KeyPair, error) {
	keys := []string(o.Claims.SigningKeys)
	if !o.Claims.StrictSigningKeyUsage {
		keys = append([]string{o.Claims.Subject}, keys...)
	}
	return o.store.firstKey("operator "+o.Name, keys...)
}

func (o *Operator) accountDir(account string) string {
	return filepath.Join(o.store.operatorDir(o.Name), "accounts", account)
}

func (o *Operator) accountFile(account string) string {
	return filepath.Join(o.accountDir(account), account+".jwt")
}

// Accounts are the accounts of the operator, by name.
func (o *Operator) Accounts() ([]*Account, error) {
	names, err := o.store.list(o.accountDir(""))
	var found []*Account
	for _, name := range names {
		if !o.store.exists(o.accountFile(name)) {
			continue
		}
		a, err := o.Account(name)
		if err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, err
}

// Account reads an account by its name or its public key.
func (o *Operator) Account(name string) (*Account, error) {
	if nkeys.IsValidPublicAccountKey(name) {
		return o.accountByKey(name)
	}
	if err := checkName("an account", name); err != nil {
		return nil, err
	}
	token, err := o.store.read(o.accountFile(name), "account "+name)
	if err != nil {
		return nil, err
	}
	claims, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", name, err)
	}
	return &Account{Operator: o, Name: name, Claims: claims, Token: token}, nil
}

func (o *Operator) accountByKey(key string) (*Account, error) {
	list, err := o.Accounts()
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Claims.Subject == key {
			return a, nil
		}
	}
	return nil, fmt.Errorf("account %s: %w", key, ErrNotFound)
}

// NewAccount makes an account with a key. It is not saved.
func (o *Operator) NewAccount(name string) (*Account, error) {
	if err := checkName("an account", name); err != nil {
		return nil, err
	}
	if o.store.exists(o.accountFile(name)) {
		return nil, fmt.Errorf("account %s exists", name)
	}
	key, err := o.store.NewKey(nkeys.PrefixByteAccount)
	if err != nil {
		return nil, err
	}
	claims := jwt.NewAccountClaims(key)
	claims.Name = name
	return &Account{Operator: o, Name: name, Claims: claims}, nil
}

// Account is an account of an operator. Claims may be changed before Save.
type Account struct {
	Operator *Operator
	Name     string
	Claims   *jwt.AccountClaims
	Token    string // as it was read or saved last
}

// System reports whether the account is the one of the servers.
func (a *Account) System() bool { return a.Operator.Claims.SystemAccount == a.Claims.Subject }

// Save signs the account with a key of its operator.
func (a *Account) Save() error {
	if err := valid("account "+a.Name, a.Claims); err != nil {
		return err
	}
	pair, err := a.Operator.signer()
	if err != nil {
		return err
	}
	token, err := a.Claims.Encode(pair)
	if err != nil {
		return fmt.Errorf("account %s: %w", a.Name, err)
	}
	a.Token = token
	return a.Operator.store.write(a.file(), []byte(token))
}

func (a *Account) file() string { return a.Operator.accountFile(a.Name) }

// SigningKey finds a signing key of the account by its public key or its role.
func (a *Account) SigningKey(name string) (key string, scope *jwt.UserScope, err error) {
	for _, key := range a.Claims.SigningKeys.Keys() {
		s, _ := a.Claims.SigningKeys.GetScope(key)
		scope, _ := s.(*jwt.UserScope)
		if key == name || scope != nil && scope.Role == name {
			return key, scope, nil
		}
	}
	return "", nil, fmt.Errorf("account %s has no signing key or role %q", a.Name, name)
}

func (a *Account) userFile(user string) string {
	return filepath.Join(a.Operator.accountDir(a.Name), "users", user+".jwt")
}

// Users are the users of the account, by name.
func (a *Account) Users() ([]*User, error) {
	names, err := a.Operator.store.list(filepath.Dir(a.userFile("x")))
	var found []*User
	for _, file := range names {
		name, ok := strings.CutSuffix(file, ".jwt")
		if !ok {
			continue
		}
		u, err := a.User(name)
		if err != nil {
			return nil, err
		}
		found = append(found, u)
	}
	return found, err
}

// User reads a user by name.
func (a *Account) User(name string) (*User, error) {
	if err := checkName("a user", name); err != nil {
		return nil, err
	}
	token, err := a.Operator.store.read(a.userFile(name), "user "+name)
	if err != nil {
		return nil, err
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	return &User{Account: a, Name: name, Claims: claims, Token: token}, nil
}

// NewUser makes a user with a key. It is not saved. A user whose signer has a role has no rights of its own to be given.
func (a *Account) NewUser(name, signer string) (*User, error) {
	if err := checkName("a user", name); err != nil {
		return nil, err
	}
	if a.Operator.store.exists(a.userFile(name)) {
		return nil, fmt.Errorf("user %s exists", name)
	}
	u := &User{Account: a, Name: name}
	scoped := false
	if signer != "" {
		key, scope, err := a.SigningKey(signer)
		if err != nil {
			return nil, err
		}
		signer, scoped = key, scope != nil
	}
	key, err := a.Operator.store.NewKey(nkeys.PrefixByteUser)
	if err != nil {
		return nil, err
	}
	u.Claims = jwt.NewUserClaims(key)
	u.Claims.Name, u.Claims.Issuer = name, signer
	if scoped {
		u.Claims.SetScoped(true)
	}
	return u, nil
}

// User is a user of an account. Claims may be changed before Save, except for the issuer.
type User struct {
	Account *Account
	Name    string
	Claims  *jwt.UserClaims
	Token   string // as it was read or saved last
}

// Scope is the role that the user is held to, or nil.
func (u *User) Scope() *jwt.UserScope {
	s, _ := u.Account.Claims.SigningKeys.GetScope(u.Claims.Issuer)
	scope, _ := s.(*jwt.UserScope)
	return scope
}

// sign encodes claims of the user with the key that has signed it before, or with one that may sign any user.
func (u *User) sign(claims *jwt.UserClaims) (string, error) {
	if err := valid("user "+u.Name, claims); err != nil {
		return "", err
	}
	if u.Scope() != nil && !claims.HasEmptyPermissions() {
		return "", fmt.Errorf("user %s has the role %q, and no rights of its own beside it", u.Name, u.Scope().Role)
	}
	pair, issuer, err := u.Account.signer(claims.Issuer)
	if err != nil {
		return "", err
	}
	claims.IssuerAccount = issuer
	return claims.Encode(pair)
}

// signer is the secret key of a public one, or of any that may sign all that the account signs if that is "". The issuer is what
// claims signed with it name as the account; "" for its own key.
func (a *Account) signer(key string) (pair nkeys.KeyPair, issuer string, err error) {
	candidates := []string{key}
	if key == "" {
		candidates = []string{a.Claims.Subject}
		for _, key := range a.Claims.SigningKeys.Keys() {
			if s, _ := a.Claims.SigningKeys.GetScope(key); s == nil {
				candidates = append(candidates, key)
			}
		}
		slices.Sort(candidates[1:])
	}
	if pair, err = a.Operator.store.firstKey("account "+a.Name, candidates...); err != nil {
		return nil, "", err
	}
	public, err := pair.PublicKey()
	if err == nil && public != a.Claims.Subject {
		issuer = a.Claims.Subject
	}
	return pair, issuer, err
}

// Activate signs claims with which another account has a private export. The key is the public one of a signing key that is to sign;
// "" for any.
func (a *Account) Activate(claims *jwt.ActivationClaims, key string) (token string, err error) {
	if err := valid("activation", claims); err != nil {
		return "", err
	}
	pair, issuer, err := a.signer(key)
	if err != nil {
		return "", err
	}
	claims.IssuerAccount = issuer
	return claims.Encode(pair)
}

// Save signs the user.
func (u *User) Save() error {
	token, err := u.sign(u.Claims)
	if err != nil {
		return err
	}
	u.Token = token
	return u.Account.Operator.store.write(u.Account.userFile(u.Name), []byte(token))
}

// Credentials are what the user connects with: JWT and seed, which is secret. The JWT expires at that time, in seconds since
// 1970, unless that is 0.
func (u *User) Credentials(expires int64) ([]byte, error) {
	pair, err := u.Account.Operator.store.Key(u.Claims.Subject)
	if err != nil {
		return nil, err
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	token := u.Token
	if expires != 0 {
		claims, err := jwt.DecodeUserClaims(u.Token)
		if err != nil {
			return nil, err
		}
		claims.Expires = expires
		if token, err = u.sign(claims); err != nil {
			return nil, err
		}
	}
	return jwt.FormatUserConfig(token, seed)
}

// Remove forgets the user and its key.
func (u *User) Remove() error {
	s := u.Account.Operator.store
	if err := os.Remove(u.Account.userFile(u.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.RemoveKey(u.Claims.Subject)
}
