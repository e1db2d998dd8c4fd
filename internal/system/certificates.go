package system

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
)

// certificate is one in an event.
type certificate struct {
	Subject     string `json:"subject,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"` // SHA-256
	Raw         string `json:"raw,omitempty"`
}

func certificateOf(c *x509.Certificate) certificate {
	print := sha256.Sum256(c.Raw)
	return certificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		Fingerprint: base64.StdEncoding.EncodeToString(print[:]), Raw: base64.StdEncoding.EncodeToString(c.Raw),
	}
}

type linkInvalid struct {
	event
	Link   certificate `json:"link"`
	Peer   certificate `json:"peer"`
	Reason string      `json:"reason"`
}

type peerRefused struct {
	event
	Kind   string      `json:"kind"`
	Peer   certificate `json:"peer"`
	Reason string      `json:"reason"`
}

// CertificateInvalid tells that a certificate of a client, or of one that leads to its authority, does not count as good.
func (g *Guest) CertificateInvalid(link, peer *x509.Certificate, reason string) {
	g.tell("$SYS.SERVER."+g.opt.Server.ID+".OCSP.PEER.LINK.INVALID", func() any {
		return &linkInvalid{event: g.event("ocsp_peer_link_invalid"), Link: certificateOf(link), Peer: certificateOf(peer), Reason: reason}
	})
}

// CertificateRefused tells that a client is not let in for its certificate.
func (g *Guest) CertificateRefused(peer *x509.Certificate, reason string) {
	g.tell("$SYS.SERVER."+g.opt.Server.ID+".OCSP.PEER.CONN.REJECT", func() any {
		return &peerRefused{event: g.event("ocsp_peer_reject"), Kind: "Client", Peer: certificateOf(peer), Reason: reason}
	})
}
