package nats

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"myelin/internal/nats/wire"
	"myelin/internal/report"
)

// TLS says how a Listener protects its connections.
type TLS struct {
	Config   *tls.Config   // with the server's certificates
	Optional bool          // clients may do without
	First    bool          // the handshake comes before the greeting
	Fallback time.Duration // after which a client that says nothing is greeted all the same; 0: never
	Timeout  time.Duration // for a handshake
	Rate     int           // handshakes a second; 0: no limit
	Pinned   []string      // SHA-256 of the public keys that clients may have, in lower-case hex; none: any

	// Check is asked in the middle of a handshake whether a client may come that has shown what was asked for; nil: yes. It may
	// take as long as a handshake may.
	Check func(tls.ConnectionState) error
}

// SetTLS protects the connections that come from now on; nil leaves them as they are. Those that are there stay.
func (l *Listener) SetTLS(t *TLS) {
	if t != nil && (len(t.Pinned) > 0 || t.Check != nil) {
		checked := *t
		checked.Config = t.Config.Clone()
		checked.Config.VerifyConnection = checked.verify
		t = &checked
	}
	l.tls.Store(t)
}

// notPinned says that a client has another key than it may have: the SHA-256 of it, "" for none.
type notPinned string

func (notPinned) Error() string { return "certificate not pinned" }

// verify is called in the middle of a handshake, so that the peer is told.
func (t *TLS) verify(state tls.ConnectionState) error {
	if len(t.Pinned) > 0 {
		if err := t.verifyPin(state); err != nil {
			return err
		}
	}
	if t.Check != nil {
		return t.Check(state)
	}
	return nil
}

func (t *TLS) verifyPin(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return notPinned("")
	}
	if key := keySum(state.PeerCertificates[0]); !slices.Contains(t.Pinned, key) {
		return notPinned(key)
	}
	return nil
}

// protect does the handshake of a new connection, or leaves that to its first input where clients may do without. It reports
// false if the connection has ended.
func (c *Conn) protect(t *TLS) bool {
	switch {
	case t == nil:
		return true
	case t.First && !c.keepsSilent(t.Fallback):
		if !c.handshake(t, true) {
			return false
		}
		c.tell(c.greeting())
		return true
	case t.First:
		c.tell(c.greeting())
	}
	if t.Optional {
		c.optional = t
		return true
	}
	return c.handshake(t, false)
}

// keepsSilent waits whether the peer begins; 0 is for ever.
func (c *Conn) keepsSilent(patience time.Duration) bool {
	if patience == 0 || c.net.SetReadDeadline(c.clock().Now().Add(patience)) != nil {
		return false
	}
	_, err := c.net.Peek()
	silent := errors.Is(err, os.ErrDeadlineExceeded)
	// If the deadline cannot be lifted, the next read says what is wrong.
	_ = c.net.SetReadDeadline(time.Time{})
	if c.flags.has(closed) {
		c.interrupt() // again, since that has been lifted too
	}
	return silent
}

// detect does the handshake where clients may do without, if that is what the first input begins with. It reports false if
// the connection has ended.
func (c *Conn) detect() bool {
	const handshakeRecord = 0x16 // no operation begins like that
	t, input := c.optional, c.in.chunk.B
	c.optional = nil
	if input[0] != handshakeRecord {
		return true
	}
	c.net.Unread(input)
	c.in.chunk.B = input[:0]
	c.keep.stop()
	c.ignore()
	ok := c.handshake(t, false)
	c.keep.start(c)
	c.attend()
	return ok
}

// handshake protects the connection from now on, or ends it and reports false.
func (c *Conn) handshake(t *TLS, first bool) bool {
	if !c.l.rate.admit(t.Rate, c.clock(), c.l.opt.Log) {
		if c.decide(MaxConnections) { // the log tells the sum only
			c.respond(wire.AppendError(nil, textThrottled))
			c.flush()
		}
		return false
	}
	c.debugf("Starting TLS client connection handshake")
	err := c.shake(t)
	if err != nil {
		c.noHandshake(err)
		return false
	}
	state, _ := c.net.TLS()
	s := &secured{
		version: strings.TrimPrefix(tls.VersionName(state.Version), "TLS "), suite: tls.CipherSuiteName(state.CipherSuite),
		first: first, peers: state.PeerCertificates,
	}
	c.secured.Store(s)
	c.debugf("TLS handshake complete")
	c.debugf("TLS version %s, cipher suite %s", s.version, s.suite)
	return true
}

// errEnding says that the connection was closed meanwhile.
var errEnding = errors.New("the connection ends")

// shake makes the connection its own until the handshake is over.
func (c *Conn) shake(t *TLS) error {
	if !c.settled(t.Timeout) {
		return os.ErrDeadlineExceeded
	}
	if err := c.net.SetDeadline(c.clock().Now().Add(t.Timeout)); err != nil {
		return err
	}
	// Whoever closes the connection marks it before it interrupts the read.
	if c.flags.has(closed) {
		return errEnding
	}
	if err := c.net.StartTLS(t.Config); err != nil {
		return err
	}
	if err := c.net.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if c.flags.has(closed) {
		return errEnding
	}
	return nil
}

// noHandshake ends the connection and says in the log why. That somebody does not speak TLS, or nothing at all, is for who
// looks for it.
func (c *Conn) noHandshake(err error) {
	if !c.decide(TLSHandshake) {
		return
	}
	var (
		noTLS   tls.RecordHeaderError
		invalid *tls.CertificateVerificationError
		other   notPinned
	)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.debugf("TLS handshake error: %v", err)
		c.debugf("TLS handshake timeout")
	case errors.As(err, &noTLS):
		c.debugf("TLS handshake error: %v", err)
	case errors.As(err, &invalid):
		c.l.opt.PeerLog.Errorf("%s - TLS handshake error: %v (%s)", c, err, nameCertificates(invalid.UnverifiedCertificates))
	default:
		if errors.As(err, &other) {
			c.debugf("Failed pinned cert test for key id: %s", string(other))
		}
		c.l.opt.PeerLog.Errorf("%s - TLS handshake error: %v", c, err)
	}
}

// nameCertificates says for the log which certificates are meant.
func nameCertificates(chain []*x509.Certificate) string {
	const most = 5
	names := make([]string, 0, most)
	for _, cert := range chain[:min(len(chain), most)] {
		names = append(names, strings.Map(printable, cert.Subject.String())+" SHA-256: "+hexSum(cert.Raw))
	}
	return strings.Join(names, "; ")
}

// printable keeps a name that anybody may have made up in its line of the log.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// secured is what is remembered of a handshake.
type secured struct {
	version, suite string
	first          bool                // it came before the greeting
	peers          []*x509.Certificate // that the client showed, its own first
}

// describe is what the monitoring pages show.
func (s *secured) describe() *report.TLS {
	if s == nil {
		return nil
	}
	t := &report.TLS{Version: s.version, CipherSuite: s.suite, First: s.first}
	if len(s.peers) > 0 {
		t.Peers = s.describePeers
	}
	return t
}

func (s *secured) describePeers() []report.PeerCert {
	list := make([]report.PeerCert, len(s.peers))
	for i, cert := range s.peers {
		list[i] = report.PeerCert{Subject: cert.Subject.String(), KeySum: keySum(cert), CertSum: hexSum(cert.Raw)}
	}
	return list
}

// keySum is the SHA-256 of a certificate's public key in its DER form, in lower-case hex.
func keySum(cert *x509.Certificate) string { return hexSum(cert.RawSubjectPublicKeyInfo) }

func hexSum(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
