package stream

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"myelin/internal/bin"
)

// The Data of an entry is a sequence of commands:
//
//	uvarint  length of what follows
//	byte     kind
//	...      fields, in the order of the structs: bytes and strings with their length, numbers as
//	         uvarints, times as varints, flags as bytes; the body of an Append is all that is left.
//	         An Append within another command stands there as a command of its own, so that
//	         Stored.Offset can name it.
//
// Kinds keep their numbers, since they are in logs.
const (
	kindAppend = iota + 1
	kindDelete
	kindPurge
	kindConfigure
	kindTick
	kindCopy
	kindSkip
	kindFollow
	kindBatch
	kindFire
	kindZone
	kindFast
	kindAddConsumer // consumer_command.go
	kindDropConsumer
	kindPauseConsumer
	kindResetConsumer
	kindDelivered
	kindAck
	kindRelayed // outbox_command.go
	kindDeposit
	kindTaken           // taken.go
	kindRestoreConsumer // consumer_backup.go
	kindRestoreOutbox   // outbox_backup.go
	kindRestoreDepositor
)

// Append stores a message. A Span above 1 says that the body is a batch of so many, in a form of its
// publisher's, which takes as many sequences and is kept and removed as one.
type Append struct {
	Span    uint32
	Subject []byte
	Header  []byte // a header block or nothing
	Body    []byte
}

// Delete removes one message; with Erase its bytes are to be overwritten.
type Delete struct {
	Seq   uint64
	Erase bool
}

// Purge removes messages: all, or those whose subject matches Filter; of these all before the sequence
// Before, or all but the last Keep. Not both may be set.
type Purge struct {
	Filter string
	Before uint64
	Keep   uint64
}

// Configure creates the stream or changes its configuration.
type Configure struct{ Config *Config }

// Tick removes what has expired. A host sends it once Deadline has come; later will do.
type Tick struct{}

// maxSpan bounds what one message may take.
const maxSpan = 1 << 31

var errCommand = errors.New("malformed command")

// Encode appends the command to the Data of an entry. The slices of a are copied.
func (a *Append) Encode(dst []byte) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(a.commandBytes())), kindAppend)
	dst = binary.AppendUvarint(dst, uint64(a.Span))
	dst = bin.AppendBytes(bin.AppendBytes(dst, a.Subject), a.Header)
	return append(dst, a.Body...)
}

// commandBytes is the size of the command without its length.
func (a *Append) commandBytes() int {
	return 1 + uvarintBytes(uint64(a.Span)) + bytesBytes(a.Subject) + bytesBytes(a.Header) + len(a.Body)
}

// encodedBytes is the size of the command with its length.
func (a *Append) encodedBytes() int {
	n := a.commandBytes()
	return uvarintBytes(uint64(n)) + n
}

// Encode appends the command to the Data of an entry.
func (d Delete) Encode(dst []byte) []byte {
	fields := bin.AppendUvarint([]byte{kindDelete}, d.Seq)
	return bin.AppendBytes(dst, bin.AppendBool(fields, d.Erase))
}

// Encode appends the command to the Data of an entry.
func (p Purge) Encode(dst []byte) []byte {
	fields := bin.AppendString([]byte{kindPurge}, p.Filter)
	return bin.AppendBytes(dst, bin.AppendUvarint(bin.AppendUvarint(fields, p.Before), p.Keep))
}

// Encode appends the command to the Data of an entry.
func (c Configure) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, c.Config.Append([]byte{kindConfigure}))
}

// Encode appends the command to the Data of an entry.
func (Tick) Encode(dst []byte) []byte { return bin.AppendBytes(dst, []byte{kindTick}) }

func uvarintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func bytesBytes(b []byte) int { return uvarintBytes(uint64(len(b))) + len(b) }

// ReadAppend decodes the Append command at the start of data, whose slices point into data. It is for who
// finds a message again by Stored.Offset.
func ReadAppend(data []byte) (Append, error) {
	var a Append
	if _, ok := a.cut(data); !ok {
		return Append{}, errCommand
	}
	return a, nil
}

// cut decodes the Append command at the start of data, and returns what follows it.
func (a *Append) cut(data []byte) (rest []byte, ok bool) {
	command, rest, ok := cutBytes(data)
	return rest, ok && len(command) > 0 && command[0] == kindAppend && a.decode(command[1:])
}

// decode reads the fields. It is done by hand since it is done for each message.
func (a *Append) decode(fields []byte) (ok bool) {
	span, n := uvarint(fields)
	if n == 0 || span == 0 || span > maxSpan {
		return false
	}
	a.Span = uint32(span)
	if a.Subject, fields, ok = cutBytes(fields[n:]); !ok || len(a.Subject) == 0 || len(a.Subject) > maxSubjectBytes {
		return false
	}
	a.Header, a.Body, ok = cutBytes(fields)
	return ok
}

// uvarint reads a number; n is 0 when there is none.
func uvarint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n = binary.Uvarint(b)
	return v, max(0, n)
}

// cutBytes takes bytes with their length off b.
func cutBytes(b []byte) (value, rest []byte, ok bool) {
	size, n := uvarint(b)
	if n == 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}
