package auth

import (
	"encoding/base64"

	"github.com/nats-io/nkeys"
)

// verifies reports whether signature is a key's of the nonce. A nonce that is none verifies nothing.
func verifies(key nkeys.KeyPair, nonce string, signature []byte) bool {
	return nonce != "" && len(signature) > 0 && key.Verify([]byte(nonce), signature) == nil
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
