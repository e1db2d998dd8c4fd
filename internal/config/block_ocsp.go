package config

import "strings"

// OCSPMode says which certificates of the server are shown with what their issuer says of them.
type OCSPMode string

// The modes. Where a certificate turns out to be revoked, the strict ones end the server.
const (
	OCSPAuto   OCSPMode = "auto"   // those that ask for it; the default
	OCSPMust   OCSPMode = "must"   // those that ask for it; strict
	OCSPAlways OCSPMode = "always" // all; strict
	OCSPNever  OCSPMode = "never"  // none
)

// Strict reports whether a server must not run with a certificate that is revoked.
func (m OCSPMode) Strict() bool { return m == OCSPMust || m == OCSPAlways }

// OCSP says how the server learns what the issuers of its certificates say of them.
type OCSP struct {
	Mode OCSPMode
	URLs []string // of who is asked in place of those that certificates name
}

// ocspKeys are about the server's own certificates, and what is remembered of those of clients.
var ocspKeys = []key[Config]{
	{"ocsp", nil, decodeOCSP},
	{"ocsp_cache", nil, decodeOCSPCache},
}

var ocspBlock = newBlock([]key[OCSP]{
	{"mode", nil, decodeOCSPMode},
	{"url", nil, func(d *decoder, o *OCSP, f *Field) {
		if s, ok := typed[string](d, f, "a string"); ok && s != "" {
			o.URLs = append(o.URLs, s)
		}
	}},
	{"urls", nil, func(d *decoder, o *OCSP, f *Field) {
		if array, ok := typed[Array](d, f, "an array"); ok {
			o.URLs = append(o.URLs, d.strings(array)...)
		}
	}},
})

func decodeOCSP(d *decoder, c *Config, f *Field) {
	switch v := f.Value.Data.(type) {
	case bool:
		c.OCSP = OCSP{Mode: OCSPNever}
		if v {
			c.OCSP.Mode = OCSPAuto
		}
	case *Map:
		c.OCSP = OCSP{Mode: OCSPAuto}
		decodeNested(d, ocspBlock, &c.OCSP, v, "error parsing ocsp config: unsupported field %q")
	default:
		d.fail(f.Pos, "error parsing ocsp config: unsupported type %s", f.Value.kind())
	}
}

func decodeOCSPMode(d *decoder, o *OCSP, f *Field) {
	s, ok := typed[string](d, f, "a string")
	if !ok {
		return
	}
	switch mode := OCSPMode(strings.ToLower(s)); mode {
	case OCSPAuto, OCSPMust, OCSPAlways, OCSPNever:
		o.Mode = mode
	default:
		d.fail(f.Pos, "error parsing ocsp config: unsupported ocsp mode %q", s)
	}
}
