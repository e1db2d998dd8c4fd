package callout

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/header"
)

// xkeyHeader names the exchange key of the server beside a request that is encrypted.
const xkeyHeader = "Nats-Server-Xkey"

// audience is who requests are for.
const audience = "nats-authorization-request"

// request is what is sent about somebody who is to be the user.
func (a *Asker) request(q *Inquiry, user string, timeout time.Duration) (head, body []byte, err error) {
	r := q.Request
	c := jwt.NewAuthorizationRequestClaims(q.Subject)
	c.Audience, c.Expires = audience, a.opt.Clock.Now().Add(timeout).Unix()
	c.UserNkey, c.Server = user, a.opt.Server()
	if q.XKey != "" {
		c.Server.XKey = a.public
	}
	c.ConnectOptions = jwt.ConnectOptions{
		JWT: string(r.JWT), Nkey: r.NKey, SignedNonce: r.Signature, Token: string(r.Token), Username: r.User, Password: string(r.Password),
	}
	c.ClientInformation = jwt.ClientInformation{User: r.Claims(), NameTag: q.NameTag, Kind: "Client", Type: "nats"}
	if r.Signature != "" {
		c.ClientInformation.Nonce = r.Nonce
	}
	if r.About != nil {
		about := r.About()
		o, i := &c.ConnectOptions, &c.ClientInformation
		o.Name, o.Lang, o.Version, o.Protocol = about.Name, about.Lang, about.Version, about.Protocol
		i.Host, i.ID, i.Name = about.Host, about.CID, about.Name
		c.TLS = describe(about.TLS)
	}
	token, err := c.Encode(a.opt.Key)
	if err != nil || q.XKey == "" {
		return nil, []byte(token), err
	}
	body, err = a.opt.Exchange.Seal([]byte(token), q.XKey)
	return header.AppendEnd(header.AppendField(header.AppendStart(nil), xkeyHeader, a.public)), body, err
}

// describe is how a connection is encrypted, and the certificates that its peer has shown.
func describe(state *tls.ConnectionState) *jwt.ClientTLS {
	if state == nil {
		return nil
	}
	t := &jwt.ClientTLS{
		Version: strings.TrimPrefix(tls.VersionName(state.Version), "TLS "), Cipher: tls.CipherSuiteName(state.CipherSuite),
	}
	if len(state.VerifiedChains) == 0 {
		t.Certs = encode(state.PeerCertificates)
		return t
	}
	for _, chain := range state.VerifiedChains {
		t.VerifiedChains = append(t.VerifiedChains, encode(chain))
	}
	return t
}

func encode(chain []*x509.Certificate) (list jwt.StringList) {
	for _, c := range chain {
		list = append(list, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	return list
}
