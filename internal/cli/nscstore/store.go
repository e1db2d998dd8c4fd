// Package nscstore keeps operators, accounts and users: their JWTs and the secret keys that belong to them.
//
// The folder has the layout of nsc and of the nats tool, so that all of them can work on one:
//
//	stores/<operator>/.nsc                                    what the folder is
//	stores/<operator>/<operator>.jwt
//	stores/<operator>/accounts/<account>/<account>.jwt
//	stores/<operator>/accounts/<account>/users/<user>.jwt
//	keys/keys/<kind>/<two letters>/<public key>.nk            the seed
//
// Files are for their owner only. A JWT is replaced in one step, and never written unless it is valid. The package keeps no
// state: what it hands out is a copy, which is saved or forgotten. Two processes that change the same JWT at once are not
// kept apart, the later one wins.
package nscstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// SystemAccount is the name of the account that a new operator gets for its servers.
const SystemAccount = "SYSTEM"

// ErrNotFound is what errors about something that is not there wrap.
var ErrNotFound = errors.New("not found")

// Store is a folder.
type Store struct {
	dir string
}

// New returns the store in a folder, which need not exist.
func New(dir string) *Store { return &Store{dir: dir} }

// checkName refuses names that cannot be those of files, or lead elsewhere.
func checkName(kind, name string) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) }
	if name == "" || len(name) > 200 || strings.HasPrefix(name, ".") || strings.TrimSpace(name) != name || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q cannot be the name of %s", name, kind)
	}
	return nil
}

func (s *Store) operatorDir(operator string) string { return filepath.Join(s.dir, "stores", operator) }

func (s *Store) operatorFile(operator string) string {
	return filepath.Join(s.operatorDir(operator), operator+".jwt")
}

// list returns the names in a folder, which need not exist.
func (s *Store) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// read returns a JWT; a file that is absent is ErrNotFound.
func (s *Store) read(path, what string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	return jwt.ParseDecoratedJWT(data)
}

// write replaces a file in one step. It is for its owner only, and so is its folder.
func (s *Store) write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		os.Remove(next.Name())
	}
	return err
}

// exists reports whether there is a file or folder.
func (s *Store) exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Operators are the names of the operators.
func (s *Store) Operators() ([]string, error) {
	names, err := s.list(filepath.Join(s.dir, "stores"))
	var found []string
	for _, name := range names {
		if s.exists(s.operatorFile(name)) {
			found = append(found, name)
		}
	}
	return found, err
}

// Operator reads an operator.
func (s *Store) Operator(name string) (*Operator, error) {
	if err := checkName("an operator", name); err != nil {
		return nil, err
	}
	token, err := s.read(s.operatorFile(name), "operator "+name)
	if err != nil {
		return nil, err
	}
	claims, err := jwt.DecodeOperatorClaims(token)
	if err != nil {
		return nil, fmt.Errorf("operator %s: %w", name, err)
	}
	return &Operator{store: s, Name: name, Claims: claims, Token: token}, nil
}

// NewOperator makes an operator with a key. It is not saved.
func (s *Store) NewOperator(name string) (*Operator, error) {
	if err := checkName("an operator", name); err != nil {
		return nil, err
	}
	if s.exists(s.operatorDir(name)) {
		return nil, fmt.Errorf("operator %s exists", name)
	}
	key, err := s.NewKey(nkeys.PrefixByteOperator)
	if err != nil {
		return nil, err
	}
	claims := jwt.NewOperatorClaims(key)
	claims.Name = name
	return &Operator{store: s, Name: name, Claims: claims}, nil
}

// Import takes over an operator, as its JWT describes it.
func (s *Store) Import(token string) (*Operator, error) {
	claims, err := jwt.DecodeOperatorClaims(token)
	if err != nil {
		return nil, err
	}
	name := claims.Name
	if err := checkName("an operator", name); err != nil {
		return nil, err
	}
	if s.exists(s.operatorDir(name)) {
		return nil, fmt.Errorf("operator %s exists", name)
	}
	o := &Operator{store: s, Name: name, Claims: claims, Token: token}
	return o, o.keep()
}

// folder is what the file .nsc says.
type folder struct {
	Managed bool   `json:"managed"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

// keep writes the JWT of an operator, and what the folder is.
func (o *Operator) keep() error {
	about, err := json.Marshal(folder{Name: o.Name, Kind: "operator", Version: "1"})
	if err != nil {
		return err
	}
	if marker := filepath.Join(o.store.operatorDir(o.Name), ".nsc"); !o.store.exists(marker) {
		if err := o.store.write(marker, about); err != nil {
			return err
		}
	}
	return o.store.write(o.store.operatorFile(o.Name), []byte(o.Token))
}
