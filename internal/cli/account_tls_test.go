package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"myelin/internal/config"
	"myelin/internal/pki"
	"myelin/server"
)

// The certificates of a server are shown, with a warning about those that expire soon.
func TestAccountTLS(t *testing.T) {
	authority, err := pki.New("Test Authority")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(pki.Request{Name: "server.test", Hosts: []string{"127.0.0.1", "a.test"}, Server: true, Until: time.Now().Add(48 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := server.DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", -1
	cfg.Log.File = filepath.Join(dir, "server.log")
	cfg.TLS = &config.TLS{
		Certificates: []config.KeyPair{{CertFile: file("cert.pem", pair.Certificate), KeyFile: file("key.pem", pair.Key)}},
		Timeout:      config.DefaultTLSTimeout,
	}
	s, err := server.New(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	for _, c := range []struct {
		flags   string
		says    []string
		saysNot []string
	}{
		{"", []string{"Subject: CN=server.test", "Issuer: CN=Test Authority", "Names: a.test, 127.0.0.1", "BEGIN CERTIFICATE", "WARNING"}, nil},
		{"--no-pem --expire-warn 1d", []string{"verified: true", "Is CA: false"}, []string{"BEGIN CERTIFICATE", "WARNING"}},
		{"--json --expire-warn 0", []string{`"subject": "CN=server.test"`, `"expires_soon": false`}, []string{"WARNING"}},
	} {
		var out bytes.Buffer
		args := append(strings.Fields("myelin account tls --no-context "+c.flags), "-s", s.ClientURL(), "--tlsca", file("ca.pem", authority.Certificate))
		if code := Run(args, strings.NewReader(""), &out, &out); code != 0 {
			t.Fatalf("%s: code %d: %s", c.flags, code, &out)
		}
		for _, want := range c.says {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: nothing of %q in %s", c.flags, want, &out)
			}
		}
		for _, bad := range c.saysNot {
			if strings.Contains(out.String(), bad) {
				t.Errorf("%s: %q in %s", c.flags, bad, &out)
			}
		}
	}
}
