package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"myelin/internal/pki"
	"myelin/internal/testkit"
)

// folders hold, by *testkit.Server, what clients need to connect with TLS: ca.pem, client.pem and client.key, and either
// password.txt, with the password of the user shop, or user.nk, with the seed of a user, where they have to say who they are.
var folders sync.Map

// The ways in which clients of a protected server say who they are, besides their certificate.
const (
	asAnybody    = ""
	withPassword = "with a password"
	withNKey     = "with an NKey"
)

// identify enters the user of a way in the configuration, and puts what clients need for it in their folder.
func identify(t *testing.T, way, dir string) (authorization string) {
	t.Helper()
	switch way {
	case withPassword:
		const password = "the password of shop"
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "password.txt", []byte(password))
		return fmt.Sprintf("authorization { users: [{user: shop, password: %q}] }\n", hash)
	case withNKey:
		pair, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		seed, err := pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		key, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "user.nk", seed)
		return fmt.Sprintf("authorization { users: [{nkey: %s}] }\n", key)
	}
	return ""
}

// startProtected starts a server that asks its clients for a certificate, and who they are.
func startProtected(t *testing.T, way string) *testkit.Server {
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
		Config: fmt.Sprintf(config, t.TempDir()) + fmt.Sprintf(protection, file("server.pem"), file("server.key"), file("ca.pem")) +
			identify(t, way, dir),
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
	options := []nats.Option{nats.RootCAs(file("ca.pem")), nats.ClientCert(file("client.pem"), file("client.key"))}
	if password, err := os.ReadFile(file("password.txt")); err == nil {
		options = append(options, nats.UserInfo("shop", string(password)))
	}
	if option, err := nats.NkeyOptionFromSeed(file("user.nk")); err == nil {
		options = append(options, option)
	}
	return options
}

// The clients do over TLS, with a certificate of their own, what they do without.
func TestGoOverTLS(t *testing.T) {
	server := startProtected(t, asAnybody)
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.check(t, server) })
	}
}
