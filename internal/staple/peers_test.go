package staple

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/pki"
)

// notes are what is logged and told.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}
func (n *notes) Warnf(format string, args ...any)  { n.add(format, args...) }
func (n *notes) Errorf(format string, args ...any) { n.add(format, args...) }
func (n *notes) text() string                      { return strings.Join(n.lines, "\n") }

// client is a verified connection of somebody with a certificate of the issuer.
func (i *issuer) client(t *testing.T, addresses string) tls.ConnectionState {
	t.Helper()
	pair, err := i.Issue(pki.Request{Name: "client", Client: true, OCSP: addresses})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	authority, _ := i.Signer()
	return tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}, VerifiedChains: [][]*x509.Certificate{{cert.Leaf, authority}}}
}

var peerRules = PeerRules{Skew: 30 * time.Second, Timeout: 10 * time.Second, Life: time.Hour}

// Who is let in is who a stock server lets in, and what is told of the others is what it tells.
func TestPeers(t *testing.T) {
	stranger, err := pki.New("stranger")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		shows  string
		change func(*issuer, *PeerRules)
		reason string // "" if the client is let in
		logged string
	}{
		{"good", func(*issuer, *PeerRules) {}, "", ""},
		{"revoked", func(i *issuer, _ *PeerRules) { i.status = ocsp.Revoked }, "Invalid OCSP response status: revoked", "with CA status [revoked]"},
		{"unknown", func(i *issuer, _ *PeerRules) { i.status = ocsp.Unknown }, "Invalid OCSP response status: unknown", "with CA status [unknown]"},
		{"unknown is good", func(i *issuer, r *PeerRules) { i.status, r.UnknownIsGood = ocsp.Unknown, true }, "", ""},
		{"a warning only", func(i *issuer, r *PeerRules) { i.status, r.WarnOnly = ocsp.Revoked, true }, "", "but WarnOnly is true so allowing"},
		{"nobody answers", func(i *issuer, _ *PeerRules) { i.refuses = "all" }, "Failed OCSP response fetch", "exhausted OCSP responders"},
		{"nobody need answer", func(i *issuer, r *PeerRules) { i.refuses, r.AllowUnreachable = "all", true }, "", "no cached revocation so allowing"},
		{"too old", func(i *issuer, _ *PeerRules) { i.early = -2 * time.Hour }, "OCSP response not in effectivity window", "but not current"},
		{"ahead a little", func(i *issuer, _ *PeerRules) { i.early = 20 * time.Second }, "", ""},
		{"ahead", func(i *issuer, _ *PeerRules) { i.early = 50 * time.Second }, "OCSP response not in effectivity window", "but not current"},
		{"no end", func(i *issuer, _ *PeerRules) { i.life = 0 }, "", ""},
		{"no end, long ago", func(i *issuer, _ *PeerRules) { i.life, i.early = 0, -2*time.Hour }, "OCSP response not in effectivity window", "but not current"},
		{"signed by another", func(i *issuer, _ *PeerRules) { i.signer = stranger }, "Failed OCSP response parse", "Could not parse"},
	} {
		i, rules, log, told := newIssuer(t), peerRules, new(notes), new(notes)
		c.change(i, &rules)
		p := NewPeers(rules, NewCache(false), i.clock, log)
		p.Invalid = func(link, peer *x509.Certificate, reason string) {
			told.add("%s of %s: %s", link.Subject, peer.Subject, reason)
		}
		p.Refused = func(peer *x509.Certificate, reason string) { told.add("%s: %s", peer.Subject, reason) }
		err, want := p.Check(i.client(t, i.URL)), ""
		if c.reason != "" {
			want = "CN=client of CN=client: " + c.reason + "\nCN=client: client not OCSP valid"
		}
		if (err != nil) != (c.reason != "") || err != nil && !errors.Is(err, ErrNotValid) || told.text() != want {
			t.Errorf("%s: %v, told %q", c.shows, err, told.text())
		}
		if (c.logged == "") != (log.text() == "") || !strings.Contains(log.text(), c.logged) {
			t.Errorf("%s: logged %q", c.shows, log.text())
		}
	}
}

// Certificates that name nobody who could be asked are good; a client with two chains needs one that is.
func TestPeersWithOtherChains(t *testing.T) {
	i := newIssuer(t)
	i.status = ocsp.Revoked
	p := NewPeers(peerRules, nil, i.clock, new(notes))
	bad, silent, odd := i.client(t, i.URL), i.client(t, ""), i.client(t, "ldap://authority")
	for shows, c := range map[string]struct {
		state tls.ConnectionState
		good  bool
	}{"nobody to ask": {silent, true}, "nobody who speaks HTTP": {odd, true}, "revoked": {bad, false}, "no chain": {tls.ConnectionState{}, false}} {
		if err := p.Check(c.state); (err == nil) != c.good {
			t.Errorf("%s: %v", shows, err)
		}
	}
	bad.VerifiedChains = append(bad.VerifiedChains, silent.VerifiedChains[0])
	if err := p.Check(bad); err != nil {
		t.Errorf("a chain that is good does not count: %v", err)
	}
}

// An answer is asked for once, as long as it holds; what is known to be revoked stays so where nobody answers, and for good
// if that is wanted.
func TestCacheOfPeers(t *testing.T) {
	i := newIssuer(t)
	check := func(p *Peers, state tls.ConnectionState, good bool, asked int) {
		t.Helper()
		if err := p.Check(state); (err == nil) != good {
			t.Errorf("%v instead of %v", err, good)
		}
		if len(i.asked) != asked {
			t.Errorf("asked %d times instead of %d", len(i.asked), asked)
		}
	}
	set := func(status int, refuses string) { i.status, i.refuses = status, refuses }
	none, state := NewPeers(peerRules, nil, i.clock, new(notes)), i.client(t, i.URL)
	check(none, state, true, 1)
	check(none, state, true, 2)

	rules := peerRules
	rules.AllowUnreachable = true
	cached, preserved := NewPeers(rules, NewCache(false), i.clock, new(notes)), NewPeers(rules, NewCache(true), i.clock, new(notes))
	i.asked = nil
	check(cached, state, true, 1)
	set(ocsp.Revoked, "")
	check(cached, state, true, 1)
	i.clock.Advance(61 * time.Minute)
	check(cached, state, false, 2)
	check(preserved, state, false, 3)
	check(cached, state, false, 3)
	i.clock.Advance(61 * time.Minute)
	set(ocsp.Good, "all")
	check(cached, state, false, 4)
	check(cached, i.client(t, i.URL), true, 5)
	set(ocsp.Good, "")
	check(cached, state, true, 6)
	check(preserved, state, false, 6)
}

// A cache that is full forgets what is not revoked first.
func TestCacheIsBounded(t *testing.T) {
	c, until := NewCache(false), time.Unix(1000, 0)
	print := func(i int) (p [32]byte) {
		copy(p[:], fmt.Sprint(i))
		return p
	}
	c.keep(print(0), Revoked, until)
	for i := range maxCached + 100 {
		c.keep(print(i+1), Good, until)
	}
	c.keep(print(-1), Unknown, until)
	if len(c.known) != maxCached || !c.revoked(print(0)) {
		t.Errorf("%d known", len(c.known))
	}
}
