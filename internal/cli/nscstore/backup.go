package nscstore

import (
	"errors"
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Backup is all of an operator, with the names that the nats tool has for it. It holds secrets.
type Backup struct {
	Name        string          `json:"name"`
	Key         *Seed           `json:"key,omitempty"`
	Token       string          `json:"token"`
	SigningKeys []Seed          `json:"signingKeys"`
	Accounts    []AccountBackup `json:"accounts"`
}

// Seed is a secret key.
type Seed struct {
	Seed string `json:"key"`
}

// AccountBackup is all of an account.
type AccountBackup struct {
	Name        string       `json:"name"`
	Key         *Seed        `json:"key,omitempty"`
	Token       string       `json:"token"`
	SigningKeys []Seed       `json:"signingKeys"`
	Users       []UserBackup `json:"users"`
}

// UserBackup is all of a user.
type UserBackup struct {
	Name  string `json:"name"`
	Key   *Seed  `json:"key,omitempty"`
	Token string `json:"token"`
}

// seed is a secret key, or nil if it is not in the store.
func (s *Store) seed(public string) (*Seed, error) {
	pair, err := s.Key(public)
	if errors.Is(err, ErrNoKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seed, err := pair.Seed()
	return &Seed{string(seed)}, err
}

// seeds are the secret keys that are in the store.
func (s *Store) seeds(public []string) ([]Seed, error) {
	list := []Seed{}
	for _, key := range public {
		seed, err := s.seed(key)
		if err != nil {
			return nil, err
		}
		if seed != nil {
			list = append(list, *seed)
		}
	}
	return list, nil
}

// Backup copies all of the operator.
func (o *Operator) Backup() (*Backup, error) {
	b := &Backup{Name: o.Name, Token: o.Token, Accounts: []AccountBackup{}}
	var err error
	if b.Key, err = o.store.seed(o.Claims.Subject); err != nil {
		return nil, err
	}
	if b.SigningKeys, err = o.store.seeds(o.Claims.SigningKeys); err != nil {
		return nil, err
	}
	accounts, err := o.Accounts()
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		kept, err := a.backup()
		if err != nil {
			return nil, err
		}
		b.Accounts = append(b.Accounts, *kept)
	}
	return b, nil
}

func (a *Account) backup() (*AccountBackup, error) {
	s := a.Operator.store
	b := &AccountBackup{Name: a.Name, Token: a.Token, Users: []UserBackup{}}
	var err error
	if b.Key, err = s.seed(a.Claims.Subject); err != nil {
		return nil, err
	}
	if b.SigningKeys, err = s.seeds(a.Claims.SigningKeys.Keys()); err != nil {
		return nil, err
	}
	users, err := a.Users()
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		key, err := s.seed(u.Claims.Subject)
		if err != nil {
			return nil, err
		}
		b.Users = append(b.Users, UserBackup{u.Name, key, u.Token})
	}
	return b, nil
}

// Restore makes an operator again. It reads all of the backup before it writes anything, and writes the operator last, so
// that one that is there is whole.
func (s *Store) Restore(b *Backup) (*Operator, error) {
	claims, err := jwt.DecodeOperatorClaims(b.Token)
	if err != nil {
		return nil, fmt.Errorf("operator %s: %w", b.Name, err)
	}
	if err := checkName("an operator", b.Name); err != nil {
		return nil, err
	}
	if s.exists(s.operatorDir(b.Name)) {
		return nil, fmt.Errorf("operator %s exists", b.Name)
	}
	o := &Operator{store: s, Name: b.Name, Claims: claims, Token: b.Token}
	pairs, files, err := o.read(b)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		if _, err := s.AddKey(pair); err != nil {
			return nil, err
		}
	}
	for path, token := range files {
		if err := s.write(path, []byte(token)); err != nil {
			return nil, err
		}
	}
	return o, o.keep()
}

// read collects the keys of a backup, and where its JWTs belong.
func (o *Operator) read(b *Backup) (pairs []nkeys.KeyPair, files map[string]string, err error) {
	files = map[string]string{}
	add := func(seeds ...Seed) {
		for _, seed := range seeds {
			pair, e := nkeys.FromSeed([]byte(seed.Seed))
			if e != nil {
				err = errors.Join(err, errors.New("a key of the backup is damaged"))
				continue
			}
			pairs = append(pairs, pair)
		}
	}
	one := func(seed *Seed) {
		if seed != nil {
			add(*seed)
		}
	}
	one(b.Key)
	add(b.SigningKeys...)
	for _, a := range b.Accounts {
		one(a.Key)
		add(a.SigningKeys...)
		_, e := jwt.DecodeAccountClaims(a.Token)
		err = errors.Join(err, checkName("an account", a.Name), e)
		account := &Account{Operator: o, Name: a.Name}
		files[account.file()] = a.Token
		for _, u := range a.Users {
			one(u.Key)
			_, e := jwt.DecodeUserClaims(u.Token)
			err = errors.Join(err, checkName("a user", u.Name), e)
			files[account.userFile(u.Name)] = u.Token
		}
	}
	return pairs, files, err
}
