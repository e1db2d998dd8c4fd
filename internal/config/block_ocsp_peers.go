package config

import (
	"math"
	"strings"
	"time"
)

// OCSPPeers say whose certificates count as good; see staple.PeerRules.
type OCSPPeers struct {
	Skew, Timeout, Life time.Duration

	WarnOnly, UnknownIsGood, AllowUnreachable bool
}

func defaultPeers() *OCSPPeers {
	return &OCSPPeers{Skew: 30 * time.Second, Timeout: 2 * time.Second, Life: time.Hour}
}

// OCSPCache says what is remembered of what issuers say of clients.
type OCSPCache struct {
	Off             bool
	PreserveRevoked bool // what was revoked stays so
}

type peerSettings struct {
	OCSPPeers
	verify bool
}

const unknownPeerField = "error parsing tls peer config, unknown field [%q]"

var peersBlock = newBlock([]key[peerSettings]{
	{"verify", nil, boolean(func(p *peerSettings) *bool { return &p.verify })},
	{"allowed_clockskew", nil, peerSeconds(func(p *peerSettings) *time.Duration { return &p.Skew })},
	{"ca_timeout", nil, peerSeconds(func(p *peerSettings) *time.Duration { return &p.Timeout })},
	{"cache_ttl_when_next_update_unset", nil, peerSeconds(func(p *peerSettings) *time.Duration { return &p.Life })},
	{"warn_only", nil, boolean(func(p *peerSettings) *bool { return &p.WarnOnly })},
	{"unknown_is_good", nil, boolean(func(p *peerSettings) *bool { return &p.UnknownIsGood })},
	{"allow_when_ca_unreachable", nil, boolean(func(p *peerSettings) *bool { return &p.AllowUnreachable })},
})

// peerSeconds takes seconds or a duration; what is not above zero leaves the default.
func peerSeconds[T any](field func(*T) *time.Duration) decodeFunc[T] {
	const wrong = "error parsing tls peer config, conversion error: %v"
	return func(d *decoder, into *T, f *Field) {
		var seconds float64
		switch v := f.Value.Data.(type) {
		case string:
			duration, err := time.ParseDuration(v)
			if err != nil {
				d.fail(f.Pos, wrong, err)
				return
			}
			seconds = duration.Seconds()
		case int64:
			seconds = float64(v)
		case float64:
			seconds = v
		default:
			d.fail(f.Pos, wrong, "unexpected type")
			return
		}
		if seconds*float64(time.Second) >= math.MaxInt64 {
			d.fail(f.Pos, "%s value is too big", f.Name)
		} else if seconds > 0 {
			*field(into) = time.Duration(seconds * float64(time.Second))
		}
	}
}

func decodePeers(d *decoder, t *tlsSettings, f *Field) {
	p := &peerSettings{OCSPPeers: *defaultPeers()}
	switch v := f.Value.Data.(type) {
	case bool:
		p.verify = v
	case *Map:
		decodeNested(d, peersBlock, p, v, unknownPeerField)
	default:
		d.fail(f.Pos, "error parsing ocsp peer config: unsupported type %s", f.Value.kind())
	}
	if t.Peers = nil; p.verify {
		t.Peers = &p.OCSPPeers
	}
}

// cacheSettings are those of a cache. It is not kept in a file: where that would be, and how often it would be written, is
// read and has no effect.
type cacheSettings struct {
	OCSPCache
	store string
	every time.Duration
}

var cacheBlock = newBlock([]key[cacheSettings]{
	{"type", nil, decodeCacheType},
	{"local_store", nil, text(func(c *cacheSettings) *string { return &c.store })},
	{"preserve_revoked", nil, boolean(func(c *cacheSettings) *bool { return &c.PreserveRevoked })},
	{"save_interval", nil, peerSeconds(func(c *cacheSettings) *time.Duration { return &c.every })},
})

func decodeOCSPCache(d *decoder, c *Config, f *Field) {
	settings := new(cacheSettings)
	switch v := f.Value.Data.(type) {
	case bool:
		settings.Off = !v
	case *Map:
		decodeNested(d, cacheBlock, settings, v, "error parsing OCSP peer cache config, unknown field [%q]")
	default:
		d.fail(f.Pos, "error parsing OCSP peer cache config: unsupported type %s", f.Value.kind())
	}
	c.OCSPCache = settings.OCSPCache
}

func decodeCacheType(d *decoder, c *cacheSettings, f *Field) {
	kind, ok := typed[string](d, f, "a string")
	if !ok {
		return
	}
	switch strings.ToLower(kind) {
	case "local":
		c.Off = false
	case "none":
		c.Off = true
	default:
		d.fail(f.Pos, "error parsing OCSP peer cache config, unknown type [%s]", kind)
	}
}
