package cli

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// chainReport shows the certificates that a server presents.
type chainReport struct {
	*client
	warnBefore time.Duration
	pem        bool
	json       bool
}

func newAccountTLS(c *client) *cobra.Command {
	r := &chainReport{client: c, warnBefore: week}
	cmd := &cobra.Command{
		Use:   "tls",
		Short: "Show the certificates that the server presents",
		Args:  arguments(0, 0),
		RunE:  func(*cobra.Command, []string) error { return r.run() },
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.Var(durationFlag{&r.warnBefore}, "expire-warn", "warn about certificates that expire within this time; 0 for none")
	onOff(flags, &r.pem, "pem", "show the certificates as PEM blocks, too")
	flags.BoolVarP(&r.json, "json", "j", false, "print JSON")
	return cmd
}

// shownCert is a certificate of the chain.
type shownCert struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	Serial   string    `json:"serial"`
	Names    []string  `json:"names,omitempty"`
	From     time.Time `json:"valid_from"`
	Until    time.Time `json:"valid_until"`
	Key      string    `json:"public_key"`
	CA       bool      `json:"is_ca"`
	Expiring bool      `json:"expires_soon"`
	PEM      string    `json:"pem,omitempty"`
}

func (r *chainReport) run() error {
	nc, err := r.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	state, err := nc.TLSConnectionState()
	if err != nil {
		return errors.New("the connection is not encrypted")
	}
	var chain []shownCert
	for _, cert := range state.PeerCertificates {
		chain = append(chain, r.show(cert))
	}
	if !r.json {
		r.con.printf("%s, verified: %v\n\n", tlsText(&state), len(state.VerifiedChains) > 0)
	}
	return r.print(chain)
}

func (r *chainReport) print(chain []shownCert) error {
	if r.json {
		return r.con.jsonIndented(chain)
	}
	for i, c := range chain {
		if i > 0 {
			r.con.printf("\n")
		}
		r.con.printf("%s%s", c.sheet(), c.PEM)
		if c.Expiring {
			r.con.logf("WARNING: the certificate of %s expires at %s", c.Subject, c.Until.Local().Format(stamp))
		}
	}
	return nil
}

func (r *chainReport) show(cert *x509.Certificate) shownCert {
	c := shownCert{
		Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Serial: cert.SerialNumber.String(), Names: names(cert),
		From: cert.NotBefore, Until: cert.NotAfter, Key: cert.PublicKeyAlgorithm.String(), CA: cert.IsCA,
		Expiring: r.warnBefore > 0 && time.Until(cert.NotAfter) < r.warnBefore,
	}
	if r.pem {
		c.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return c
}

// names are the hosts, addresses and URIs that a certificate speaks for.
func names(cert *x509.Certificate) []string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, net.IP.String(ip))
	}
	for _, uri := range cert.URIs {
		all = append(all, uri.String())
	}
	return append(all, cert.EmailAddresses...)
}

func (c *shownCert) sheet() *sheet {
	s := &sheet{}
	s.row("Subject", c.Subject)
	s.row("Issuer", c.Issuer)
	s.row("Serial", c.Serial)
	rowUnless(s, "Names", strings.Join(c.Names, ", "))
	s.row("Valid From", c.From.Local().Format(stamp))
	s.row("Valid Until", c.Until.Local().Format(stamp))
	s.row("Public Key", c.Key)
	s.row("Is CA", c.CA)
	return s
}

// tlsText says how a connection is encrypted.
func tlsText(state *tls.ConnectionState) string {
	return tls.VersionName(state.Version) + " using " + tls.CipherSuiteName(state.CipherSuite)
}
