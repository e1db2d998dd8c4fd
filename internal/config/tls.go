package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"myelin/internal/vfs"
)

// TLS says how connections are protected. What it names lies in files, which Load reads.
type TLS struct {
	Certificates []KeyPair // of the server; a client gets the first that is valid for the name it asks for
	CAFile       string    // certificates of the authorities that clients are verified with; "" for those of the system
	Verify       bool      // clients have to show a certificate
	MapUsers     bool      // and are the user that it names
	Pinned       []string  // SHA-256 of the public keys that clients may have, in lower-case hex; none for any

	Peers *OCSPPeers // what issuers have to say of the certificates of clients; nil: they are not asked

	MinVersion       uint16        // as in package crypto/tls
	CipherSuites     []uint16      // for TLS 1.2; none for the default
	InsecureSuites   bool          // CipherSuites may hold what is known to be weak
	CurvePreferences []tls.CurveID // none for the default

	Timeout        time.Duration // of a handshake, default 2s
	ConnectionRate int           // handshakes a second; 0 for no limit

	Insecure bool // of who connects: whoever answers is the right one

	HandshakeFirst bool          // the handshake comes before the server's greeting
	FallbackDelay  time.Duration // after which a client that says nothing is greeted all the same; 0 for never
}

// KeyPair names the files of a certificate, which may be followed by those that lead to its authority, and of its private
// key. Both are PEM.
type KeyPair struct{ CertFile, KeyFile string }

const (
	// DefaultTLSTimeout is for how long a handshake may take.
	DefaultTLSTimeout = 2 * time.Second
	// autoFallback is the FallbackDelay of handshake_first: auto.
	autoFallback = 50 * time.Millisecond
	// maxCertificateBytes bounds a file of certificates or keys.
	maxCertificateBytes = 4 << 20
)

func defaultTLS() *TLS { return &TLS{MinVersion: tls.VersionTLS12, Timeout: DefaultTLSTimeout} }

// Load reads the files and makes of all what package crypto/tls wants on the server's side. Pinned, Timeout,
// ConnectionRate and what is about the greeting are left to the listener.
func (t *TLS) Load(fs vfs.FS) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: t.MinVersion, CipherSuites: t.CipherSuites, CurvePreferences: t.CurvePreferences,
	}
	for _, pair := range t.Certificates {
		cert, err := pair.load(fs)
		if err != nil {
			return nil, fmt.Errorf("error parsing X509 certificate/key pair: %w", err)
		}
		c.Certificates = append(c.Certificates, cert)
	}
	if t.CAFile != "" {
		text, err := readCertificates(fs, t.CAFile)
		if err != nil {
			return nil, err
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("failed to parse root ca certificate")
		}
	}
	if t.Verify {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// LoadClient is Load for the side that connects.
func (t *TLS) LoadClient(fs vfs.FS) (*tls.Config, error) {
	c, err := t.Load(fs)
	if err != nil {
		return nil, err
	}
	c.RootCAs, c.ClientCAs, c.ClientAuth, c.InsecureSkipVerify = c.ClientCAs, nil, tls.NoClientCert, t.Insecure
	return c, nil
}

// Authorities are the certificates of CAFile, for whom they may have signed beside clients.
func (t *TLS) Authorities(fs vfs.FS) (list []*x509.Certificate, err error) {
	if t.CAFile == "" {
		return nil, nil
	}
	text, err := readCertificates(fs, t.CAFile)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
	}
	return list, nil
}

func (p *KeyPair) load(fs vfs.FS) (tls.Certificate, error) {
	cert, err := readCertificates(fs, p.CertFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readCertificates(fs, p.KeyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func readCertificates(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCertificateBytes+1))
	if err == nil && len(text) > maxCertificateBytes {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// check says what is wrong with the settings together.
func (t *TLS) check(ps *problems) {
	const key = "tls"
	ps.refuse(len(t.Certificates) == 0, key, "missing 'cert_file' in TLS configuration")
	for _, p := range t.Certificates {
		ps.refuse(p.CertFile == "", key, "missing 'cert_file' in TLS configuration")
		ps.refuse(p.KeyFile == "", key, "missing 'key_file' in TLS configuration")
	}
	if weak := t.weakSuites(); !t.InsecureSuites {
		ps.refuse(len(weak) > 0, key, "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: %s",
			strings.Join(weak, ", "))
	}
	ps.refuse(t.Peers != nil && !t.Verify, key, "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled")
	ps.refuse(len(t.Pinned) > 0 && !t.Verify, key, "'pinned_certs' needs 'verify': clients that are not asked for a certificate show none")
	ps.refuse(t.Timeout < 0, key, "the timeout of TLS handshakes is negative")
	ps.refuse(t.FallbackDelay < 0, key, "the duration of 'handshake_first' is negative")
}

// checkFiles says what is wrong with what the settings name.
func (t *TLS) checkFiles(fs vfs.FS, ps *problems) {
	if _, err := t.Load(fs); err != nil {
		ps.refuse(true, "tls", "%v", err)
	}
}

func (t *TLS) weakSuites() (names []string) {
	for _, suite := range tls.InsecureCipherSuites() {
		if slices.Contains(t.CipherSuites, suite.ID) {
			names = append(names, suite.Name)
		}
	}
	return names
}
