package report

// TLS is how a connection is protected.
type TLS struct {
	Version     string // such as "1.3"
	CipherSuite string
	First       bool              // the handshake came before the server's greeting
	Peers       func() []PeerCert // the certificates that the client showed, its own first; nil: none
}

// PeerCert is one certificate that a client showed. Sums are SHA-256 in lower-case hex.
type PeerCert struct {
	Subject string `json:"subject,omitempty"`
	KeySum  string `json:"spki_sha256,omitempty"` // of its public key
	CertSum string `json:"cert_sha256,omitempty"`
}

// Remembered is the same without a reference to the connection.
func (t *TLS) Remembered() *TLS {
	if t == nil || t.Peers == nil {
		return t
	}
	kept, list := *t, t.Peers()
	kept.Peers = func() []PeerCert { return list }
	return &kept
}

// describe adds what is said of the protection; the certificates of the client are for who asks about users.
func (t *TLS) describe(info *ConnInfo, peers bool) {
	if t == nil {
		return
	}
	info.TLSVersion, info.TLSCipherSuite, info.TLSFirst = t.Version, t.CipherSuite, t.First
	if peers && t.Peers != nil {
		info.TLSPeerCerts = t.Peers()
	}
}
