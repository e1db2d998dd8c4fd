package wire

import (
	"bytes"
	"encoding/json"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/stream"
)

// Words that payloads of acknowledgements begin with.
const (
	wordAck      = "+ACK"
	wordOK       = "+OK"
	wordNak      = "-NAK"
	wordProgress = "+WPI"
	wordNext     = "+NXT"
	wordTerm     = "+TERM"
)

// AckKind is what a payload says besides what becomes of the message.
type AckKind uint8

// The kinds.
const (
	AckUnknown  AckKind = iota // it says nothing that is known; who waits for an answer gets one, and that is all
	AckPlain                   // who waits for an answer gets an empty one once it was applied
	AckWithNext                // the reply subject is for the messages that it asks for; there is no empty answer
)

// ParseAck reads the payload of an acknowledgement into the parts of an item that it determines: Kind, Delay and
// Reason, which points into payload. Words are in upper case with nothing before them. Nothing may follow
// +ACK and +OK; what follows the others, with blanks around it, is a reason for +TERM, a request for
// +NXT (which NextRequest reads) and a delay for -NAK: an object like {"delay":nanoseconds}, or a duration like
// 1m30s. A delay that cannot be read is none.
func ParseAck(payload []byte, item *stream.AckItem) AckKind {
	switch {
	case len(payload) == 0, string(payload) == wordAck, string(payload) == wordOK:
		item.Kind = stream.AckDone
	case bytes.HasPrefix(payload, []byte(wordNak)):
		item.Kind, item.Delay = stream.AckNak, parseDelay(payload[len(wordNak):])
	case bytes.HasPrefix(payload, []byte(wordProgress)):
		item.Kind = stream.AckProgress
	case bytes.HasPrefix(payload, []byte(wordNext)):
		item.Kind = stream.AckDone
		return AckWithNext
	case bytes.HasPrefix(payload, []byte(wordTerm)):
		item.Kind, item.Reason = stream.AckTerm, bytes.TrimSpace(payload[len(wordTerm):])
	default:
		return AckUnknown
	}
	return AckPlain
}

// NextRequest reads the request in a payload for which ParseAck returned AckWithNext, as ParsePull does.
func NextRequest(payload, to []byte) (r consumer.Request, problem string) {
	return ParsePull(bytes.TrimPrefix(payload, []byte(wordNext)), to)
}

// ConsumerNakOptions is what an object behind -NAK says.
type ConsumerNakOptions struct {
	Delay time.Duration `json:"delay"`
}

// parseDelay reads what follows -NAK, in nanoseconds.
func parseDelay(text []byte) int64 {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return 0
	}
	if text[0] == '{' {
		return parseDelayObject(text)
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return 0
	}
	return max(int64(d), 0)
}

// parseDelayObject reads an object.
func parseDelayObject(text []byte) int64 {
	if n, ok := plainDelay(text); ok {
		return n
	}
	var q ConsumerNakOptions
	if json.Unmarshal(text, &q) != nil {
		return 0
	}
	return max(int64(q.Delay), 0)
}

// plainDelay reads what clients send, {"delay": 123}, with or without the blank, and allocates nothing. It leaves to others what is written in any other way.
func plainDelay(text []byte) (nanos int64, ok bool) {
	const maxDigits = 18
	digits, ok := bytes.CutPrefix(text, []byte(`{"delay":`))
	if !ok {
		return 0, false
	}
	digits, ok = bytes.CutSuffix(bytes.TrimPrefix(digits, []byte(" ")), []byte("}"))
	if !ok || len(digits) == 0 || len(digits) > maxDigits || digits[0] == '0' {
		return 0, false
	}
	n, ok := parseUint(digits)
	return int64(n), ok
}
