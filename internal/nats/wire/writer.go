package wire

import (
	"bytes"

	"myelin/internal/decimal"
	"myelin/internal/must"
)

// Frames that never change.
const (
	PingFrame = "PING\r\n"
	PongFrame = "PONG\r\n"
	OKFrame   = "+OK\r\n"
	lineEnd   = "\r\n"
)

// AppendHead appends the first part of a MSG frame, or of an HMSG frame when headers is set: all up to
// and with the sid. Op.Tail or AppendTail complete the frame.
func AppendHead(dst, subject []byte, sid string, headers bool) []byte {
	if headers {
		dst = append(dst, 'H')
	}
	dst = append(dst, "MSG "...)
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	return append(dst, sid...)
}

// AppendTail appends the second part of a MSG frame, or of an HMSG frame when header is not nil.
func AppendTail(dst, reply, header, payload []byte) []byte {
	dst = append(dst, ' ')
	if len(reply) > 0 {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	if header != nil {
		dst = decimal.Append(dst, uint64(len(header)))
		dst = append(dst, ' ')
	}
	dst = decimal.Append(dst, uint64(len(header)+len(payload)))
	dst = append(dst, lineEnd...)
	dst = append(dst, header...)
	dst = append(dst, payload...)
	return append(dst, lineEnd...)
}

// FrameBound is an upper bound of the length of a frame, in bytes, given the lengths of its parts.
func FrameBound(subject, sid, reply, header, payload int) int {
	const fixed = len("HMSG    \r\n\r\n") + 2*10 // two sizes of at most ten digits
	return fixed + subject + sid + reply + header + payload
}

// AppendError appends an -ERR frame with the text in single quotes.
func AppendError(dst []byte, text string) []byte {
	dst = append(dst, "-ERR '"...)
	dst = append(dst, text...)
	return append(dst, "'\r\n"...)
}

// AppendInfo appends an INFO frame with a JSON document.
func AppendInfo(dst, json []byte) []byte {
	dst = append(dst, "INFO "...)
	dst = append(dst, json...)
	return append(dst, " \r\n"...)
}

// MeasureFrame is the length of the frame at the start of b, which AppendHead, AppendTail or the other
// functions here have made, and of the message in it.
func MeasureFrame(b []byte) (frame, content int) {
	end := bytes.IndexByte(b, '\n') + 1
	if b[0] != 'M' && b[0] != 'H' {
		return end, 0
	}
	size, digits := trailingNumber(b[:end-len(lineEnd)])
	must.True(digits > 0 && len(b) >= end+size+len(lineEnd), "not a frame of ours: %.64q", b)
	return end + size + len(lineEnd), size
}

// ParseFrame takes a MSG or HMSG frame apart; header is nil for a MSG.
func ParseFrame(frame []byte) (subject, reply, header, payload []byte) {
	end := bytes.IndexByte(frame, '\n') + 1
	var words [6][]byte
	n := split(frame[:end-len(lineEnd)], words[:], isSpace)
	body := frame[end : len(frame)-len(lineEnd)]
	sizes := 1
	if frame[0] == 'H' {
		size := number(words[n-2])
		header, body = body[:size:size], body[size:]
		sizes = 2
	}
	if n == 4+sizes {
		reply = words[3]
	}
	return words[1], reply, header, body
}
