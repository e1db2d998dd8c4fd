package nats

import (
	"math/rand/v2"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/msgtrace"
	"myelin/internal/nats/wire"
	"myelin/internal/router"
)

// Tracer publishes the traces of messages.
type Tracer interface {
	// Trace publishes a trace that is complete in the account that its message came from. It must not block.
	Trace(account *broker.Account, t *msgtrace.Trace)
}

// publishTraced is publish for a message that may ask for a trace.
func (c *Conn) publishTraced(op *wire.Op, m *router.Message, bits uint32) {
	account := c.session.Account()
	ask, ok := msgtrace.ReadAsk(op.Header, account.Sampling(), rand.Uint32N)
	if !ok {
		if c.refusal(op) == "" {
			c.offer(op, m, bits)
		}
		return
	}
	if !c.mayTraceTo([]byte(ask.Dest)) {
		return
	}
	t := ask.Begin(op.Header, op.Payload, c.clock(), func(t *msgtrace.Trace) {
		if tracer := c.l.opt.Tracer; tracer != nil {
			tracer.Trace(account, t)
		}
	})
	in := msgtrace.Ingress{CID: c.id, Name: c.clientName(), Account: account.Name(), Subject: string(op.Subject)}
	in.Error = c.refusal(op)
	t.Enter(in)
	if in.Error == "" {
		m.Trace = t
		c.offer(op, m, bits)
		m.Trace = nil
	}
	t.Close()
}

// mayTraceTo reports whether traces may be published on a subject, and tells the client if not: then its message goes nowhere.
func (c *Conn) mayTraceTo(dest []byte) bool {
	if g := c.login.guard; g == nil && !auth.ReservedSubject(dest) || g != nil && g.CanPublish(dest) {
		return true
	}
	c.forbidSubject(dest)
	return false
}

// clientName is what the client calls itself.
func (c *Conn) clientName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.about.name
}

// Trace implements router.Tracer.
func (s *subscription) Trace(m *router.Message, b *router.Batch, denied bool) (taken bool) {
	c := s.conn
	e := msgtrace.Egress{CID: c.id, Name: c.clientName(), Pattern: s.Pattern, Queue: s.Queue}
	switch {
	case denied:
		e.Error = msgtrace.SubDenied
	case c.flags.has(closed):
		e.Error = msgtrace.ClientClosed
	case m.From == c.id && c.flags.has(noEcho):
		e.Error = msgtrace.NoEcho
	case m.Trace.Only:
		taken = s.left.Load() > 0
	default:
		taken = s.Deliver(m, b)
	}
	if !taken && e.Error == "" {
		e.Error = msgtrace.AutoUnsubscribed
	}
	m.Trace.Leave(e)
	return taken
}
