package firststeps

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

// A server that trusts an operator lets in the users of its accounts, keeps the accounts apart, and locks out whoever is
// revoked, also from within.
func TestOperators(t *testing.T) {
	s := newShell(t)
	list := commands(t, "Operators", 1)
	if len(list) > 10 {
		t.Errorf("there are %d commands", len(list))
	}
	if shown := s.runAll(list); !strings.Contains(shown, "JetStream Account Information") {
		t.Errorf("the last command prints %s", shown)
	}
	secretsAreHidden(t, s.dir)
	url := "nats://" + s.address()
	closed := make(chan struct{})
	orders := dial(t, url, nats.UserCredentials(s.file("orders.creds")))
	billing := dial(t, url, nats.UserCredentials(s.file("billing.creds")), nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		nats.NoReconnect())

	// What orders publishes stays in its account; what the server says of its streams, too.
	own, theirs := subscribe(t, orders, "order.new"), subscribe(t, billing, ">")
	for _, nc := range []*nats.Conn{orders, billing} {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, orders, "order.new", "mine")
	if m, err := own.NextMsg(testkit.Patience); err != nil || string(m.Data) != "mine" {
		t.Errorf("within an account: %v, %v", m, err)
	}
	js, err := jetstream.New(orders)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"order.>"}}); err != nil {
		t.Error(err)
	}
	if err := billing.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := theirs.Pending(); n != 0 || err != nil {
		t.Errorf("%d messages of the other account are heard, %v", n, err)
	}
	if _, err := nats.Connect(url); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("somebody without credentials: %v", err)
	}

	s.runAll(commands(t, "Operators", 2))
	select {
	case <-closed:
	case <-time.After(testkit.Patience):
		t.Error("somebody who is revoked stays inside")
	}
	if _, err := nats.Connect(url, nats.UserCredentials(s.file("billing.creds"))); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("somebody who is revoked: %v", err)
	}
	if err := orders.Flush(); err != nil {
		t.Errorf("somebody who is not: %v", err)
	}
	if shown := s.run("myelin auth account query SHIPPING"); !strings.Contains(shown, "Account SHIPPING") {
		t.Errorf("the account that was pushed: %s", shown)
	}

	// The server takes from nobody what its operator has not signed.
	s.run("myelin auth operator add other && myelin auth account add OTHER --operator other")
	s.run("myelin auth user add admin SYSTEM --operator example --credential admin.creds")
	for command, want := range map[string]string{
		"myelin auth account push OTHER --operator other":                           "Authorization Violation",
		"myelin auth account push OTHER --operator other --creds admin.creds":       "jwt update resulted in error",
		"myelin auth account push SHIPPING --operator example --creds orders.creds": "no server keeps JWTs",
	} {
		if said := s.run("! " + command + " 2>&1"); !strings.Contains(said, want) {
			t.Errorf("%s: %s", command, said)
		}
	}
}
