package stream

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"myelin/internal/header"
)

// Header fields of a dead letter.
const (
	deadPrefix     = "Myelin-Dead-"
	deadReason     = deadPrefix + "Reason"
	deadDetail     = deadPrefix + "Detail"
	deadStream     = deadPrefix + "Stream"
	deadConsumer   = deadPrefix + "Consumer"
	deadDeliveries = deadPrefix + "Deliveries"
	deadSubject    = deadPrefix + "Subject"
	deadSequence   = deadPrefix + "Sequence"
	deadTime       = deadPrefix + "Time"
	deadLost       = deadPrefix + "Lost"        // the message was gone before it could be read
	deadHeaderLost = deadPrefix + "Header-Lost" // its own header is left out, since there is no room for it
)

// Message makes the message that the target gets, of the header and body of the one that was given up. That header's
// instructions are left out: they were obeyed once, and would be again. stream is the name of the stream that it was in.
func (d *DeadLetter) Message(stream string, block, body []byte) Append {
	made, _ := appendFields(nil, block, instructs)
	if made = header.AppendEnd(d.fields(made, stream)); len(made) > maxHeaderBytes {
		made = header.AppendField(d.fields(header.AppendStart(nil), stream), deadHeaderLost, "true")
		made = header.AppendEnd(made)
	}
	return Append{Span: 1, Subject: []byte(d.Subject), Header: made, Body: body}
}

// Lost is Message for a message that is gone, as by a limit or a purge.
func (d *DeadLetter) Lost(stream string) Append {
	made := header.AppendField(d.fields(header.AppendStart(nil), stream), deadLost, "true")
	return Append{Span: 1, Subject: []byte(d.Subject), Header: header.AppendEnd(made)}
}

// fields appends what is told about the message.
func (d *DeadLetter) fields(dst []byte, stream string) []byte {
	dst = header.AppendField(dst, deadReason, d.Reason.String())
	if detail := oneLine(d.Detail); detail != "" {
		dst = header.AppendField(dst, deadDetail, detail)
	}
	dst = header.AppendField(dst, deadStream, stream)
	dst = header.AppendField(dst, deadConsumer, d.Consumer)
	dst = header.AppendField(dst, deadDeliveries, strconv.FormatUint(uint64(d.Deliveries), 10))
	dst = header.AppendField(dst, deadSubject, d.Subject)
	dst = header.AppendField(dst, deadSequence, strconv.FormatUint(d.Seq, 10))
	return header.AppendField(dst, deadTime, time.Unix(0, d.Time).UTC().Format(time.RFC3339Nano))
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
	for _, prefix := range []string{deadPrefix, expectedPrefix, batchPrefix, "Nats-Schedule"} {
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
