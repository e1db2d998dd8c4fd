package stream

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"myelin/internal/header"
)

// Header fields of a dead letter, which say where it comes from.
const (
	DeadPrefix           = "Myelin-Dead-"
	HeaderDeadReason     = DeadPrefix + "Reason"      // a DeadReason
	HeaderDeadDetail     = DeadPrefix + "Detail"      // what the client said when it gave the message up
	HeaderDeadStream     = DeadPrefix + "Stream"      // the stream that the message was in,
	HeaderDeadConsumer   = DeadPrefix + "Consumer"    // the consumer that did not handle it,
	HeaderDeadDeliveries = DeadPrefix + "Deliveries"  // and how often that delivered it
	HeaderDeadSubject    = DeadPrefix + "Subject"     // the subject that it was stored under
	HeaderDeadSequence   = DeadPrefix + "Sequence"    // its sequence in the stream
	HeaderDeadTime       = DeadPrefix + "Time"        // when that stored it, in RFC 3339
	HeaderDeadLost       = DeadPrefix + "Lost"        // it was gone before it could be read: header and body are missing
	HeaderDeadHeaderLost = DeadPrefix + "Header-Lost" // its own header is left out, since there is no room for it
)

// Message makes the message that the target gets, of the header and body of the one that was given up. That header's
// instructions are left out: they were obeyed once, and would be again. stream is the name of the stream that it was in.
func (d *DeadLetter) Message(stream string, block, body []byte) Append {
	made, _ := appendFields(nil, block, instructs)
	if made = header.AppendEnd(d.fields(made, stream)); len(made) > maxHeaderBytes {
		made = header.AppendField(d.fields(header.AppendStart(nil), stream), HeaderDeadHeaderLost, "true")
		made = header.AppendEnd(made)
	}
	return Append{Span: 1, Subject: []byte(d.Subject), Header: made, Body: body}
}

// Lost is Message for a message that is gone, as by a limit or a purge.
func (d *DeadLetter) Lost(stream string) Append {
	made := header.AppendField(d.fields(header.AppendStart(nil), stream), HeaderDeadLost, "true")
	return Append{Span: 1, Subject: []byte(d.Subject), Header: header.AppendEnd(made)}
}

// fields appends what is told about the message.
func (d *DeadLetter) fields(dst []byte, stream string) []byte {
	dst = header.AppendField(dst, HeaderDeadReason, d.Reason.String())
	if detail := oneLine(d.Detail); detail != "" {
		dst = header.AppendField(dst, HeaderDeadDetail, detail)
	}
	dst = header.AppendField(dst, HeaderDeadStream, stream)
	dst = header.AppendField(dst, HeaderDeadConsumer, d.Consumer)
	dst = header.AppendField(dst, HeaderDeadDeliveries, strconv.FormatUint(uint64(d.Deliveries), 10))
	dst = header.AppendField(dst, HeaderDeadSubject, d.Subject)
	dst = header.AppendField(dst, HeaderDeadSequence, strconv.FormatUint(d.Seq, 10))
	return header.AppendField(dst, HeaderDeadTime, time.Unix(0, d.Time).UTC().Format(time.RFC3339Nano))
}

// oneLine makes any bytes a text without control characters.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")))
}

// instructs reports whether a header field says something to a stream that stores the message, or is one of a dead letter.
func instructs(key []byte) bool {
	for _, prefix := range []string{DeadPrefix, expectedPrefix, batchPrefix, "Nats-Schedule"} {
		if bytes.HasPrefix(key, []byte(prefix)) {
			return true
		}
	}
	switch string(key) {
	case "Nats-Msg-Id", "Nats-Rollup", "Nats-Required-Api-Level", messageTTL, markerReason, counterIncrement, counterSources, streamSource:
		return true
	}
	return false
}
