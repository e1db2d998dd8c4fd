package nats

import (
	"cmp"
	"reflect"
	"slices"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
)

// Recheck has every connection look at what has changed: whether it stays, and with which rights, if the gate has another
// Authenticator; the limits; and what it is told, since that is another document now. It returns at once: each connection
// looks on its own goroutine.
func (l *Listener) Recheck() {
	info := l.info()
	l.mu.Lock()
	if !reflect.DeepEqual(info, l.told) {
		l.told = info
		l.edition.Add(1)
	}
	conns := l.open()
	l.mu.Unlock()
	for _, c := range conns {
		c.nudge()
	}
}

// RecheckOf is Recheck for the connections that are in some accounts, by name, or were let in by their services, if who may
// connect is all that has changed.
func (l *Listener) RecheckOf(concerns func(account string) bool) {
	l.mu.Lock()
	conns := l.open()
	l.mu.Unlock()
	for _, c := range conns {
		c.mu.Lock()
		account, identity := c.account, c.about.identity
		c.mu.Unlock()
		if account == nil {
			continue
		}
		service := identity != nil && identity.Claims != nil && identity.Claims.Service != "" && concerns(identity.Claims.Service)
		if service || concerns(account.Name()) {
			c.nudge()
		}
	}
}

// nudge has the connection look at what has changed, unless it will do so anyway before it waits for input: a handshake must
// not be interrupted.
func (c *Conn) nudge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flags.has(attentive) {
		c.interrupt()
	}
}

// attend has the connection be nudged from now on; what has changed before, it looks at with the first read.
func (c *Conn) attend() {
	c.mu.Lock()
	c.flags.set(attentive, attentive)
	c.mu.Unlock()
	if c.outdated() {
		c.interrupt()
	}
}

// ignore ends what attend began.
func (c *Conn) ignore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags.set(attentive, 0)
}

func (c *Conn) outdated() bool {
	l := c.l
	return c.login.judge != l.opt.Gate.Judge() || c.settings != l.settings.Load() || c.edition != l.edition.Load()
}

// recheck looks at what has changed.
func (c *Conn) recheck() *fatal {
	if f := c.rejudge(); f != nil {
		return f
	}
	c.adopt()
	if c.excessive() {
		return &fatal{reason: MaxSubscriptions, text: textMaxSubscriptions}
	}
	return nil
}

// adopt goes by the settings of the moment, and tells the client what it has to know of them.
func (c *Conn) adopt() {
	edition, most := c.l.edition.Load(), c.maxPayload()
	tell := edition != c.edition || most != c.reader.MaxPayload
	c.settings, c.edition = c.l.settings.Load(), edition
	c.reader.MaxControlLine, c.reader.MaxPayload = c.settings.Limits.MaxControlLine, most
	// Before the first PING clients expect nothing but its answer; then they are told anyway.
	if tell && c.informed {
		info := c.l.info()
		info.MaxPayload = most
		c.respond(info.frame(c))
		c.session.Flush()
	}
}

// rejudge looks whether somebody else decides by now who is let in, and if so whether the connection stays. One that waits to be let in
// goes on waiting.
func (c *Conn) rejudge() *fatal {
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
