package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// The references to secrets that a context may hold instead of a file name.
const (
	schemeFile = "file://"
	schemeEnv  = "env://"        // env://NAME
	schemeNSC  = "nsc://"        // nsc://operator/account/user, from the nsc tool
	schemeOp   = "op://"         // op://vault/item/field, from the 1Password tool
	schemeData = "data:;base64," // the secret itself
)

// secret returns what a reference points to; anything without a known scheme is the name of a file.
func secret(ref string, getenv func(string) string) ([]byte, error) {
	if data, known, err := resolve(ref, getenv); known {
		return data, err
	}
	return os.ReadFile(ref)
}

// literal returns what a reference points to; anything without a known scheme is the secret itself.
func literal(ref string, getenv func(string) string) (string, error) {
	data, known, err := resolve(ref, getenv)
	if !known {
		return ref, nil
	}
	return strings.TrimSpace(string(data)), err
}

// resolve follows a reference that has a scheme.
func resolve(ref string, getenv func(string) string) (data []byte, known bool, err error) {
	if name, ok := strings.CutPrefix(ref, schemeFile); ok {
		data, err = os.ReadFile(name)
		return data, true, err
	}
	if name, ok := strings.CutPrefix(ref, schemeEnv); ok {
		if value := getenv(name); value != "" {
			return []byte(value), true, nil
		}
		return nil, true, fmt.Errorf("environment variable %s is not set", name)
	}
	if encoded, ok := strings.CutPrefix(ref, schemeData); ok {
		data, err = base64.StdEncoding.DecodeString(encoded)
		return data, true, err
	}
	if strings.HasPrefix(ref, schemeOp) {
		data, err = output("op", "read", ref)
		return data, true, err
	}
	if strings.HasPrefix(ref, schemeNSC) {
		profile, err := nscProfile(ref)
		if err != nil {
			return nil, true, err
		}
		data, err = os.ReadFile(profile.Creds)
		return data, true, err
	}
	return nil, false, nil
}

// profile is what the nsc tool knows of a user.
type profile struct {
	Creds    string `json:"user_creds"`
	Operator struct {
		Service []string `json:"service"`
	} `json:"operator"`
}

// nscProfile asks the nsc tool for the user that ref names.
func nscProfile(ref string) (profile, error) {
	data, err := output("nsc", "generate", "profile", ref)
	if err != nil {
		return profile{}, err
	}
	var p profile
	if err := json.Unmarshal(data, &p); err != nil {
		return profile{}, fmt.Errorf("read the answer of nsc: %w", err)
	}
	return p, nil
}

// output runs a program and returns what it prints.
func output(name string, args ...string) ([]byte, error) {
	data, err := exec.Command(name, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(exit.Stderr))
	}
	return data, err
}

// authOption says who connects, or returns nil when the settings do not. When they hold several identities, the
// first of user, creds, nkey, jwt and token counts.
func (s *settings) authOption(getenv func(string) string) (nats.Option, error) {
	switch {
	case s.User != "":
		return s.userOption(getenv)
	case s.Creds != "":
		data, err := secret(s.Creds, getenv)
		if err != nil {
			return nil, fmt.Errorf("creds: %w", err)
		}
		return nats.UserCredentialBytes(data), nil
	case s.NKey != "":
		return nkeyOption(s.NKey, getenv)
	case s.UserJWT != "":
		jwt, err := literal(s.UserJWT, getenv)
		if err != nil {
			return nil, fmt.Errorf("jwt: %w", err)
		}
		seed, err := literal(s.UserSeed, getenv)
		if err != nil {
			return nil, fmt.Errorf("seed: %w", err)
		}
		return nats.UserJWTAndSeed(jwt, seed), nil
	case s.Token != "":
		token, err := literal(s.Token, getenv)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		return nats.Token(token), nil
	}
	return nil, nil
}

// userOption is a user with a password. A user without one is a token, which is how the nats tool takes it.
func (s *settings) userOption(getenv func(string) string) (nats.Option, error) {
	password, err := literal(s.Password, getenv)
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	if password == "" {
		return nats.Token(s.User), nil
	}
	return nats.UserInfo(s.User, password), nil
}

// nkeyOption signs the server's challenge with a seed.
func nkeyOption(ref string, getenv func(string) string) (nats.Option, error) {
	data, err := secret(ref, getenv)
	if err != nil {
		return nil, fmt.Errorf("nkey: %w", err)
	}
	pair, err := nkeys.ParseDecoratedNKey(data)
	if err != nil {
		return nil, fmt.Errorf("nkey %s: %w", ref, err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("nkey %s: %w", ref, err)
	}
	return nats.Nkey(public, pair.Sign), nil
}

// tlsOptions are the certificates to show and to trust.
func (s *settings) tlsOptions() ([]nats.Option, error) {
	var opts []nats.Option
	if (s.Cert == "") != (s.Key == "") {
		return nil, errors.New("a TLS client certificate needs both --tlscert and --tlskey")
	}
	if s.Cert != "" {
		opts = append(opts, nats.ClientCert(strings.TrimPrefix(s.Cert, schemeFile), strings.TrimPrefix(s.Key, schemeFile)))
	}
	if s.CA != "" {
		opts = append(opts, nats.RootCAs(strings.TrimPrefix(s.CA, schemeFile)))
	}
	if s.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}
