package staple

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/clock"
)

// PeerRules say which certificates of peers count as good.
type PeerRules struct {
	Skew    time.Duration // by which clocks of responders may differ
	Timeout time.Duration // of a question
	Life    time.Duration // of an answer that does not say until when it holds

	WarnOnly         bool // what is not good counts as good, and is logged
	UnknownIsGood    bool
	AllowUnreachable bool // so does one that nobody answers for, unless it is known to be revoked
}

// Logger is told what an operator should know.
type Logger interface {
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
}

// ErrNotValid says that a peer has no chain of certificates that are all good.
var ErrNotValid = errors.New("client not OCSP valid")

// Peers asks about the certificates of peers. It may be used by many at a time.
type Peers struct {
	rules  PeerRules
	cache  *Cache // nil for none
	clock  clock.Clock
	log    Logger
	client http.Client

	// Invalid is told of a certificate that does not count as good, of whose it is, and why; Refused of a peer that is not
	// let in. They must not block.
	Invalid func(link, peer *x509.Certificate, reason string)
	Refused func(peer *x509.Certificate, reason string)
}

// NewPeers returns one without functions to tell.
func NewPeers(rules PeerRules, cache *Cache, clk clock.Clock, log Logger) *Peers {
	p := &Peers{rules: rules, cache: cache, clock: clk, log: log}
	p.client = http.Client{Transport: newTransport()}
	p.Invalid, p.Refused = func(_, _ *x509.Certificate, _ string) {}, func(*x509.Certificate, string) {}
	return p
}

// Check is the VerifyConnection of a tls.Config: it returns nil or ErrNotValid. In one of the chains by which the peer was
// verified, each certificate that names who answers for it has to be good. It may take as long as the rules say for each.
func (p *Peers) Check(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		if p.goodChain(chain) {
			return nil
		}
	}
	if len(state.PeerCertificates) > 0 {
		p.Refused(state.PeerCertificates[0], ErrNotValid.Error())
	}
	return ErrNotValid
}

func (p *Peers) goodChain(chain []*x509.Certificate) bool {
	for i, link := range chain[:max(len(chain)-1, 0)] {
		addresses := webAddresses(link.OCSPServer)
		if len(addresses) == 0 {
			continue
		}
		if reason := p.fault(link, chain[i+1], addresses); reason != "" {
			p.Invalid(link, chain[0], reason)
			return false
		}
	}
	return true
}

// webAddresses are those that can be asked.
func webAddresses(all []string) (addresses []string) {
	for _, text := range all {
		if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			addresses = append(addresses, text)
		}
	}
	return addresses
}

// fault says why a certificate does not count as good; "" if it does.
func (p *Peers) fault(link, issuer *x509.Certificate, addresses []string) string {
	name := link.Subject.String()
	print := sha256.Sum256(link.Raw)
	if status, ok := p.cache.current(print, p.clock.Now().Add(-p.rules.Skew)); ok {
		return p.judge(name, status)
	}
	der, err := p.ask(link, issuer, addresses)
	if err != nil {
		p.log.Warnf("Attempt to obtain OCSP response from CA responder for [%s] failed: %v", name, err)
		return p.unreachable(name, print)
	}
	answer, err := ocsp.ParseResponseForCert(der, link, issuer)
	if err != nil {
		p.log.Errorf("Could not parse OCSP CA response for [%s]: %v", name, err)
		return p.lenient(name, "Failed OCSP response parse")
	}
	until, ok := p.holds(answer)
	if !ok {
		p.log.Warnf("New OCSP CA response obtained for [%s] but not current", name)
		return p.lenient(name, "OCSP response not in effectivity window")
	}
	status := statusOf(answer)
	p.cache.keep(print, status, until)
	return p.judge(name, status)
}

// holds reports whether an answer is of now, and until when it is good.
func (p *Peers) holds(a *ocsp.Response) (until time.Time, ok bool) {
	now := p.clock.Now()
	until = a.NextUpdate
	if until.IsZero() {
		until = a.ThisUpdate.Add(p.rules.Life)
	}
	return until, !a.ThisUpdate.After(now.Add(p.rules.Skew)) && !until.Before(now.Add(-p.rules.Skew))
}

func (p *Peers) judge(name string, status Status) string {
	if status == Good || status == Unknown && p.rules.UnknownIsGood {
		return ""
	}
	p.log.Warnf("OCSP verify fail for [%s] with CA status [%s]", name, status)
	return p.lenient(name, fmt.Sprintf("Invalid OCSP response status: %s", status))
}

// unreachable judges a certificate that nobody answers for.
func (p *Peers) unreachable(name string, print [sha256.Size]byte) string {
	switch {
	case !p.rules.AllowUnreachable:
		return p.lenient(name, "Failed OCSP response fetch")
	case p.cache.revoked(print):
		return p.judge(name, Revoked)
	default:
		p.log.Warnf("Failed to obtain OCSP CA response for [%s] but AllowWhenCAUnreachable set; no cached revocation so allowing", name)
		return ""
	}
}

func (p *Peers) lenient(name, reason string) string {
	if !p.rules.WarnOnly {
		return reason
	}
	p.log.Warnf("OCSP verify fail for [%s] but WarnOnly is true so allowing", name)
	return ""
}

// ask asks one address after the other until there is an answer.
func (p *Peers) ask(link, issuer *x509.Certificate, addresses []string) ([]byte, error) {
	question, err := ocsp.CreateRequest(link, issuer, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.rules.Timeout)
	defer cancel()
	for _, address := range addresses {
		var der []byte
		if der, err = p.get(ctx, address, question); err == nil {
			return der, nil
		}
	}
	return nil, fmt.Errorf("exhausted OCSP responders: %w", err)
}

func (p *Peers) get(ctx context.Context, address string, question []byte) ([]byte, error) {
	request, err := getRequest(ctx, address, question)
	if err != nil {
		return nil, err
	}
	return fetch(&p.client, request)
}
