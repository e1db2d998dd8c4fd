package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// Who is in the list is let in, and may do what the service says; nobody else is.
func TestCallout(t *testing.T) {
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "issuer.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`accounts { AUTH { users: [{user: auth, password: secret}] }, APP {} }
authorization { auth_callout { issuer: %s, account: AUTH, auth_users: [auth] } }
`, public)})
	go func() {
		// It ends with the test.
		_ = run(strings.Replace(server.URL(), "nats://", "nats://auth:secret@", 1), file)
	}()
	alice, err := nats.Connect(server.URL(), nats.UserInfo("alice", "wonderland"))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	sub, err := alice.SubscribeSync("alice.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.Publish("alice.x", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(testkit.Patience); err != nil || string(m.Data) != "hello" {
		t.Errorf("%v, %v", m, err)
	}
	if err := alice.Publish("bob.x", nil); err != nil {
		t.Fatal(err)
	}
	if err := alice.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := alice.LastError(); err == nil || !strings.Contains(err.Error(), "Permissions Violation") {
		t.Errorf("alice publishes what bob does: %v", err)
	}
	for name, password := range map[string]string{"alice": "builder", "eve": "", "": ""} {
		if nc, err := nats.Connect(server.URL(), nats.UserInfo(name, password)); err == nil {
			nc.Close()
			t.Errorf("%q is let in with the password %q", name, password)
		}
	}
}
