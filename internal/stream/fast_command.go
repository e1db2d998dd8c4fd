package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"

	"myelin/internal/bin"
)

// Fast stores a message of a fast batch, whose place in it the reply subject says. A fast batch is no more
// atomic than single messages are; it is acknowledged by every so many messages, and tells its publisher
// what was lost on the way.
type Fast struct {
	ID     []byte
	Flow   uint16 // how many messages an acknowledgement may at most be for
	Strict bool   // a gap or a refusal ends the batch
	Seq    uint64 // from 1
	Op     FastOp
	Append
}

// FastOp is what a message does in its batch.
type FastOp uint8

// The operations. The last two store no message.
const (
	FastStart FastOp = iota
	FastAppend
	FastCommit
	FastEnd
	FastPing
	fastInvalid // a reply subject that says nothing sensible
)

const (
	fastSuffix   = ".$FI"
	fastTokens   = 6 // of the reply subject at its end, with the suffix
	defaultFlow  = 10
	maxFlow      = 500
	maxFastID    = 64
	maxFastOpens = 1000 // batches of a stream
)

// ParseFast reads the reply subject of a message,
//
//	<prefix>.<id>.<flow>.<ok|fail>.<sequence>.<operation>.$FI
//
// and reports whether the message is one of a fast batch. Slices point into reply. The message itself, and
// what else is wrong, is left to the machine.
func ParseFast(reply []byte) (f Fast, ok bool) {
	if !bytes.HasSuffix(reply, []byte(fastSuffix)) {
		return Fast{}, false
	}
	f.Op = fastInvalid
	tokens := bytes.Split(reply, []byte("."))
	if len(tokens) < fastTokens {
		return f, true
	}
	tokens = tokens[len(tokens)-fastTokens:]
	f.ID, f.Flow = tokens[0], fastFlow(tokens[1])
	mode, op := string(tokens[2]), tokens[4]
	seq, isSeq := sequence(tokens[3])
	f.Strict = mode == "fail"
	if (mode == "ok" || f.Strict) && isSeq && len(op) == 1 && op[0] >= '0' && op[0] <= '4' {
		f.Seq, f.Op = seq, FastOp(op[0]-'0')
	}
	return f, true
}

func fastFlow(text []byte) uint16 {
	n, err := strconv.Atoi(string(text)) // of one that is too large, the largest
	if err != nil && !errors.Is(err, strconv.ErrRange) || n <= 0 {
		return defaultFlow
	}
	return uint16(min(n, maxFlow))
}

// Encode appends the command to the Data of an entry. The slices of f are copied.
func (f *Fast) Encode(dst []byte) []byte {
	size := 1 + bytesBytes(f.ID) + uvarintBytes(uint64(f.Flow)) + 1 + uvarintBytes(f.Seq) + 1 + f.Append.encodedBytes()
	dst = append(binary.AppendUvarint(dst, uint64(size)), kindFast)
	dst = bin.AppendUvarint(bin.AppendBytes(dst, f.ID), uint64(f.Flow))
	dst = bin.AppendUvarint(bin.AppendBool(dst, f.Strict), f.Seq)
	return f.Append.Encode(append(dst, byte(f.Op)))
}

// decode reads the fields, and returns where in them the message stands.
func (f *Fast) decode(fields []byte) (at int, ok bool) {
	r := bin.NewReader(fields)
	id, flow := r.Bytes(), r.Uvarint()
	strict, seq, op := r.Bool(), r.Uvarint(), r.Byte()
	*f = Fast{ID: id, Flow: uint16(min(max(flow, 1), maxFlow)), Strict: strict, Seq: seq, Op: FastOp(op)}
	if at = r.Offset(); r.Err() != nil || op > byte(fastInvalid) {
		return 0, false
	}
	rest, ok := f.Append.cut(fields[at:])
	return at, ok && len(rest) == 0
}
