package nats

import (
	"fmt"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
)

// refusal tells the client that a publish is not allowed, and returns what it was told; "" if it is allowed.
func (c *Conn) refusal(op *wire.Op) string {
	if g := c.login.guard; g == nil {
		if auth.ReservedSubject(op.Subject) {
			return c.forbidSubject(op.Subject)
		}
	} else if !g.CanPublish(op.Subject) && !g.CanAnswer(op.Subject, c.clock().Now()) {
		return c.forbidSubject(op.Subject)
	}
	if auth.ReservedReply(op.Reply) {
		text := auth.ReplyViolation(op.Reply)
		c.forbid(text, fmt.Sprintf("Publish Violation - Reply %q", op.Reply))
		return text
	}
	return ""
}

func (c *Conn) forbidSubject(literal []byte) string {
	text := auth.PublishViolation(literal)
	c.forbid(text, fmt.Sprintf("Publish Violation - Subject %q", literal))
	return text
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
