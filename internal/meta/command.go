package meta

import (
	"errors"
	"time"

	"myelin/internal/bin"
	"myelin/internal/stream"
)

// The Data of an entry is a sequence of commands:
//
//	uvarint  length of what follows
//	byte     kind
//	byte     version of that kind's fields
//	...      fields
//
// Kinds keep their numbers, since they are in logs.
const (
	kindCreateStream = iota + 1
	kindUpdateStream
	kindDeleteStream
	kindRemovedStream
)

// commandVersion is that of all kinds. A command of another one is refused.
const commandVersion = 1

var errCommand = errors.New("malformed command")

// Request is what clients ask for and what their server allows at that time.
type Request struct {
	Account  string
	Config   stream.Config // as it came: neither complete nor valid
	Pedantic bool          // refuse instead of adjusting
	Bounds   stream.Bounds
	Limits   Limits
}

// CreateStream makes a stream, or finds the one that is there with this very configuration.
type CreateStream Request

// UpdateStream replaces the configuration of the stream of that name.
type UpdateStream Request

// DeleteStream deletes a stream.
type DeleteStream struct{ Account, Name string }

// RemovedStream says that the files of a deleted stream are gone.
type RemovedStream struct{ Group uint64 }

// Encode appends the command to the Data of an entry.
func (c *CreateStream) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, (*Request)(c).encode([]byte{kindCreateStream, commandVersion}))
}

// Encode appends the command to the Data of an entry.
func (c *UpdateStream) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, (*Request)(c).encode([]byte{kindUpdateStream, commandVersion}))
}

// Encode appends the command to the Data of an entry.
func (c DeleteStream) Encode(dst []byte) []byte {
	fields := bin.AppendString([]byte{kindDeleteStream, commandVersion}, c.Account)
	return bin.AppendBytes(dst, bin.AppendString(fields, c.Name))
}

// Encode appends the command to the Data of an entry.
func (c RemovedStream) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, bin.AppendUvarint([]byte{kindRemovedStream, commandVersion}, c.Group))
}

func (q *Request) encode(dst []byte) []byte {
	dst = bin.AppendString(dst, q.Account)
	dst = bin.AppendBool(dst, q.Pedantic)
	dst = bin.AppendVarint(dst, int64(q.Bounds.DuplicateWindow))
	dst = bin.AppendBool(dst, q.Bounds.Clustered)
	dst = bin.AppendBool(dst, q.Limits.MaxBytesRequired)
	for _, limit := range q.Limits.numbers() {
		dst = bin.AppendVarint(dst, *limit)
	}
	return q.Config.Append(dst)
}

func (q *Request) decode(r *bin.Reader) error {
	q.Account = r.String()
	q.Pedantic = r.Bool()
	q.Bounds.DuplicateWindow = time.Duration(r.Varint())
	q.Bounds.Clustered = r.Bool()
	q.Limits.MaxBytesRequired = r.Bool()
	for _, limit := range q.Limits.numbers() {
		*limit = r.Varint()
	}
	q.Config = *stream.ReadConfig(r)
	return r.Close()
}
