package clients

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/internal/testkit"
)

// life is what the handlers of a connection are told.
type life struct {
	lost, back, closed chan struct{}
}

// lasting connects as programs are told to that shall live long: TLS 1.2 or later, attempts to reconnect, and handlers for
// what becomes of the connection.
func lasting(t *testing.T, server *testkit.Server) (*nats.Conn, *life) {
	t.Helper()
	dir, _ := folders.Load(server)
	authority, err := os.ReadFile(filepath.Join(dir.(string), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	l := &life{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})}
	options := []nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				l.lost <- struct{}{}
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { l.back <- struct{}{} }),
		nats.ClosedHandler(func(*nats.Conn) { close(l.closed) }),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}),
	}
	nc, err := nats.Connect(server.URL(), slices.Concat(options, tlsOptions(server))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, l
}

// A program goes on while the server is restarted under it, killed or asked to end: its handlers are told, its subscriptions
// come back, what it publishes meanwhile arrives, and nobody has to say again who it is.
func TestGoLivesThroughRestarts(t *testing.T) {
	for _, way := range []string{withPassword, withNKey} {
		t.Run(way, func(t *testing.T) {
			server := startProtected(t, way)
			nc, l := lasting(t, server)
			sub := subscribe(t, nc, "still.here.*")
			flush(t, nc)
			for round := range 4 {
				if state, err := nc.TLSConnectionState(); err != nil || state.Version < tls.VersionTLS12 {
					t.Errorf("TLS: %v, %v", state.Version, err)
				}
				text := strconv.Itoa(round)
				publish(t, nc, "still.here."+text, "before "+text)
				expect(t, sub, "before "+text)
				if round%2 == 0 {
					server.Kill()
				} else {
					server.Stop()
				}
				wait(t, "the news that the connection is lost", l.lost)
				publish(t, nc, "still.here."+text, "meanwhile "+text)
				server.Start()
				wait(t, "the reconnection", l.back)
				publish(t, nc, "still.here."+text, "after "+text)
				expect(t, sub, "meanwhile "+text, "after "+text)
			}
			if got := nc.Stats().Reconnects; got != 4 {
				t.Errorf("%d reconnections", got)
			}
			nc.Close()
			wait(t, "the end of the connection", l.closed)
			if secret := secretIn(t, server); bytes.Contains([]byte(server.Log()), secret) {
				t.Error("the log holds the secret of a user")
			}
		})
	}
}

// secretIn is what clients of a server keep to themselves.
func secretIn(t *testing.T, server *testkit.Server) []byte {
	t.Helper()
	dir, _ := folders.Load(server)
	for _, name := range []string{"password.txt", "user.nk"} {
		if text, err := os.ReadFile(filepath.Join(dir.(string), name)); err == nil {
			return text
		}
	}
	t.Fatal("there is no secret")
	return nil
}
