package nats

import (
	"cmp"
	"slices"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
)

// Recheck has every connection ask whether it stays, and with which rights, since the gate has changed. It returns at once:
// each connection asks on its own goroutine.
func (l *Listener) Recheck() {
	l.mu.Lock()
	conns := l.open()
	l.mu.Unlock()
	for _, c := range conns {
		c.interrupt()
	}
}

// recheck looks whether somebody else decides by now who is let in, and if so whether the connection stays. One that waits to be let in
// goes on waiting.
func (c *Conn) recheck() *fatal {
	a := c.l.opt.Gate.Judge()
	if a == c.login.judge {
		return nil
	}
	c.login.judge = a
	before := c.login.identity
	if before == nil {
		if c.login.locked = a.Restricted(); !c.login.locked {
			return c.find(&connectOptions{})
		}
		return nil
	}
	now, err := a.Stays(before)
	switch {
	case err != nil:
		return c.refused(err)
	case now == before:
		return nil
	case now.Account != before.Account:
		return &fatal{ClientClosed, "", "the user is in another account now"}
	case c.account.Shed():
		c.login.shed = true
		return &fatal{reason: MaxAccountConns, text: textMaxAccountConns}
	}
	c.login.identity = now
	c.mu.Lock()
	c.about.identity = now
	c.mu.Unlock()
	c.reader.MaxPayload = c.maxPayload()
	c.permit(now.Rights)
	c.review(now.Rights)
	c.session.Flush()
	return nil
}

// review ends the subscriptions that rights do not allow, and says so, and decides anew what is kept from the others.
func (c *Conn) review(rights *auth.Rights) {
	c.mu.Lock()
	subs := make([]*subscription, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	c.mu.Unlock()
	slices.SortFunc(subs, func(a, b *subscription) int { return cmp.Compare(a.sid, b.sid) })
	for _, s := range subs {
		ok, filter := rights.CanSubscribe(s.Pattern, s.Queue)
		if ok {
			c.setFilter(s, filter)
			c.session.Account().Router().Refilter(&s.Sub)
			continue
		}
		c.unsubscribe(s, 0)
		c.respond(wire.AppendError(nil, auth.SubscriptionRevoked(s.Pattern, s.Queue, s.sid)))
		c.l.opt.PeerLog.Noticef("%s - Removed sub %q (sid %q) - not authorized", c, s.Pattern, s.sid)
	}
}
