package config

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// tlsKeys say how clients are protected. No value of tls switches it off: an empty block asks for TLS.
var tlsKeys = []key[Config]{
	{"tls", nil, decodeTLS},
	{"allow_non_tls", nil, boolean(func(c *Config) *bool { return &c.AllowNonTLS })},
}

func decodeTLS(d *decoder, c *Config, f *Field) {
	if t := d.tlsOf(f); t != nil {
		t.Insecure = false // that is about servers that one connects to
		c.TLS, c.Auth.MapCertificates = t, t.MapUsers
	}
}

// tlsSettings is what is decoded of a TLS block.
type tlsSettings struct {
	TLS
	single KeyPair // cert_file and key_file, in place of a list
	listed bool    // there is a list
}

// tlsBlock is what a block for clients can hold. What belongs to the certificate store of Windows is refused by name.
var tlsBlock = newBlock([]key[tlsSettings]{
	{"cert_file", nil, text(func(t *tlsSettings) *string { return &t.single.CertFile })},
	{"key_file", nil, text(func(t *tlsSettings) *string { return &t.single.KeyFile })},
	{"certs", []string{"certificates"}, decodeKeyPairs},
	{"ca_file", nil, text(func(t *tlsSettings) *string { return &t.CAFile })},
	{"verify", nil, boolean(func(t *tlsSettings) *bool { return &t.Verify })},
	{"verify_and_map", nil, boolean(func(t *tlsSettings) *bool { return &t.MapUsers })},
	{"verify_cert_and_check_known_urls", nil, decodeKnownURLs},
	{"insecure", nil, boolean(func(t *tlsSettings) *bool { return &t.Insecure })},
	{"min_version", nil, decodeMinVersion},
	{"cipher_suites", nil, decodeCipherSuites},
	{"allow_insecure_cipher_suites", nil, boolean(func(t *tlsSettings) *bool { return &t.InsecureSuites })},
	{"curve_preferences", nil, decodeCurves},
	{"timeout", nil, decodeTLSTimeout},
	{"connection_rate_limit", nil, integer(func(t *tlsSettings) *int { return &t.ConnectionRate })},
	{"pinned_certs", nil, decodePinned},
	{"handshake_first", []string{"first", "immediate"}, decodeHandshakeFirst},
	{"ocsp_peer", nil, decodePeers},
	{"cert_store", nil, refused[tlsSettings](isNothing, nil)},
	{"cert_match_by", nil, refused[tlsSettings](isNothing, nil)},
	{"cert_match", nil, refused[tlsSettings](isNothing, nil)},
	{"cert_match_skip_invalid", nil, refused[tlsSettings](isNothing, nil)},
	{"ca_certs_match", nil, refused[tlsSettings](isNothing, nil)},
})

// unknownTLSField is what is said about a field of a TLS block that is in no table.
const unknownTLSField = "error parsing tls config, unknown field %q"

// tlsOf decodes a TLS block; nil if it is none.
func (d *decoder) tlsOf(f *Field) *TLS {
	m, ok := typed[*Map](d, f, "a map")
	if !ok {
		return nil
	}
	t := &tlsSettings{TLS: *defaultTLS()}
	decodeNested(d, tlsBlock, t, m, unknownTLSField)
	t.Verify, t.ConnectionRate = t.Verify || t.MapUsers, max(t.ConnectionRate, 0)
	switch {
	case t.single == KeyPair{}:
	case t.listed:
		d.fail(f.Pos, "error parsing tls config, cannot combine 'cert_file' option with 'certs' option")
	default:
		t.Certificates = []KeyPair{t.single}
	}
	return &t.TLS
}

// clientTLSOf decodes the block of a side that connects to others; nil if it is none.
func (d *decoder) clientTLSOf(f *Field) *TLS {
	if nothingOn(f.Value) {
		return nil
	}
	t := d.tlsOf(f)
	if t != nil && t.Peers != nil {
		d.fail(f.Pos, "'ocsp_peer' is about the certificates of clients, and has no effect here")
	}
	return t
}

var keyPairBlock = newBlock([]key[KeyPair]{
	{"cert_file", nil, text(func(p *KeyPair) *string { return &p.CertFile })},
	{"key_file", nil, text(func(p *KeyPair) *string { return &p.KeyFile })},
})

func decodeKeyPairs(d *decoder, t *tlsSettings, f *Field) {
	array, ok := typed[Array](d, f, "an array")
	if !ok {
		return
	}
	t.listed, t.Certificates = true, nil
	for _, entry := range array {
		m, ok := entry.Data.(*Map)
		if !ok {
			d.fail(entry.Pos, "error parsing certificates config: expected a map, got %s", entry.kind())
			continue
		}
		var p KeyPair
		decodeNested(d, keyPairBlock, &p, m, "error parsing certificates config: unknown field %q")
		if p.CertFile == "" || p.KeyFile == "" {
			d.fail(entry.Pos, "error parsing certificates config: both 'cert_file' and 'key_file' options are required")
		}
		t.Certificates = append(t.Certificates, p)
	}
}

// decodeKnownURLs refuses what only servers can ask of each other.
func decodeKnownURLs(d *decoder, _ *tlsSettings, f *Field) {
	if on, ok := typed[bool](d, f, "a boolean"); ok && on {
		d.fail(f.Pos, "verify_cert_and_check_known_urls not supported in this context")
	}
}

func decodeMinVersion(d *decoder, t *tlsSettings, f *Field) {
	version, ok := typed[string](d, f, "a string")
	if !ok {
		return
	}
	switch version {
	case "1.2":
		t.MinVersion = tls.VersionTLS12
	case "1.3":
		t.MinVersion = tls.VersionTLS13
	case "1.0", "1.1":
		d.fail(f.Pos, "error parsing tls config: unsupported TLS version: TLS %s", version)
	default:
		d.fail(f.Pos, "error parsing tls config: unknown version: %s", version)
	}
}

func decodeCipherSuites(d *decoder, t *tlsSettings, f *Field) {
	t.CipherSuites = nil
	d.names(f, func(at Pos, name string) {
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			if suite.Name == name {
				t.CipherSuites = append(t.CipherSuites, suite.ID)
				return
			}
		}
		d.fail(at, "unrecognized cipher %s", name)
	})
}

// curves are the groups of key exchanges by the names of their constants.
var curves = map[string]tls.CurveID{
	"CurveP256": tls.CurveP256, "CurveP384": tls.CurveP384, "CurveP521": tls.CurveP521, "X25519": tls.X25519,
	"X25519MLKEM768": tls.X25519MLKEM768, "SecP256r1MLKEM768": tls.SecP256r1MLKEM768, "SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024,
}

func decodeCurves(d *decoder, t *tlsSettings, f *Field) {
	t.CurvePreferences = nil
	d.names(f, func(at Pos, name string) {
		if id, ok := curves[name]; ok {
			t.CurvePreferences = append(t.CurvePreferences, id)
		} else {
			d.fail(at, "unrecognized curve preference %s", name)
		}
	})
}

// names calls add with each string of an array, which must not be empty: nothing could be agreed on.
func (d *decoder) names(f *Field, add func(Pos, string)) {
	array, ok := typed[Array](d, f, "an array")
	if !ok {
		return
	}
	if len(array) == 0 {
		d.fail(f.Pos, "error parsing tls config, '%s' cannot be empty", f.Name)
	}
	for _, v := range array {
		if s, ok := v.Data.(string); ok {
			add(v.Pos, s)
		} else {
			d.fail(v.Pos, "expected a string, got %s", v.kind())
		}
	}
}

// decodeTLSTimeout decodes a duration, or seconds that need not be whole; 0 is the default.
func decodeTLSTimeout(d *decoder, t *tlsSettings, f *Field) {
	seconds, ok := decodeSeconds(d, f, "tls")
	if !ok {
		return
	}
	switch {
	case seconds < 0:
		d.fail(f.Pos, "error parsing tls config, 'timeout' is negative")
	case seconds*float64(time.Second) >= math.MaxInt64:
		d.fail(f.Pos, "%s value is too big", f.Name)
	case seconds == 0:
		t.Timeout = DefaultTLSTimeout
	default:
		t.Timeout = time.Duration(seconds * float64(time.Second))
	}
}

func decodePinned(d *decoder, t *tlsSettings, f *Field) {
	const what = "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo"
	array, ok := f.Value.Data.(Array)
	if !ok {
		d.fail(f.Pos, "error parsing tls config, expected 'pinned_certs' to be a list of "+what)
		return
	}
	t.Pinned = nil
	for _, v := range array {
		s, _ := v.Data.(string)
		s = strings.ToLower(s)
		if sum, err := hex.DecodeString(s); err != nil || len(sum) != 32 {
			d.fail(v.Pos, "error parsing tls config, 'pinned_certs' key %s does not look like "+what, fmt.Sprint(v.Data))
			continue
		}
		t.Pinned = append(t.Pinned, s)
	}
}

// decodeHandshakeFirst decodes a switch, or after what delay a silent client is greeted in plain text all the same.
func decodeHandshakeFirst(d *decoder, t *tlsSettings, f *Field) {
	t.HandshakeFirst, t.FallbackDelay = false, 0
	switch v := f.Value.Data.(type) {
	case bool:
		t.HandshakeFirst = v
	case string:
		d.handshakeFirst(t, f, v)
	default:
		d.fail(f.Pos, "field %q should be a boolean or a string, got %s", f.Name, f.Value.kind())
	}
}

func (d *decoder) handshakeFirst(t *tlsSettings, f *Field, s string) {
	if on, ok := booleanWords[strings.ToLower(s)]; ok {
		t.HandshakeFirst = on
		return
	}
	delay, err := autoFallback, error(nil)
	if !strings.EqualFold(s, "auto") {
		delay, err = time.ParseDuration(s)
	}
	switch {
	case err != nil:
		d.fail(f.Pos, "field %q's value %q is invalid", f.Name, s)
	case delay == 0: // the greeting comes at once
	default:
		t.HandshakeFirst, t.FallbackDelay = true, delay
	}
}
