// Package nats is the guest that speaks the NATS client protocol.
//
// A Listener accepts connections; a Conn is one of them. Each Conn has one goroutine that reads: it owns
// the parser and the session, routes what arrives, and flushes once per read buffer. What is sent to a
// connection passes through its outbound queue, which any publisher pushes to under a lock; whoever finds
// the socket idle becomes its writer, in place for a little, on a goroutine of its own for more. So an
// idle connection costs one parked goroutine and holds no buffer.
//
// Only the reading goroutine takes a connection down. Others close the socket, or interrupt the read,
// and leave the rest to it.
package nats

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/gate"
	"myelin/internal/netx"
	"myelin/internal/report"
)

// Registry is where connections are entered; the server shares one among its guests.
type Registry = netx.Registry[Guest, report.Conn]

// Guest is an open connection as the server sees it.
type Guest interface {
	Describe() report.Conn
}

// Limits bound what one connection may do. Sizes are in bytes.
type Limits struct {
	MaxControlLine   int
	MaxPayload       int
	MaxPending       int64
	MaxConnections   int // 0: unlimited
	MaxSubscriptions int // per connection; 0: unlimited
	MaxSubTokens     int // tokens of a subscribed subject; 0: unlimited
	NoHeaders        bool
	NoStall          bool          // fast publishers are never held back
	WriteDeadline    time.Duration // for one write to make progress
	RetryWrites      bool          // a missed write deadline is not the end of the connection
	AuthTimeout      time.Duration // within which a connection says who it is
	PingInterval     time.Duration
	PingMax          int // pings without an answer that end a connection
}

// Logger is where a Listener reports to.
type Logger interface {
	Noticef(format string, args ...any)
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
	Debugf(format string, args ...any)
	Tracef(format string, args ...any)
	TraceEnabled() bool
}

// PeerLogger is where a Listener reports what peers do wrong. They can do that at any rate, so it may drop
// lines.
type PeerLogger interface {
	Noticef(format string, args ...any)
	Errorf(format string, args ...any)
}

// Options are what a Listener needs.
type Options struct {
	Broker   *broker.Broker
	Gate     *gate.Gate
	Observer Observer // nil: nobody is told who comes and goes
	Tracer   Tracer   // nil: traces of messages are not published
	Registry *Registry
	Clock    clock.Clock
	Log      Logger
	PeerLog  PeerLogger
	Settings
	TLS *TLS // nil: connections are not protected
}

// Listener accepts client connections and keeps the totals over all of them.
type Listener struct {
	opt      Options
	acceptor *netx.Acceptor
	totals   totals
	closing  chan struct{}            // closed when Close begins
	settings atomic.Pointer[Settings] // in force; those of opt are from the beginning
	tls      atomic.Pointer[TLS]
	rate     rate
	edition  atomic.Uint32 // of what connections are told; grows when that changes

	mu       sync.Mutex
	told     Info // of the edition
	lameDuck bool
	conns    map[*Conn]struct{}
	gone     sync.WaitGroup // connections that are being served
}

// totals are sums over all connections, open or closed.
type totals struct {
	inMsgs, inBytes, outMsgs, outBytes atomic.Int64
	slow, stale, stalls                atomic.Int64
}

// Listen binds the address and returns a listener that accepts nothing until Serve. A port of -1 is
// chosen by the operating system.
func Listen(host string, port int, opt Options) (*Listener, error) {
	acceptor, err := netx.Listen(host, port, opt.Clock)
	if err != nil {
		return nil, err
	}
	l := &Listener{opt: opt, acceptor: acceptor, conns: make(map[*Conn]struct{}), closing: make(chan struct{})}
	l.set(opt.Settings)
	l.SetTLS(opt.TLS)
	l.told = l.info()
	return l, nil
}

// Addr is the address that clients connect to.
func (l *Listener) Addr() *net.TCPAddr { return l.acceptor.Addr() }

// Info is what connections are told when they are opened, but for what differs between them.
func (l *Listener) Info() Info { return l.settings.Load().Info }

// Serve accepts connections until Close or LameDuck.
func (l *Listener) Serve() {
	l.acceptor.Serve(
		func(c net.Conn) { l.admit(c) },
		func(err error) { l.opt.Log.Errorf("Error trying to accept client connection: %v", err) })
}

// admit starts to serve a connection.
func (l *Listener) admit(nc net.Conn) {
	c := newConn(l, nc)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		nc.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.gone.Add(1)
	go c.serve()
}

// forget is called by a connection that has been taken down.
func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	l.gone.Done()
}

// Totals returns the sums over all connections there have been.
func (l *Listener) Totals() report.Counters {
	t := &l.totals
	return report.Counters{
		InMsgs: t.inMsgs.Load(), InBytes: t.inBytes.Load(), OutMsgs: t.outMsgs.Load(), OutBytes: t.outBytes.Load(),
		SlowConsumers: t.slow.Load(), StaleConnections: t.stale.Load(), StalledClients: t.stalls.Load(),
	}
}

// StopAccepting closes the port; connections stay.
func (l *Listener) StopAccepting() { l.acceptor.Close() }

// EnterLameDuck tells every client that this server is about to go, so that it finds another.
func (l *Listener) EnterLameDuck() {
	l.mu.Lock()
	l.lameDuck = true
	conns := l.open()
	l.mu.Unlock()
	for _, c := range conns {
		c.announce()
	}
}

// maxSpread is the longest pause between two connections: few of them need not take the whole time.
const maxSpread = time.Second

// Spread closes the connections one by one, evenly over the given time, or in less if there are few; it
// returns early when stop is closed.
func (l *Listener) Spread(over time.Duration, stop <-chan struct{}) {
	l.mu.Lock()
	conns := l.open()
	l.mu.Unlock()
	if len(conns) == 0 {
		return
	}
	pause := min(over/time.Duration(len(conns)), maxSpread)
	for _, c := range conns {
		if c.flags.has(closed) {
			continue // it has gone by itself, as it was asked to
		}
		c.leave(ServerShutdown)
		select {
		case <-l.opt.Clock.After(pause):
		case <-stop:
			return
		}
	}
}

// Close ends all connections and returns when they are gone. StopAccepting comes first.
func (l *Listener) Close() {
	l.mu.Lock()
	conns := l.open()
	if l.conns != nil {
		close(l.closing)
	}
	l.conns = nil
	l.mu.Unlock()
	for _, c := range conns {
		c.leave(ServerShutdown)
	}
	l.gone.Wait()
}

// open lists the connections; l.mu is held.
func (l *Listener) open() []*Conn {
	conns := make([]*Conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	return conns
}
