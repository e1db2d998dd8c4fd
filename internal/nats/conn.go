package nats

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/nats/wire"
	"myelin/internal/netx"
)

// Conn is one client connection.
type Conn struct {
	// fixed
	l     *Listener
	id    uint64
	net   *netx.Conn
	host  string
	port  int
	start time.Time

	// of the reading goroutine, but see broker.Session
	session   *broker.Session
	login     login
	in        input
	reader    wire.Reader
	counts    counts
	settings  *Settings // that it goes by, see recheck
	edition   uint32    // of what it was told last
	connected bool      // CONNECT was seen
	informed  bool      // the INFO that follows the first PING after CONNECT was sent
	optional  *TLS      // what protects the connection if its first input asks for it; nil: nothing was to be asked, or it was
	keep      keepAlive

	// read by anybody
	flags    flags
	secured  atomic.Pointer[secured]    // how the connection is protected; nil: not
	label    atomic.Pointer[string]     // what the log calls the client, besides its address
	filters  atomic.Pointer[sync.Map]   // by subscription, an *auth.Filter; nil: nothing is kept from any
	answers  atomic.Pointer[auth.Guard] // is told of requests, since they may be answered; nil: need not
	activity atomic.Int64               // time of the last input, in nanoseconds since 1970
	rtt      atomic.Int64               // in nanoseconds; 0: unknown
	stalls   atomic.Int64
	inMsgs   atomic.Int64
	inBytes  atomic.Int64

	out outbound

	mu      sync.Mutex // guards what follows
	subs    map[string]*subscription
	about   about
	account *broker.Account // nil: nobody was let in; the reading goroutine changes it
	why     Reason          // set once, by whoever closes first
}

// flags are what a connection negotiated; read by those who deliver to it.
type flags struct{ atomic.Uint32 }

const (
	verbose      = 1 << iota // every operation is answered by +OK
	pedantic                 // published subjects are checked
	noEcho                   // own messages are not delivered
	headers                  // HMSG is understood
	noResponders             // requests that nobody takes are answered by 503
	asyncInfo                // INFO may come at any time
	attentive                // waits for input, so that it may be interrupted; set and cleared under Conn.mu
	closed                   // takes no more messages
)

func (f *flags) has(bit uint32) bool { return f.Load()&bit != 0 }

// set replaces the bits of mask.
func (f *flags) set(mask, bits uint32) {
	for {
		old := f.Load()
		if f.CompareAndSwap(old, old&^mask|bits) {
			return
		}
	}
}

// counts are gathered while a read buffer is worked on, and added to the totals once.
type counts struct{ msgs, bytes int64 }

// newConn prepares a connection; serve does the work.
func newConn(l *Listener, nc net.Conn) *Conn {
	c := &Conn{l: l, net: netx.NewConn(nc), start: l.opt.Clock.Now(), id: l.opt.Registry.Next()}
	c.settings, c.edition = l.settings.Load(), l.edition.Load()
	limits := &c.settings.Limits
	if addr, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.host, c.port = addr.IP.String(), addr.Port
	}
	c.session = l.opt.Broker.Open(c)
	c.login.start(l.opt.Gate.Judge())
	c.reader = wire.Reader{MaxControlLine: limits.MaxControlLine, MaxPayload: limits.MaxPayload}
	c.flags.Store(verbose | pedantic)
	c.activity.Store(c.start.UnixNano())
	return c
}

// serve is the life of a connection.
func (c *Conn) serve() {
	defer c.l.forget(c)
	f := c.enter()
	if f == nil && !c.l.opt.Registry.Add(c.id, c, c.l.limits().MaxConnections) {
		f = &fatal{reason: MaxConnections, text: textMaxConnections}
	}
	t := c.l.tls.Load()
	if t == nil || !t.First {
		c.tell(c.greeting()) // who has heard it is counted
	}
	if f != nil {
		c.fail(f)
		c.finish()
		return
	}
	c.debugf("Client connection created")
	if c.protect(t) {
		c.keep.start(c)
		c.attend()
		c.readLoop()
		c.ignore()
		c.keep.stop()
	}
	c.finish()
	c.debugf("Client connection closed: %s", c.reason())
}

// close ends the connection from outside of its reading goroutine. What waits to be written is lost.
func (c *Conn) close(why Reason) {
	if !c.decide(why) {
		return
	}
	c.out.shut()
	c.net.Close()
}

// leave ends the connection from outside of its reading goroutine, once what waits for the peer is written.
func (c *Conn) leave(why Reason) {
	if c.decide(why) {
		c.interrupt()
	}
}

// interrupt wakes the reading goroutine: its read ends, and a tick follows.
func (c *Conn) interrupt() {
	// An error means that the socket is closed, which ends the read too.
	_ = c.net.SetReadDeadline(time.Unix(1, 0))
}

// fail ends the connection for an error that the peer is told; the reading goroutine calls it, and then
// finish.
func (c *Conn) fail(f *fatal) {
	if !c.decide(f.reason) {
		return
	}
	if f.text != "" {
		c.respond(wire.AppendError(nil, f.text))
	}
	c.flush()
	if f.reason == AuthTimeout {
		c.debugf("%s", f.Error()) // who only connects must not fill the log
		return
	}
	c.l.opt.PeerLog.Errorf("%s - %s", c, f.Error())
}

// decide notes why the connection closes; it reports false when that was known already. From now on it
// takes no message.
func (c *Conn) decide(why Reason) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != "" {
		return false
	}
	c.why = why
	c.flags.set(closed, closed)
	return true
}

func (c *Conn) reason() Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// rest gives memory back that is needed for publishing only.
func (c *Conn) rest() {
	c.session.Rest()
	if c.login.guard != nil {
		c.login.guard.Rest()
	}
}

// finish takes the connection down: it leaves the routing and the registry at once, and closes the
// socket when what waits for the peer is written.
func (c *Conn) finish() {
	c.rest()
	last := c.lastView()
	c.dropSubs()
	c.leaveAccount()
	c.l.opt.Registry.Remove(c.id, last)
	c.in.free()
	c.drain()
	c.linger()
	c.net.Close()
}

// linger gives the peer a moment to read the last words: closing a socket that has unread input would
// destroy what is under way to the peer.
func (c *Conn) linger() {
	const patience, most = 250 * time.Millisecond, 16 << 20
	switch c.reason() {
	case ProtocolViolation, MaxPayload, MaxControlLine, MaxConnections, MaxAccountConns, BadProtocolVersion, NoRespondersNoHdr,
		AuthFailure, AuthTimeout, AuthExpired, CredentialsRevoked, ProxyNotTrusted, ProxyRequired, StaleConnection, TLSHandshake:
	default:
		return
	}
	if c.net.CloseWrite() != nil || c.net.SetReadDeadline(c.l.opt.Clock.Now().Add(patience)) != nil {
		return
	}
	chunk := netx.NewChunk(8 << 10)
	defer chunk.Free()
	for total := 0; total < most; {
		n, err := c.net.Read(chunk.B[:cap(chunk.B)])
		if err != nil {
			return
		}
		total += n
	}
}

// String identifies the connection in the log.
func (c *Conn) String() string {
	name := clientName(c.host, c.port, c.id)
	if label := c.label.Load(); label != nil {
		name += *label
	}
	return name
}

func (c *Conn) debugf(format string, args ...any) {
	c.l.opt.Log.Debugf("%s - "+format, append([]any{c}, args...)...)
}

func (c *Conn) clock() clock.Clock { return c.l.opt.Clock }
