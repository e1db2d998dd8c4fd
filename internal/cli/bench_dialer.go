package cli

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nkeys"

	"myelin/internal/loadgen"
)

// dialer is for the load generator what connect is for the other commands. All clients go to the first server of
// the list: several servers would be several measurements.
func (c *client) dialer() (loadgen.Dialer, error) {
	s, err := c.settings()
	if err != nil {
		return loadgen.Dialer{}, err
	}
	first, _, _ := strings.Cut(s.servers(), ",")
	if !strings.Contains(first, "://") {
		first = "nats://" + first
	}
	u, err := url.Parse(strings.TrimSpace(first))
	if err != nil {
		return loadgen.Dialer{}, errors.New("invalid server URL")
	}
	d := loadgen.Dialer{
		Addr: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultClientPort)),
		Name: c.connectionName(),
	}
	if password, ok := u.User.Password(); ok {
		d.User, d.Password = u.User.Username(), password
	} else {
		d.Token = u.User.Username()
	}
	if d.TLS, err = s.tlsConfig(u); err != nil {
		return loadgen.Dialer{}, err
	}
	return d, s.identify(&d, c.con.getenv)
}

// tlsConfig is nil when neither the URL nor the settings ask for TLS.
func (s *settings) tlsConfig(u *url.URL) (*tls.Config, error) {
	if s.TLSFirst {
		return nil, errors.New("bench does not support --tlsfirst")
	}
	if u.Scheme != "tls" && s.Cert == "" && s.CA == "" {
		return nil, nil
	}
	config := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if s.Cert != "" || s.Key != "" {
		pair, err := tls.LoadX509KeyPair(strings.TrimPrefix(s.Cert, schemeFile), strings.TrimPrefix(s.Key, schemeFile))
		if err != nil {
			return nil, fmt.Errorf("TLS client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if s.CA != "" {
		authorities, err := os.ReadFile(strings.TrimPrefix(s.CA, schemeFile))
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("%s holds no certificate", s.CA)
		}
	}
	return config, nil
}

// identify has d log in with the identity that the settings hold, chosen as authOption chooses it.
func (s *settings) identify(d *loadgen.Dialer, getenv func(string) string) (err error) {
	switch {
	case s.User != "":
		if d.Password, err = literal(s.Password, getenv); err == nil && d.Password == "" {
			d.Token = s.User
		} else {
			d.User = s.User
		}
	case s.Creds != "":
		var data []byte
		if data, err = secret(s.Creds, getenv); err != nil {
			return fmt.Errorf("creds: %w", err)
		}
		if d.JWT, err = nkeys.ParseDecoratedJWT(data); err == nil {
			err = signWith(d, data)
		}
	case s.NKey != "":
		var data []byte
		if data, err = secret(s.NKey, getenv); err != nil {
			return fmt.Errorf("nkey: %w", err)
		}
		err = signWith(d, data)
	case s.UserJWT != "":
		var seed string
		if d.JWT, err = literal(s.UserJWT, getenv); err != nil {
			return fmt.Errorf("jwt: %w", err)
		}
		if seed, err = literal(s.UserSeed, getenv); err == nil {
			err = signWith(d, []byte(seed))
		}
	case s.Token != "":
		d.Token, err = literal(s.Token, getenv)
	}
	return err
}

// signWith has d answer the server's challenge with a seed; a bare one also says who connects.
func signWith(d *loadgen.Dialer, seed []byte) error {
	pair, err := nkeys.ParseDecoratedNKey(bytes.TrimSpace(seed))
	if err != nil {
		return fmt.Errorf("read the seed: %w", err)
	}
	d.Sign = pair.Sign
	if d.JWT == "" {
		d.NKey, err = pair.PublicKey()
	}
	return err
}
