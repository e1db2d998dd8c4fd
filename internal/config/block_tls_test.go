package config

import (
	"crypto/tls"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"myelin/internal/pki"
)

// tlsFiles are certificates by the names that the cases below use.
func tlsFiles(t *testing.T) memFS {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	one, err := authority.Issue(pki.Request{Name: "one", Hosts: []string{"one.example"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	two, err := authority.Issue(pki.Request{Name: "two", Hosts: []string{"two.example"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	return memFS{texts: map[string]string{
		"ca.pem": string(authority.Certificate), "one.pem": string(one.Certificate), "one.key": string(one.Key),
		"two.pem": string(two.Certificate), "two.key": string(two.Key), "empty": "",
	}}
}

const (
	onePair = "cert_file: one.pem, key_file: one.key"
	aPin    = "7F83B1657FF1FC53B92DC18148A1D65DFC2D4B1FA3D677284ADDD200126D9069"
)

// tlsCases are blocks, and what has to come of them: an error, or settings that differ from those of the first.
var tlsCases = []struct {
	shows string
	text  string
	err   string // the end of it; "" for none
	alone bool   // a stock server says otherwise
	want  func(*Config)
}{
	{"a certificate", "tls { %s }", "", false, func(*Config) {}},
	{"several", "tls { certs: [ { %s }, { cert_file: two.pem, key_file: two.key } ] }", "", false, func(c *Config) {
		c.TLS.Certificates = append(c.TLS.Certificates, KeyPair{"two.pem", "two.key"})
	}},
	{"by another name", "tls { certificates: [ { %s } ] }", "", false, func(*Config) {}},
	{"both ways", "tls { %s, certs: [ { %s } ] }", "cannot combine 'cert_file' option with 'certs' option", false, nil},
	{"half of a pair", "tls { certs: [ { cert_file: one.pem } ] }", "both 'cert_file' and 'key_file' options are required", false, nil},
	{"something else in a pair", "tls { certs: [ { %s, x: y } ] }", `unknown field "x"`, false, nil},
	{"something else in the list", "tls { certs: [ a ] }", "expected a map, got a string", false, nil},
	{"no list", "tls { certs: { %s } }", `"certs" should be an array, not a map`, false, nil},
	{"none", "tls {}", "missing 'cert_file' in TLS configuration", true, nil},
	{"an empty list", "tls { certs: [] }", "missing 'cert_file' in TLS configuration", true, nil},
	{"no key", "tls { cert_file: one.pem }", "missing 'key_file' in TLS configuration", false, nil},
	{"no certificate", "tls { key_file: one.key }", "missing 'cert_file' in TLS configuration", false, nil},
	{"no such file", "tls { cert_file: nope, key_file: one.key }", "error parsing X509 certificate/key pair: open nope: file does not exist", false, nil},
	{"a key of another", "tls { cert_file: one.pem, key_file: two.key }", "tls: private key does not match public key", false, nil},
	{"no block", "tls: true", `"tls" should be a map, not a boolean`, false, nil},
	{"an unknown field", "tls { %s, foo: 1 }", `error parsing tls config, unknown field "foo"`, false, nil},

	{"authorities", "tls { %s, ca_file: ca.pem }", "", false, func(c *Config) { c.TLS.CAFile = "ca.pem" }},
	{"no authorities there", "tls { %s, ca_file: nope }", "open nope: file does not exist", false, nil},
	{"no authorities in there", "tls { %s, ca_file: empty }", "failed to parse root ca certificate", false, nil},
	{"verify", "tls { %s, verify: true }", "", false, func(c *Config) { c.TLS.Verify = true }},
	{"verify and map", "tls { %s, verify: false, verify_and_map: true }", "", false, func(c *Config) {
		c.TLS.Verify, c.TLS.MapUsers, c.Auth.MapCertificates = true, true, true
	}},
	{"verify by number", "tls { %s, verify: 1 }", `"verify" should be a boolean, not an integer`, false, nil},
	{"what is for routes", "tls { %s, verify_cert_and_check_known_urls: true }", "verify_cert_and_check_known_urls not supported in this context", false, nil},
	{"what is for connecting to others", "tls { %s, insecure: true }", "", false, func(*Config) {}},
	{"pins", "tls { %s, verify: true, pinned_certs: [\"" + aPin + "\"] }", "", false, func(c *Config) {
		c.TLS.Verify, c.TLS.Pinned = true, []string{strings.ToLower(aPin)}
	}},
	{"pins that nobody can meet", "tls { %s, pinned_certs: [\"" + aPin + "\"] }", "'pinned_certs' needs 'verify': clients that are not asked for a certificate show none", true, nil},
	{"a pin that is none", "tls { %s, verify: true, pinned_certs: [\"7f\"] }", "'pinned_certs' key 7f does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo", false, nil},
	{"no list of pins", "tls { %s, pinned_certs: \"" + aPin + "\" }", "expected 'pinned_certs' to be a list of hex-encoded sha256 of DER encoded SubjectPublicKeyInfo", false, nil},

	{"a version", "tls { %s, min_version: \"1.3\" }", "", false, func(c *Config) { c.TLS.MinVersion = tls.VersionTLS13 }},
	{"the default version", "tls { %s, min_version: \"1.2\" }", "", false, func(*Config) {}},
	{"an old version", "tls { %s, min_version: \"1.1\" }", "unsupported TLS version: TLS 1.1", false, nil},
	{"no version", "tls { %s, min_version: \"tls1.3\" }", "unknown version: tls1.3", false, nil},
	{"a version as a number", "tls { %s, min_version: 1.2 }", `"min_version" should be a string, not a float`, false, nil},
	{"suites", "tls { %s, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256] }", "", false, func(c *Config) {
		c.TLS.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_AES_128_GCM_SHA256}
	}},
	{"no suites", "tls { %s, cipher_suites: [] }", "'cipher_suites' cannot be empty", false, nil},
	{"an unknown suite", "tls { %s, cipher_suites: [X] }", "unrecognized cipher X", false, nil},
	{"a weak suite", "tls { %s, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA] }",
		"insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: TLS_RSA_WITH_RC4_128_SHA", false, nil},
	{"a weak suite on purpose", "tls { %s, allow_insecure_cipher_suites: true, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA] }", "", false, func(c *Config) {
		c.TLS.InsecureSuites, c.TLS.CipherSuites = true, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
	}},
	{"curves", "tls { %s, curve_preferences: [X25519MLKEM768, X25519, CurveP256, CurveP384, CurveP521, SecP384r1MLKEM1024, SecP256r1MLKEM768] }", "", false, func(c *Config) {
		c.TLS.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.SecP384r1MLKEM1024, tls.SecP256r1MLKEM768}
	}},
	{"no curves", "tls { %s, curve_preferences: [] }", "'curve_preferences' cannot be empty", false, nil},
	{"an unknown curve", "tls { %s, curve_preferences: [X] }", "unrecognized curve preference X", false, nil},

	{"seconds", "tls { %s, timeout: 3 }", "", false, func(c *Config) { c.TLS.Timeout = 3 * time.Second }},
	{"parts of a second", "tls { %s, timeout: 0.5 }", "", false, func(c *Config) { c.TLS.Timeout = time.Second / 2 }},
	{"a duration", "tls { %s, timeout: \"1m\" }", "", false, func(c *Config) { c.TLS.Timeout = time.Minute }},
	{"no timeout", "tls { %s, timeout: 0 }", "", false, func(*Config) {}},
	{"less than none", "tls { %s, timeout: -1 }", "'timeout' is negative", true, nil},
	{"more than there is", "tls { %s, timeout: 10000000000 }", "timeout value is too big", true, nil},
	{"a word", "tls { %s, timeout: soon }", `'timeout' time: invalid duration "soon"`, false, nil},
	{"a switch", "tls { %s, timeout: true }", "'timeout' wrong type", false, nil},
	{"a rate", "tls { %s, connection_rate_limit: 10 }", "", false, func(c *Config) { c.TLS.ConnectionRate = 10 }},
	{"a broken rate", "tls { %s, connection_rate_limit: 1.5 }", `"connection_rate_limit" should be an integer, not a float`, false, nil},
	{"a negative rate", "tls { %s, connection_rate_limit: -1 }", "", false, func(*Config) {}},

	{"handshake first", "tls { %s, handshake_first: true }", "", false, func(c *Config) { c.TLS.HandshakeFirst = true }},
	{"in words", "tls { %s, first: \"on\" }", "", false, func(c *Config) { c.TLS.HandshakeFirst = true }},
	{"not first", "tls { %s, immediate: \"false\" }", "", false, func(*Config) {}},
	{"first if it comes at once", "tls { %s, handshake_first: AUTO }", "", false, func(c *Config) {
		c.TLS.HandshakeFirst, c.TLS.FallbackDelay = true, 50*time.Millisecond
	}},
	{"or soon", "tls { %s, handshake_first: \"300ms\" }", "", false, func(c *Config) {
		c.TLS.HandshakeFirst, c.TLS.FallbackDelay = true, 300*time.Millisecond
	}},
	{"before it can", "tls { %s, handshake_first: \"-1s\" }", "the duration of 'handshake_first' is negative", true, nil},
	{"some time", "tls { %s, handshake_first: later }", `field "handshake_first"'s value "later" is invalid`, false, nil},
	{"in numbers", "tls { %s, handshake_first: 3 }", `field "handshake_first" should be a boolean or a string, got an integer`, false, nil},

	{"clients without", "tls { %s }\nallow_non_tls: true", "", false, func(c *Config) { c.AllowNonTLS = true }},
	{"pages", "tls { %s }\nhttps_port: 8443", "", false, func(c *Config) { c.HTTPSPort = 8443 }},
	{"pages elsewhere", "tls { %s }\nhttps: \"localhost:8443\"", "", false, func(c *Config) { c.HTTPHost, c.HTTPSPort = "localhost", 8443 }},
	{"pages without", "https_port: 8443", "TLS cert and key required for HTTPS", true, nil},
	{"pages twice", "tls { %s }\nhttps_port: 8443\nhttp_port: 8222", "can't specify both HTTP (8222) and HTTPs (8443) ports", true, nil},

	{"what issuers say", "tls { %s }\nocsp: true", "", false, func(*Config) {}},
	{"nothing of what issuers say", "tls { %s }\nocsp: false", "", false, func(c *Config) { c.OCSP.Mode = OCSPNever }},
	{"always what issuers say", "tls { %s }\nocsp { mode: ALWAYS, url: \"http://a\" }", "", false, func(c *Config) {
		c.OCSP = OCSP{OCSPAlways, []string{"http://a"}}
	}},
	{"by several", "tls { %s }\nocsp { mode: must, urls: [\"http://a\", \"http://b\"] }", "", true, func(c *Config) {
		c.OCSP = OCSP{OCSPMust, []string{"http://a", "http://b"}}
	}},
	{"an unknown mode", "tls { %s }\nocsp { mode: x }", `error parsing ocsp config: unsupported ocsp mode "x"`, false, nil},
	{"an unknown setting", "tls { %s }\nocsp { x: y }", `error parsing ocsp config: unsupported field "x"`, false, nil},
	{"a mode by number", "tls { %s }\nocsp: 1", "error parsing ocsp config: unsupported type an integer", false, nil},
	{"a cache of what is said of clients", "tls { %s }\nocsp_cache: true", "", false, func(*Config) {}},
	{"no such cache", "tls { %s }\nocsp_cache { type: none }", "", false, func(c *Config) { c.OCSPCache.Off = true }},
	{"a cache that remembers", "tls { %s }\nocsp_cache { type: local, local_store: x, preserve_revoked: true, save_interval: 5m }", "", false,
		func(c *Config) { c.OCSPCache.PreserveRevoked = true }},
	{"a cache elsewhere", "tls { %s }\nocsp_cache { type: redis }", "error parsing OCSP peer cache config, unknown type [redis]", false, nil},
	{"an unknown setting of a cache", "tls { %s }\nocsp_cache { x: 1 }", `error parsing OCSP peer cache config, unknown field ["x"]`, false, nil},

	{"a store of Windows", "tls { %s, cert_store: WindowsCurrentUser }", `"cert_store" is not supported yet by this version of myelin`, false, nil},
	{"who answers for peers", "tls { %s, verify: true, ocsp_peer: true }", "", false, func(c *Config) { c.TLS.Verify, c.TLS.Peers = true, defaultPeers() }},
	{"rules for peers", `tls { %s, verify: true, ocsp_peer { verify: true, ca_timeout: 1.5, allowed_clockskew: "10s", cache_ttl_when_next_update_unset: 60
		warn_only: true, unknown_is_good: true, allow_when_ca_unreachable: true } }`, "", false, func(c *Config) {
		c.TLS.Verify, c.TLS.Peers = true, &OCSPPeers{10 * time.Second, 1500 * time.Millisecond, time.Minute, true, true, true}
	}},
	{"rules that are off", "tls { %s, ocsp_peer { verify: false, ca_timeout: 0 } }", "", false, func(*Config) {}},
	{"peers that show nothing", "tls { %s, ocsp_peer: true }", "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled", true, nil},
	{"rules that are none", "tls { %s, verify: true, ocsp_peer: 5 }", "error parsing ocsp peer config: unsupported type an integer", false, nil},
	{"an unknown rule", "tls { %s, verify: true, ocsp_peer { x: 1 } }", `error parsing tls peer config, unknown field ["x"]`, false, nil},
	{"a rule that is no time", "tls { %s, verify: true, ocsp_peer { ca_timeout: x } }", `error parsing tls peer config, conversion error: time: invalid duration "x"`, false, nil},
	{"nobody answers for peers", "tls { %s, ocsp_peer: false, cert_store: \"\" }", "", true, func(*Config) {}},
}

func TestTLSBlock(t *testing.T) {
	files := tlsFiles(t)
	for _, c := range tlsCases {
		got, err := loadTLS(files, c.text)
		if c.err != "" || err != nil {
			if c.err == "" || err == nil || !strings.HasSuffix(err.Error(), c.err) || !strings.Contains(err.Error(), "nats.conf:") {
				t.Errorf("%s: got the error %v, want %q", c.shows, err, c.err)
			}
			continue
		}
		want, err := loadTLS(files, "tls { %s }")
		if err != nil {
			t.Fatal(err)
		}
		c.want(want)
		want.Digest = got.Digest
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", c.shows, got.TLS, want.TLS)
		}
	}
}

func tlsText(text string) string { return strings.ReplaceAll(text, "%s", onePair) }

// loadTLS loads a file in which %s stands for a certificate and its key.
func loadTLS(files memFS, text string, args ...string) (*Config, error) {
	files.texts["nats.conf"] = tlsText(text)
	f, err := ParseFlags(append([]string{"-c", "nats.conf"}, args...))
	if err != nil {
		return nil, err
	}
	return f.Load(files, nil)
}

// Flags about TLS take the place of what the file says about certificates, and of nothing else.
func TestTLSFlags(t *testing.T) {
	const file = "tls { %s, ca_file: ca.pem, verify_and_map: true, timeout: 7 }"
	files := tlsFiles(t)
	base := func() *TLS { return &TLS{MinVersion: tls.VersionTLS12, Timeout: DefaultTLSTimeout} }
	for _, c := range []struct {
		args string
		file string
		want *TLS
		err  string
	}{
		{args: "--tls --tlscert one.pem --tlskey one.key", want: &TLS{Certificates: []KeyPair{{"one.pem", "one.key"}}}},
		{args: "--tlscert one.pem --tlskey one.key", want: &TLS{Certificates: []KeyPair{{"one.pem", "one.key"}}}},
		{args: "--tlsverify --tlscert one.pem --tlskey one.key --tlscacert ca.pem",
			want: &TLS{Certificates: []KeyPair{{"one.pem", "one.key"}}, CAFile: "ca.pem", Verify: true}},
		{args: "--tlscert two.pem --tlskey two.key", file: file, want: &TLS{Certificates: []KeyPair{{"two.pem", "two.key"}}, Timeout: 7 * time.Second}},
		{args: "-tls=false", file: file},
		{args: "--tls=false", file: "tls { cert_file: nope, key_file: nope }"},
		{args: "--tls", err: "TLS Server certificate must be present and valid"},
		{args: "--tls", file: file, err: "TLS Server certificate must be present and valid"},
		{args: "--tlsverify", err: "TLS Server certificate must be present and valid"},
		{args: "--tlscacert ca.pem", err: "TLS Server certificate must be present and valid"},
		{args: "--tls --tlscert one.pem", err: "TLS Server private key must be present and valid"},
		{args: "--tls --tlscert nope --tlskey one.key", err: "error parsing X509 certificate/key pair: open nope: file does not exist"},
	} {
		got, err := loadTLS(files, c.file, strings.Fields(c.args)...)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: got the error %v, want %q", c.args, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		want := c.want
		if want != nil {
			whole := base()
			whole.Certificates, whole.CAFile, whole.Verify = want.Certificates, want.CAFile, want.Verify
			if want.Timeout != 0 {
				whole.Timeout = want.Timeout
			}
			want = whole
		}
		if !reflect.DeepEqual(got.TLS, want) || got.Auth.MapCertificates {
			t.Errorf("%s: got %+v, want %+v", c.args, got.TLS, want)
		}
	}
}

// Who connects with TLS gets as much more time to say who it is as the handshake may take.
func TestTLSMakesTimeToLogIn(t *testing.T) {
	files := tlsFiles(t)
	for text, want := range map[string]time.Duration{
		"":                         2 * time.Second,
		"tls { %s }":               3 * time.Second,
		"tls { %s, timeout: 0.5 }": 1500 * time.Millisecond,
		"tls { %s, timeout: 5 }\nauthorization { timeout: 1 }": time.Second,
	} {
		c, err := loadTLS(files, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.AuthTimeout(); got != want {
			t.Errorf("%s: %v instead of %v", text, got, want)
		}
	}
}

// TestPeerTLS compares which blocks are valid with what a stock server says, if PEER is the path of one.
func TestPeerTLS(t *testing.T) {
	if os.Getenv("PEER") == "" {
		t.Skip("PEER is not set")
	}
	dir, files := t.TempDir(), tlsFiles(t)
	for _, c := range tlsCases {
		files.texts["nats.conf"] = tlsText(c.text)
		for name, text := range files.texts {
			if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(os.Getenv("PEER"), "-t", "-c", "nats.conf")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if agreed := (c.err == "") == (err == nil); agreed == c.alone {
			t.Errorf("%s: want %q, but the peer says: %s", c.shows, c.err, out)
		}
	}
}
