package bin

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrShort says that the buffer ends before the value does.
	ErrShort = errors.New("data ends too early")
	// ErrForm says that the bytes are not the form of any value of the wanted type.
	ErrForm = errors.New("malformed value")
	// ErrTrailing says that there is more in the buffer than what was to be read.
	ErrTrailing = errors.New("data goes on after its end")
)

// Reader takes values off a buffer, which it neither copies nor changes. The first error sticks: all
// further values are zero, so that a decoder reads everything and asks for [Reader.Err] once. No input
// makes it panic, and no length in the input makes it, or a decoder that asks [Reader.Count], allocate
// more than the buffer holds. The zero value reads an empty buffer.
type Reader struct {
	buf []byte // all of it
	off int    // how much of it was read
	err error
}

// NewReader returns a Reader of b, which is the caller's and must stay as it is while values are in use.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Reset starts anew with b.
func (r *Reader) Reset(b []byte) { *r = Reader{buf: b} }

// Err returns the first error, with the offset at which it was met.
func (r *Reader) Err() error { return r.err }

// Len is how many bytes are left; 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.buf) - r.off
}

// Offset is how many bytes were read.
func (r *Reader) Offset() int { return r.off }

// Fail makes err the first error, unless there was one. It is for decoders that find a value out of range.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %w", r.off, err)
	}
}

// Close returns the first error; bytes that nobody read are one too.
func (r *Reader) Close() error {
	if r.Len() > 0 {
		r.Fail(ErrTrailing)
	}
	return r.err
}

// Raw returns the next n bytes. They point into the buffer.
func (r *Reader) Raw(n int) []byte {
	if n < 0 || n > r.Len() {
		r.Fail(ErrShort)
		return nil
	}
	b := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Rest returns all that is left. It points into the buffer.
func (r *Reader) Rest() []byte { return r.Raw(r.Len()) }

// Byte returns the next byte.
func (r *Reader) Byte() byte {
	if b := r.Raw(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool returns the next byte as a truth.
func (r *Reader) Bool() bool {
	if r.Len() > 0 && r.buf[r.off] > 1 {
		r.Fail(ErrForm)
	}
	return r.Byte() == 1
}

// U32 returns the next 4 bytes as a number.
func (r *Reader) U32() uint32 {
	if b := r.Raw(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 returns the next 8 bytes as a number.
func (r *Reader) U64() uint64 {
	if b := r.Raw(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint returns the next number of variable size.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.buf[r.off:])
	switch {
	case n == 0:
		r.Fail(ErrShort)
		return 0
	case n < 0, n > 1 && r.buf[r.off+n-1] == 0: // too large, or a last byte that adds nothing
		r.Fail(ErrForm)
		return 0
	}
	r.off += n
	return v
}

// Varint returns the next signed number of variable size.
func (r *Reader) Varint() int64 {
	v := r.Uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Count returns the next number of variable size as a count of elements of at least minBytes each, which
// must be positive. It fails when that many cannot be left, so that a decoder may allocate for them.
func (r *Reader) Count(minBytes int) int {
	n := r.Uvarint()
	if n > uint64(r.Len()/minBytes) {
		r.Fail(ErrShort)
		return 0
	}
	return int(n)
}

// Bytes returns the next bytes with length. They point into the buffer; copy what is to be kept.
func (r *Reader) Bytes() []byte { return r.Raw(r.Count(1)) }

// String returns a copy of the next bytes with length.
func (r *Reader) String() string { return string(r.Bytes()) }
