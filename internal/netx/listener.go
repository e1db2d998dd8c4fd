package netx

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"myelin/internal/clock"
)

// Acceptor accepts connections on one address until it is closed.
type Acceptor struct {
	listener net.Listener
	clock    clock.Clock
	done     chan struct{}
}

// Listen binds the address; a port of -1 lets the operating system choose.
func Listen(host string, port int, c clock.Clock) (*Acceptor, error) {
	if port == -1 {
		port = 0
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return &Acceptor{listener: listener, clock: c, done: make(chan struct{})}, nil
}

// Addr is the address that was bound.
func (a *Acceptor) Addr() *net.TCPAddr { return a.listener.Addr().(*net.TCPAddr) }

// Serve calls handle with each connection until Close. An error other than that is passed to failed, and
// tried again after a pause, since it is about one connection or a shortage that passes (descriptors).
func (a *Acceptor) Serve(handle func(net.Conn), failed func(error)) {
	defer close(a.done)
	const minPause, maxPause = 10 * time.Millisecond, time.Second
	pause := minPause
	for {
		conn, err := a.listener.Accept()
		switch {
		case err == nil:
			pause = minPause
			handle(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			failed(fmt.Errorf("accept: %w", err))
			a.clock.Sleep(pause)
			pause = min(2*pause, maxPause)
		}
	}
}

// Close stops listening; it returns when Serve has.
func (a *Acceptor) Close() error {
	err := a.listener.Close()
	<-a.done
	return err
}
