package durability

import (
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"myelin/internal/testkit"
)

// A connection ends with the server; gone is closed then.
type connection struct {
	*nats.Conn
	gone   chan struct{}
	ending *atomic.Bool // set before the server is ended: it may refuse everything now
}

func connect(t *testing.T, server *testkit.Server, ending *atomic.Bool) *connection {
	t.Helper()
	c := &connection{gone: make(chan struct{}), ending: ending}
	var err error
	c.Conn, err = nats.Connect(server.URL(), nats.NoReconnect(),
		nats.ClosedHandler(func(*nats.Conn) { close(c.gone) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the loss of the connection, for one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// unlessGone returns the error unless the server is going or gone, which is
// what happens here all the time.
func (c *connection) unlessGone(err error) error {
	if c.ending.Load() || !c.IsConnected() {
		return nil
	}
	return err
}

func (c *connection) request(subject string, body []byte) (*nats.Msg, error) {
	return c.Request(subject, body, patience)
}
