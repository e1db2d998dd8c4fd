package nats

import (
	"math"
	"sync"
	"sync/atomic"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
	"myelin/internal/router"
)

// subscription is one interest of a connection.
//
// A message is counted when it is pushed to the connection, once per batch, under the lock of the
// outbound queue. Only for a subscription with a maximum it is also claimed when it is matched, so that
// no publisher matches more than are wanted.
type subscription struct {
	router.Sub
	conn *Conn
	sid  string

	left atomic.Int64 // deliveries that may still be claimed; unlimited: no maximum

	// guarded by conn.out.mu
	delivered int64
	max       int64 // deliveries after which it ends; 0: never; dropped: it has
}

const (
	unlimited = math.MaxInt64
	// dropped is the maximum of a subscription that the client ended: what is under way to it is not sent.
	dropped = -1
)

// newSubscription keeps its texts in one piece of memory.
func newSubscription(c *Conn, op *wire.Op) *subscription {
	p, q := len(op.Subject), len(op.Queue)
	text := make([]byte, 0, p+q+len(op.SID))
	text = append(append(append(text, op.Subject...), op.Queue...), op.SID...)
	all := string(text)
	s := &subscription{conn: c, sid: all[p+q:]}
	s.Pattern, s.Queue = all[:p], all[p:p+q]
	s.Sink = s
	s.left.Store(unlimited)
	return s
}

// Deliver appends the message's frame to the batch; see router.Sink.
func (s *subscription) Deliver(m *router.Message, b *router.Batch) bool {
	c := s.conn
	// The mark is read before the state is looked at: so if the subscription ends in between, Push sees
	// another mark and looks again.
	mark := c.out.ended.Load() + 1
	bits := c.flags.Load()
	if bits&closed != 0 || m.From == c.id && bits&noEcho != 0 || !s.claim() {
		return false
	}
	if len(m.Reply) > 0 {
		if answers := c.answers.Load(); answers != nil {
			answers.Received(m.Reply, c.clock().Now())
		}
	}
	f := b.To(c, c.id)
	if f.Mark == 0 {
		f.Mark = mark
	}
	header := m.Header
	if bits&headers == 0 {
		header = nil
	}
	var frame []byte
	if m.Tail != nil && (header != nil) == (m.Header != nil) {
		frame = f.Reserve(len("HMSG  ") + len(m.Subject) + len(s.sid) + len(m.Tail))
		frame = wire.AppendHead(frame, m.Subject, s.sid, header != nil)
		frame = append(frame, m.Tail...)
	} else {
		frame = f.Reserve(wire.FrameBound(len(m.Subject), len(s.sid), len(m.Reply), len(header), len(m.Payload)))
		frame = wire.AppendHead(frame, m.Subject, s.sid, header != nil)
		frame = wire.AppendTail(frame, m.Reply, header, m.Payload)
	}
	f.Commit(frame, &s.Sub, len(header)+len(m.Payload))
	if c.l.opt.Log.TraceEnabled() {
		s.traceMessage(m, header)
	}
	return true
}

// Drops reports whether a message must not be delivered, though the subscription is allowed; see router.Filter.
func (s *subscription) Drops(literal []byte) bool {
	filters := s.conn.filters.Load()
	if filters == nil {
		return false
	}
	filter, ok := filters.Load(s)
	return ok && filter.(*auth.Filter).Drops(literal)
}

// Filters reports whether the subscription has a filter; see router.Filter.
func (s *subscription) Filters() bool {
	filters := s.conn.filters.Load()
	if filters == nil {
		return false
	}
	_, ok := filters.Load(s)
	return ok
}

// setFilter has messages kept from a subscription; nil keeps none. Few subscriptions need a filter, so that they do not hold
// one each.
func (c *Conn) setFilter(s *subscription, filter *auth.Filter) {
	filters := c.filters.Load()
	switch {
	case filter != nil && filters == nil:
		filters = new(sync.Map)
		c.filters.Store(filters)
		filters.Store(s, filter)
	case filter != nil:
		filters.Store(s, filter)
	case filters != nil:
		filters.Delete(s)
	}
}

// claim takes one of the deliveries that are left.
func (s *subscription) claim() bool {
	return s.left.Load() == unlimited || s.left.Add(-1) >= 0
}

// spent reports whether all deliveries up to the maximum have been claimed.
func (s *subscription) spent() bool { return s.left.Load() <= 0 }

// holds reports whether the sid is taken. One whose last messages are under way is free again.
func (c *Conn) holds(sid []byte) bool {
	s := c.sub(sid)
	if s != nil && s.spent() {
		c.endSub(s)
		return false
	}
	return s != nil
}

// subscribe adds a subscription whose sid is free.
func (c *Conn) subscribe(op *wire.Op, filter *auth.Filter) {
	s := newSubscription(c, op)
	c.setFilter(s, filter)
	c.mu.Lock()
	if c.subs == nil {
		c.subs = make(map[string]*subscription)
	}
	c.subs[s.sid] = s
	c.mu.Unlock()
	c.session.Subscribe(&s.Sub)
}

// unsubscribe ends a subscription, at once or after max deliveries since its start.
func (c *Conn) unsubscribe(s *subscription, max int64) {
	o := &c.out
	o.mu.Lock()
	if max > s.delivered {
		s.max = max
		s.left.Store(max - s.delivered)
		o.mu.Unlock()
		return
	}
	s.left.Store(0)
	s.max = dropped
	o.ended.Add(1)
	o.mu.Unlock()
	c.endSub(s)
}

// endSub removes a subscription from the routing; it may be called twice.
func (c *Conn) endSub(s *subscription) {
	c.mu.Lock()
	current, account := c.subs[s.sid] == s, c.account // a connection moves when it has none
	if current {
		delete(c.subs, s.sid)
	}
	c.mu.Unlock()
	if current {
		account.Unsubscribe(&s.Sub)
		if filters := c.filters.Load(); filters != nil {
			filters.Delete(s)
		}
		if c.l.opt.Log.TraceEnabled() {
			c.l.opt.Log.Tracef("%s - <-> [DELSUB %s]", c, s.sid)
		}
	}
}

// dropSubs ends all subscriptions.
func (c *Conn) dropSubs() {
	c.mu.Lock()
	subs, account := c.subs, c.account
	c.subs = nil
	c.mu.Unlock()
	c.out.mu.Lock()
	for _, s := range subs {
		s.left.Store(0)
		s.max = dropped
	}
	c.out.ended.Add(1)
	c.out.mu.Unlock()
	for _, s := range subs {
		account.Unsubscribe(&s.Sub)
	}
	c.filters.Store(nil)
}

func (c *Conn) sub(sid []byte) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[string(sid)]
}

// crowded reports whether the connection has as many subscriptions as it may.
func (c *Conn) crowded() bool {
	most, limited := c.maxSubs()
	return limited && c.numSubs() >= most
}

// excessive reports whether the connection has more subscriptions than it may have by now.
func (c *Conn) excessive() bool {
	most, limited := c.maxSubs()
	return limited && c.numSubs() > most
}

func (c *Conn) numSubs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}
