// Package bin writes and reads the binary forms of what is logged, snapshotted and stored.
//
//	uvarint   7 bits per byte, lowest first, high bit set on all but the last; at most 10 bytes
//	varint    zigzag (0, -1, 1, -2, ...), then as uvarint
//	u32, u64  4 or 8 bytes, little endian
//	bool      one byte, 0 or 1
//	bytes     uvarint length, then that many bytes; strings alike
//
// Writers append to the caller's buffer. A [Reader] takes values off a buffer in the order in which they
// were appended. Each value has exactly one form and a Reader refuses all others (a varint with needless
// bytes, a bool of 2), so that what was read gives the same bytes when it is appended again, and equal
// states have equal hashes.
package bin

import "encoding/binary"

// AppendByte appends one byte.
func AppendByte(dst []byte, v byte) []byte { return append(dst, v) }

// AppendBool appends 1 for true and 0 for false.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendUvarint appends v in 1 to 10 bytes, few for small values.
func AppendUvarint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

// AppendVarint appends v in 1 to 10 bytes, few for values near 0.
func AppendVarint(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// AppendU32 appends v in 4 bytes.
func AppendU32(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

// AppendU64 appends v in 8 bytes.
func AppendU64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// AppendBytes appends the length of v and v.
func AppendBytes(dst, v []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// AppendString appends the length of v and v.
func AppendString(dst []byte, v string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}
