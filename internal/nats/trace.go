package nats

import (
	"bytes"
	"fmt"
	"regexp"

	"myelin/internal/nats/wire"
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
		verb := "PUB"
		if op.Header != nil {
			verb = "HPUB"
		}
		tracef("%s - <<- [%s %s %s %d]", c, verb, op.Subject, op.Reply, len(op.Header)+len(op.Payload))
		tracef("%s - <<- MSG_PAYLOAD: [%q]", c, c.cut(op.Payload))
	case wire.Sub:
		tracef("%s - <<- [SUB %s %s %s]", c, op.Subject, op.Queue, op.SID)
	case wire.Unsub:
		tracef("%s - <<- [UNSUB %s %d]", c, op.SID, op.Max)
	case wire.Ping:
		tracef("%s - <<- [PING]", c)
	case wire.Pong:
		tracef("%s - <<- [PONG]", c)
	case wire.Connect:
		tracef("%s - <<- [CONNECT %s]", c, redact(op.Arg))
	}
}

// traceOut logs an answer to the client.
func (c *Conn) traceOut(frame []byte) {
	c.l.opt.Log.Tracef("%s - ->> [%s]", c, bytes.TrimRight(frame, "\r\n "))
}

func (c *Conn) cut(payload []byte) []byte {
	if most := c.l.opt.MaxTraced; most > 0 && len(payload) > most {
		return payload[:most]
	}
	return payload
}

var secret = regexp.MustCompile(`("(?:pass|auth_token|jwt|sig|nkey)"\s*:\s*)"(?:[^"\\]|\\.)*"`)

// redact hides the secrets of a CONNECT document.
func redact(doc []byte) []byte { return secret.ReplaceAll(doc, []byte(`$1"[REDACTED]"`)) }
