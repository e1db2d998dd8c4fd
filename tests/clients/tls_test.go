package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"myelin/internal/pki"
	"myelin/internal/testkit"
)

// folders hold, by *testkit.Server, what clients need to connect with TLS: ca.pem, client.pem and client.key.
var folders sync.Map

// startProtected starts a server that asks its clients for a certificate.
func startProtected(t *testing.T) *testkit.Server {
	t.Helper()
	dir := t.TempDir()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "ca.pem", authority.Certificate)
	for name, r := range map[string]pki.Request{
		"server": {Name: "server", Hosts: []string{"127.0.0.1", "localhost"}, Server: true},
		"client": {Name: "client", Client: true},
	} {
		pair, err := authority.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name+".pem", pair.Certificate)
		write(t, dir, name+".key", pair.Key)
	}
	const protection = "tls { cert_file: %[1]q, key_file: %[2]q, ca_file: %[3]q, verify: true }\n"
	file := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	server := testkit.Start(t, testkit.Options{
		Config: fmt.Sprintf(config, t.TempDir()) + fmt.Sprintf(protection, file("server.pem"), file("server.key"), file("ca.pem")),
	})
	folders.Store(server, dir)
	return server
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsOptions are those with which nats.go connects to a server that startProtected started, and none for others.
func tlsOptions(server *testkit.Server) []nats.Option {
	dir, ok := folders.Load(server)
	if !ok {
		return nil
	}
	file := func(name string) string { return filepath.Join(dir.(string), name) }
	return []nats.Option{nats.RootCAs(file("ca.pem")), nats.ClientCert(file("client.pem"), file("client.key"))}
}

// The clients do over TLS, with a certificate of their own, what they do without.
func TestGoOverTLS(t *testing.T) {
	server := startProtected(t)
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.check(t, server) })
	}
}
