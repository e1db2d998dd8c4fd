package nats

import (
	"fmt"

	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/nats/wire"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// respond appends an answer to the connection's own batch, so that it keeps its place among deliveries.
func (c *Conn) respond(frame []byte) {
	b := c.session.Batch()
	f := b.To(c, c.id)
	if f.Mark == 0 {
		f.Mark = c.out.ended.Load() + 1
	}
	f.Commit(append(f.Reserve(len(frame)), frame...), nil, 0)
	if c.l.opt.Log.TraceEnabled() {
		c.traceOut(frame)
	}
}

// ok answers an operation of a verbose client.
func (c *Conn) ok() {
	if c.flags.has(verbose) {
		c.respond([]byte(wire.OKFrame))
	}
}

// complain tells the client of an error after which the connection stays.
func (c *Conn) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.respond(wire.AppendError(nil, text))
	c.l.opt.PeerLog.Errorf("%s - %s", c, text)
}

// publish is PUB and HPUB.
func (c *Conn) publish(op *wire.Op, m *router.Message) {
	c.counts.msgs++
	c.counts.bytes += int64(len(op.Header) + len(op.Payload))
	bits := c.flags.Load()
	if bits&pedantic != 0 && !subject.ValidLiteral(string(op.Subject)) {
		c.complain(textInvalidPublish)
	}
	if len(op.Header) > 0 && msgtrace.Wants(op.Header, c.session.Account().Sampling()) {
		c.publishTraced(op, m, bits)
	} else if c.refusal(op) == "" {
		c.offer(op, m, bits)
	}
}

// offer publishes what is allowed; bits are the connection's flags.
func (c *Conn) offer(op *wire.Op, m *router.Message, bits uint32) {
	if bits&verbose != 0 {
		c.ok()
	}
	m.Subject, m.Reply, m.Header, m.Payload = op.Subject, op.Reply, op.Header, op.Payload
	m.Tail, m.From = op.Tail, c.id
	if c.session.Publish(m) == 0 && len(m.Reply) > 0 && bits&noResponders != 0 {
		c.nobody(m)
	}
}

// nobody tells the sender of a request that there is no one to answer it, if it listens for the reply.
func (c *Conn) nobody(request *router.Message) {
	var own *subscription
	c.session.Matching(request.Reply, func(s *router.Sub) bool {
		if mine, ok := s.Sink.(*subscription); ok && mine.conn == c && s.Queue == "" {
			own = mine
		}
		return own == nil
	})
	if own == nil {
		return
	}
	// It is an answer to the connection, not a message: no maximum counts it.
	block := header.AppendEnd(header.AppendField(header.AppendStatus(nil, 503, ""), "Nats-Subject", request.Subject))
	c.respond(wire.AppendTail(wire.AppendHead(nil, request.Reply, own.sid, true), nil, block, nil))
}

// other is every operation that is not a publish.
func (c *Conn) other(op *wire.Op) *fatal {
	switch op.Verb {
	case wire.Sub:
		c.subscribeOp(op)
	case wire.Unsub:
		c.unsubscribeOp(op)
	case wire.Ping:
		c.ping()
	case wire.Pong:
		c.keep.pong(c)
	case wire.Connect:
		return c.connect(op.Arg)
	case wire.Info:
		return c.ignoreInfo(op.Arg)
	}
	return nil
}

func (c *Conn) subscribeOp(op *wire.Op) {
	limits := c.l.limits()
	pattern := string(op.Subject)
	allowed, filter := c.maySubscribe(op)
	switch {
	case !allowed:
	case limits.MaxSubTokens > 0 && subject.Tokens(pattern) > limits.MaxSubTokens:
		c.forbid(fmt.Sprintf("Permissions Violation for Subscription to %q, too many tokens", pattern),
			"Subscription Violation Too Many Tokens - "+place(op))
	case c.crowded():
		c.complain(textMaxSubscriptions)
	case c.holds(op.SID):
		c.ok() // as if nothing had been asked
	case !subject.ValidPattern(pattern):
		c.complain(textInvalidSubject)
	default:
		c.subscribe(op, filter)
		c.ok()
	}
}

// unsubscribeOp ends a subscription at its place in the stream of operations: what was published to it
// before still arrives.
func (c *Conn) unsubscribeOp(op *wire.Op) {
	if s := c.sub(op.SID); s != nil {
		c.session.Flush()
		c.unsubscribe(s, int64(op.Max))
	}
	c.ok()
}

// ping answers; the first time after CONNECT it also tells what the connection has become.
func (c *Conn) ping() {
	c.respond([]byte(wire.PongFrame))
	if !c.informed && c.connected && c.flags.has(asyncInfo) {
		c.informed = true
		info := c.l.info()
		account := c.session.Account()
		info.ConnectInfo, info.RemoteAccount = true, account.Name()
		info.MaxPayload = c.maxPayload()
		info.IsSystemAccount = account == c.l.opt.Broker.System()
		c.respond(info.frame(c))
	}
}
