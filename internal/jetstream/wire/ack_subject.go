package wire

import (
	"bytes"
	"math"

	"myelin/internal/decimal"
	"myelin/internal/stream"
)

const ackPrefix = "$JS.ACK."

// AckSubject is what the reply subject of a delivered message says. There are two forms:
//
//	$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<consumer sequence>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<count>.<sequence>.<consumer sequence>.<time>.<pending>
//
// A domain that has no name is "_". Behind the second form there may be more tokens, which are not read.
type AckSubject struct {
	Domain, Account  []byte // nil in the first form
	Stream, Consumer []byte
	Count            uint32 // deliveries of the message, from 1
	Seq, DSeq        uint64 // its sequence in the stream, and that of its delivery in the consumer
	Time             int64  // of the message
	Pending          uint64 // messages that the consumer had behind it
}

const (
	ackNames   = 2 // the tokens of the first form behind the prefix: names,
	ackNumbers = 5 // then numbers
	ackScope   = 2 // the further names of the second form
)

// ParseAckSubject reads a subject of either form. Only the sequence must be a number, as in a stock server: other
// numbers that are none, or too large, are 0. Slices point into subject.
func ParseAckSubject(subject []byte) (a AckSubject, ok bool) {
	rest, ok := bytes.CutPrefix(subject, []byte(ackPrefix))
	if !ok {
		return a, false
	}
	var tokens [ackScope + ackNames + ackNumbers][]byte
	all := tokens[:]
	switch n := cutTokens(rest, all); {
	case n == ackNames+ackNumbers:
		all = all[:n]
	case n == len(tokens):
		if a.Domain, a.Account = all[0], all[1]; len(a.Domain) == 0 || len(a.Account) == 0 {
			return AckSubject{}, false
		}
		all = all[ackScope:]
	default:
		return a, false
	}
	a.Stream, a.Consumer = all[0], all[1]
	numbers := all[ackNames:]
	if a.Seq, ok = parseUint(numbers[1]); !ok || len(a.Stream) == 0 || len(a.Consumer) == 0 {
		return AckSubject{}, false
	}
	a.Count = uint32(lenientUint(numbers[0], math.MaxUint32))
	a.DSeq = lenientUint(numbers[2], math.MaxUint64)
	a.Time = int64(lenientUint(numbers[3], math.MaxInt64))
	a.Pending = lenientUint(numbers[4], math.MaxUint64)
	return a, true
}

// cutTokens finds the first tokens of a subject, as many as there is room for, and returns how many there are.
func cutTokens(text []byte, tokens [][]byte) (n int) {
	start := 0
	for i, c := range text {
		if c == '.' {
			tokens[n] = text[start:i]
			if n++; n == len(tokens) {
				return n
			}
			start = i + 1
		}
	}
	tokens[n] = text[start:]
	return n + 1
}

// Item is what becomes of the message but for what the payload says, which ParseAck adds.
func (a *AckSubject) Item() stream.AckItem {
	return stream.AckItem{Seq: a.Seq, DSeq: a.DSeq, Time: a.Time}
}

// lenientUint is 0 for what is no number, or above a limit.
func lenientUint(text []byte, limit uint64) uint64 {
	if n, ok := parseUint(text); ok && n <= limit {
		return n
	}
	return 0
}

// cutToken cuts the first token off; rest is empty behind the last one.
func cutToken(text []byte) (token, rest []byte) {
	if i := bytes.IndexByte(text, '.'); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, nil
}

// parseUint reads a decimal number that is all of text.
func parseUint(text []byte) (n uint64, ok bool) {
	const safeDigits = 19 // which 64 bits have room for
	if len(text) == 0 {
		return 0, false
	}
	for _, c := range text[:min(len(text), safeDigits)] {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false
		}
		n = n*10 + d
	}
	for _, c := range text[min(len(text), safeDigits):] {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// AppendAckPrefix appends what the reply subjects of all messages of a consumer begin with, with the last dot.
func AppendAckPrefix(dst []byte, scope Scope, stream, consumer string) []byte {
	return appendNames(append(dst, ackPrefix...), scope, stream, consumer)
}

// AppendAckSubject appends the reply subject of a delivered message: the prefix of its consumer, and its numbers.
func AppendAckSubject(dst, prefix []byte, count uint32, seq, dseq uint64, time int64, pending uint64) []byte {
	dst = decimal.Append(append(dst, prefix...), uint64(count))
	dst = decimal.Append(append(dst, '.'), seq)
	dst = decimal.Append(append(dst, '.'), dseq)
	dst = decimal.Append(append(dst, '.'), uint64(max(time, 0)))
	return decimal.Append(append(dst, '.'), pending)
}
