package nscstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"
)

// ErrNoKey is what errors about a secret key that is not in the store wrap.
var ErrNoKey = errors.New("its secret key is not in the store")

func (s *Store) keyFile(public string) (string, error) {
	if !nkeys.IsValidPublicKey(public) {
		return "", fmt.Errorf("%q is no public key", public)
	}
	return filepath.Join(s.dir, "keys", "keys", public[:1], public[1:3], public+".nk"), nil
}

// NewKey makes a key, keeps it, and returns its public part.
func (s *Store) NewKey(kind nkeys.PrefixByte) (string, error) {
	pair, err := nkeys.CreatePair(kind)
	if err != nil {
		return "", err
	}
	return s.AddKey(pair)
}

// AddKey keeps a key, of which it returns the public part.
func (s *Store) AddKey(pair nkeys.KeyPair) (string, error) {
	public, err := pair.PublicKey()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", fmt.Errorf("key %s: %w", public, err)
	}
	file, err := s.keyFile(public)
	if err != nil {
		return "", err
	}
	if err := s.ignore(); err != nil {
		return "", err
	}
	return public, s.write(file, seed)
}

// ignore keeps secrets out of a repository that the folder may be part of.
func (s *Store) ignore() error {
	file := filepath.Join(s.dir, "keys", ".gitignore")
	if s.exists(file) {
		return nil
	}
	return s.write(file, []byte("# ignore all nk files\n**/*.nk\n\n# ignore all creds files\n**/*.creds\n"))
}

// Key returns the pair of a public key, of which the secret part has to be there.
func (s *Store) Key(public string) (nkeys.KeyPair, error) {
	file, err := s.keyFile(public)
	if err != nil {
		return nil, err
	}
	seed, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key %s: %w", public, ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	return nkeys.ParseDecoratedNKey(seed)
}

// HasKey reports whether the secret part of a key is there.
func (s *Store) HasKey(public string) bool {
	file, err := s.keyFile(public)
	return err == nil && s.exists(file)
}

// RemoveKey forgets a key; that it is not there is no error.
func (s *Store) RemoveKey(public string) error {
	file, err := s.keyFile(public)
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// firstKey is the first of these public keys whose secret part is there.
func (s *Store) firstKey(of string, candidates ...string) (nkeys.KeyPair, error) {
	for _, public := range candidates {
		if s.HasKey(public) {
			return s.Key(public)
		}
	}
	return nil, fmt.Errorf("%s cannot sign: none of its secret keys is in the store", of)
}
