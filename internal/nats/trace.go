package nats

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"

	"myelin/internal/auth"
	"myelin/internal/nats/wire"
	"myelin/internal/router"
)

// clientName is how the log names a connection.
func clientName(host string, port int, id uint64) string {
	return fmt.Sprintf("%s:%d - cid:%d", host, port, id)
}

// traceIn logs an operation of the client.
func (c *Conn) traceIn(op *wire.Op) {
	tracef := c.l.opt.Log.Tracef
	switch op.Verb {
	case wire.Pub:
		if op.Header == nil {
			tracef("%s - <<- [%s]", c, line("PUB", op.Subject, op.Reply, size(op.Payload)))
		} else {
			tracef("%s - <<- [%s]", c, line("HPUB", op.Subject, op.Reply, size(op.Header), size(op.Header, op.Payload)))
		}
		tracef("%s - <<- MSG_PAYLOAD: [%q]", c, c.shown(op.Subject, op.Payload))
	case wire.Sub:
		tracef("%s - <<- [%s]", c, line("SUB", op.Subject, op.Queue, op.SID))
	case wire.Unsub:
		if op.Max > 0 {
			tracef("%s - <<- [UNSUB %s %d]", c, op.SID, op.Max)
		} else {
			tracef("%s - <<- [UNSUB %s]", c, op.SID)
		}
	case wire.Ping:
		tracef("%s - <<- [PING]", c)
	case wire.Pong:
		tracef("%s - <<- [PONG]", c)
	case wire.Connect:
		tracef("%s - <<- [CONNECT %s]", c, redact(op.Arg))
	}
}

// traceMessage logs a delivery.
func (s *subscription) traceMessage(m *router.Message, header []byte) {
	c := s.conn
	tracef := c.l.opt.Log.Tracef
	if header == nil {
		tracef("%s - ->> [%s]", c, line("MSG", m.Subject, []byte(s.sid), m.Reply, size(m.Payload)))
	} else {
		tracef("%s - ->> [%s]", c, line("HMSG", m.Subject, []byte(s.sid), m.Reply, size(header), size(header, m.Payload)))
	}
	tracef("%s - ->> MSG_PAYLOAD: [%q]", c, c.shown(m.Subject, m.Payload))
}

// line joins the words of an operation that are there.
func line(verb string, words ...[]byte) string {
	text := []byte(verb)
	for _, w := range words {
		if len(w) > 0 {
			text = append(append(text, ' '), w...)
		}
	}
	return string(text)
}

// size is the length of all parts, in digits.
func size(parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return strconv.AppendInt(nil, int64(n), 10)
}

// traceOut logs an answer to the client.
func (c *Conn) traceOut(frame []byte) {
	c.l.opt.Log.Tracef("%s - ->> [%s]", c, bytes.TrimRight(frame, "\r\n "))
}

// shown is what a log may show of a payload.
func (c *Conn) shown(subject, payload []byte) []byte {
	if auth.Confidential(subject) {
		return []byte("[REDACTED]")
	}
	if most := c.l.settings.Load().MaxTraced; most > 0 && len(payload) > most {
		return payload[:most]
	}
	return payload
}

// secret is a field of CONNECT that nobody is shown. Names of fields count in any case; a value need not end.
var secret = regexp.MustCompile(`(?i)("(?:pass|auth_token|jwt|sig|nkey|proxy_sig)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)`)

// redact hides the secrets of a CONNECT document.
func redact(doc []byte) []byte { return secret.ReplaceAll(doc, []byte(`$1"[REDACTED]"`)) }
