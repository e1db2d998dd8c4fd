package nats

import (
	"fmt"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
)

// mayPublish reports whether a publish is allowed, and tells the client if not.
func (c *Conn) mayPublish(op *wire.Op) bool {
	if g := c.login.guard; g == nil {
		if auth.ReservedSubject(op.Subject) {
			return c.forbidSubject(op)
		}
	} else if !g.CanPublish(op.Subject) && !g.CanAnswer(op.Subject, c.clock().Now()) {
		return c.forbidSubject(op)
	}
	if auth.ReservedReply(op.Reply) {
		c.forbid(auth.ReplyViolation(op.Reply), fmt.Sprintf("Publish Violation - Reply %q", op.Reply))
		return false
	}
	return true
}

func (c *Conn) forbidSubject(op *wire.Op) bool {
	c.forbid(auth.PublishViolation(op.Subject), fmt.Sprintf("Publish Violation - Subject %q", op.Subject))
	return false
}

// maySubscribe reports whether a subscription is allowed, and tells the client if not; the filter is that of
// auth.Rights.CanSubscribe.
func (c *Conn) maySubscribe(op *wire.Op) (ok bool, filter *auth.Filter) {
	pattern, queue := string(op.Subject), string(op.Queue)
	if g := c.login.guard; g != nil {
		ok, filter = g.Rights().CanSubscribe(pattern, queue)
	} else {
		ok = queue != auth.SystemQueue
	}
	if !ok {
		c.forbid(auth.SubscribeViolation(pattern, queue), "Subscription Violation - "+place(op))
	}
	return ok, filter
}

// place says for the log which subscription is meant.
func place(op *wire.Op) string {
	if len(op.Queue) == 0 {
		return fmt.Sprintf("Subject %q, SID %s", op.Subject, op.SID)
	}
	return fmt.Sprintf("Subject %q, Queue: %q, SID %s", op.Subject, op.Queue, op.SID)
}

// forbid tells the client that it may not do what it asked for, and the log more about it.
func (c *Conn) forbid(text, detail string) {
	c.respond(wire.AppendError(nil, text))
	c.l.opt.PeerLog.Errorf("%s - %s", c, detail)
}
