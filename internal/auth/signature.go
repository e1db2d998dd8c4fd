package auth

import (
	"encoding/base64"
	"slices"

	"github.com/nats-io/nkeys"
)

// verifies reports whether signature is a key's of the nonce. A nonce that is none verifies nothing.
func verifies(key nkeys.KeyPair, nonce string, signature []byte) bool {
	return nonce != "" && len(signature) > 0 && key.Verify([]byte(nonce), signature) == nil
}

// Signed reports whether the nonce was signed with the key that has this public half.
func (r *Request) Signed(public string) bool {
	key, err := nkeys.FromPublicKey(public)
	return err == nil && verifies(key, r.Nonce, decodeSignature(r.Signature))
}

// decodeSignature decodes what clients send: base64 for URLs without padding, or standard base64 with it.
// It is nil for anything else.
func decodeSignature(text string) []byte {
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		signature, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil
	}
	return signature
}

// proxy is a trusted proxy.
type proxy struct {
	public string
	key    nkeys.KeyPair
}

// vouchedBy returns the public key of the trusted proxy that signed the nonce; "" for none.
func vouchedBy(trusted []proxy, r *Request) string {
	signature, err := base64.RawURLEncoding.DecodeString(r.ProxySignature)
	if err != nil {
		return ""
	}
	for _, p := range trusted {
		if verifies(p.key, r.Nonce, signature) {
			return p.public
		}
	}
	return ""
}

// ProxyOf returns the public key of the trusted proxy that signed the request's nonce; "" if no proxy is trusted, or the
// request names none.
func (a *Authenticator) ProxyOf(r *Request) (string, error) {
	if len(a.proxies) == 0 || r.ProxySignature == "" {
		return "", nil
	}
	if public := vouchedBy(a.proxies, r); public != "" {
		return public, nil
	}
	return "", refuse(ProxyNotTrusted, r, "")
}

// Trusts reports whether a proxy with that key is trusted.
func (a *Authenticator) Trusts(public string) bool {
	return slices.ContainsFunc(a.proxies, func(p proxy) bool { return p.public == public })
}
