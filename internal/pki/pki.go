// Package pki issues certificates: to whoever sets up TLS for the first time, and to tests and benchmarks, so that no
// key has to be kept in the repository.
//
// An Authority signs what it is asked to, also what no honest authority would: certificates that have expired, or that
// name somebody else. Keys are on the curve P-256. Nothing here reads the time or touches files.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority signs certificates.
type Authority struct {
	Pair
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is a certificate and its private key, both in PEM.
type Pair struct {
	Certificate, Key []byte
}

// Request says what a certificate is to hold.
type Request struct {
	Name       string   // common name of the subject
	Hosts      []string // names and IP addresses that it is valid for
	Emails     []string
	Client     bool   // may be shown by a client
	Server     bool   // may be shown by a server
	OCSP       string // URL of who answers for it; "" for none
	MustStaple bool   // a server that shows it must staple such an answer

	From, Until time.Time // zero: from 2000, until 2100
}

var (
	defaultFrom  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	defaultUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	// mustStaple is the TLS feature extension (RFC 7633) that asks for a stapled status.
	mustStaple = pkix.Extension{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05}}
)

// New returns an authority of that name, which nobody trusts yet. It is valid from 2000 until 2100.
func New(name string) (*Authority, error) { return NewBetween(name, defaultFrom, defaultUntil) }

// NewBetween is New with the time in which the authority is valid.
func NewBetween(name string, from, until time.Time) (*Authority, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	a := new(Authority)
	pair, key, err := sign(template, template, nil)
	if err != nil {
		return nil, err
	}
	a.Pair, a.key = *pair, key
	block, _ := pem.Decode(pair.Certificate)
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("parse the authority's certificate: %w", err)
	}
	return a, nil
}

// Open returns the authority that a pair was kept of.
func Open(kept Pair) (*Authority, error) {
	pair, err := kept.TLS()
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("the certificate and the key are not those of an authority of this kind")
	}
	return &Authority{Pair: kept, cert: pair.Leaf, key: key}, nil
}

// Valid says in which time the authority is valid.
func (a *Authority) Valid() (from, until time.Time) { return a.cert.NotBefore, a.cert.NotAfter }

// Issue signs a certificate for a new key.
func (a *Authority) Issue(r Request) (*Pair, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: r.Name}, EmailAddresses: r.Emails,
		NotBefore: r.From, NotAfter: r.Until, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if r.From.IsZero() {
		template.NotBefore = defaultFrom
	}
	if r.Until.IsZero() {
		template.NotAfter = defaultUntil
	}
	if r.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if r.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if r.OCSP != "" {
		template.OCSPServer = []string{r.OCSP}
	}
	if r.MustStaple {
		template.ExtraExtensions = append(template.ExtraExtensions, mustStaple)
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	pair, _, err := sign(template, a.cert, a.key)
	return pair, err
}

// sign makes a key and a certificate for it; without an issuer's key it signs itself.
func sign(template, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*Pair, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	if issuerKey == nil {
		issuerKey = key
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, fmt.Errorf("choose a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a key: %w", err)
	}
	return &Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, key, nil
}

// Pool trusts the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Signer is the authority's certificate and key, for what else it may sign.
func (a *Authority) Signer() (*x509.Certificate, *ecdsa.PrivateKey) { return a.cert, a.key }

// TLS is the pair as package crypto/tls wants it.
func (p *Pair) TLS() (tls.Certificate, error) { return tls.X509KeyPair(p.Certificate, p.Key) }
