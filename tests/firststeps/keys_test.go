package firststeps

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

// Ten commands lead from nothing to a server with TLS and two accounts that know nothing of each other, whose users have
// keys.
func TestKeysAndAccounts(t *testing.T) {
	s := newShell(t)
	list := commands(t, "First steps", 1)
	if len(list) != 10 {
		t.Errorf("there are %d commands", len(list))
	}
	shown := s.runAll(list)
	for _, want := range []string{"Account: ORDERS", "TLS Connection: TLS 1.3"} {
		if !strings.Contains(shown, want) {
			t.Errorf("nothing of %q in what the last command prints:\n%s", want, shown)
		}
	}
	secretsAreHidden(t, s.dir)
	tlsIsOn(t, s)
	trust := nats.RootCAs(s.file("ca.pem"))
	orders := connect(t, s, trust, nkey(t, s.file("orders.nk")))
	billing := connect(t, s, trust, nkey(t, s.file("billing.nk")))
	isolated(t, orders, billing)
	isolated(t, billing, orders)

	stranger := filepath.Join(t.TempDir(), "stranger.nk")
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	for who, options := range map[string][]nats.Option{
		"with another key":  {trust, nkey(t, stranger)},
		"with a password":   {trust, nats.UserInfo("orders", "orders")},
		"without anything":  {trust},
		"with a public key": {trust, forged(t, s.file("orders.nk"))},
	} {
		if _, err := nats.Connect(s.url(), options...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("somebody %s: %v", who, err)
		}
	}
}

// secretsAreHidden: whoever else is on the machine cannot read keys.
func secretsAreHidden(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".nk", ".key", ".creds":
		default:
			return nil
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		found++
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("%d keys, %v", found, err)
	}
}

// tlsIsOn: the server asks for TLS, shows its certificate, and takes nothing in plain text.
func tlsIsOn(t *testing.T, s *shell) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	plain := bufio.NewReader(conn)
	if line, err := plain.ReadString('\n'); err != nil || !strings.Contains(line, `"tls_required":true`) {
		t.Errorf("the greeting is %q, %v", line, err)
	}
	if _, err := conn.Write([]byte("CONNECT {}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	for line, err := plain.ReadString('\n'); err == nil; line, err = plain.ReadString('\n') {
		if strings.HasPrefix(line, "PONG") {
			t.Error("the server talks to whoever does not use TLS")
		}
	}
	if _, err := nats.Connect(s.url(), nkey(t, s.file("orders.nk"))); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("to somebody who does not know the authority: %v", err)
	}
}

// connect connects with TLS.
func connect(t *testing.T, s *shell, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc := dial(t, s.url(), options...)
	if state, err := nc.TLSConnectionState(); err != nil || state.Version < tls.VersionTLS12 || len(state.VerifiedChains) == 0 {
		t.Errorf("TLS: %+v, %v", state, err)
	}
	return nc
}

func dial(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func nkey(t *testing.T, file string) nats.Option {
	t.Helper()
	option, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		t.Fatal(err)
	}
	return option
}

// forged says a public key that is known, and signs with another one.
func forged(t *testing.T, file string) nats.Option {
	t.Helper()
	seed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	key, err := known.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	own, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	return nats.Nkey(key, own.Sign)
}

// isolated: what one publishes, everybody in its own account may hear, and nobody in the other.
func isolated(t *testing.T, from, other *nats.Conn) {
	t.Helper()
	own, theirs := subscribe(t, from, "order.new"), subscribe(t, other, ">")
	for _, nc := range []*nats.Conn{from, other} {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, from, "order.new", "mine")
	if m, err := own.NextMsg(testkit.Patience); err != nil || string(m.Data) != "mine" {
		t.Fatalf("within an account: %v, %v", m, err)
	}
	if _, err := from.Request("order.ask", nil, testkit.Patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a request that only the other account could answer: %v", err)
	}
	publish(t, other, "order.new", "theirs")
	if m, err := theirs.NextMsg(testkit.Patience); err != nil || string(m.Data) != "theirs" {
		t.Errorf("the first message in the other account is %v, %v", m, err)
	}
	for _, sub := range []*nats.Subscription{own, theirs} {
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

func subscribe(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func publish(t *testing.T, nc *nats.Conn, subject, text string) {
	t.Helper()
	if err := nc.Publish(subject, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}
