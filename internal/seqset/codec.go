package seqset

import (
	"encoding/binary"
	"errors"

	"myelin/internal/bin"
)

// The encoding; all numbers are uvarints of package bin unless said otherwise.
//
//	+-------------------+---------+---------+----
//	| number of blocks  | block   | block   | ...
//	+-------------------+---------+---------+----
//
//	block:
//	+-------------------+-----------+------------------------------------------------------+
//	| key, less the one | form, f   | f = 0: full; how many more keys are full             |
//	| after the last of |           | f = 1: bits; 1,024 words of 64 bits, little endian    |
//	| the block before  |           | f > 1: f-1 runs                                      |
//	+-------------------+-----------+------------------------------------------------------+
//
//	run:
//	+-------------------------------------------+--------------------+
//	| first: numbers left out since the last    | numbers, less one  |
//	| run, less one; in the block's first: all  |                    |
//	+-------------------------------------------+--------------------+
//
// A block holds the numbers from key * 65,536 on. Bits are used for more than 2,048 runs and only then,
// full blocks that are neighbours are one, and no block is empty: so a set has one encoding.
const (
	formFull = iota
	formBits
	formRuns // and one more for each run after the first
)

const (
	minBlockBytes = 3 // bytes that a block takes at least
	minRunBytes   = 2
	maxKey        = 1<<48 - 1
)

// ErrForm says that what was to be decoded is not what Append writes.
var ErrForm = errors.New("not the form of a set")

// Append appends the encoding to dst. Equal sets have equal encodings.
func (s *Set) Append(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, uint64(len(s.blocks)))
	next := uint64(0)
	for i := range s.blocks {
		b := &s.blocks[i]
		dst = bin.AppendUvarint(dst, b.key-next)
		dst = b.append(dst)
		next = b.last + 1
	}
	return dst
}

func (b *block) append(dst []byte) []byte {
	if b.full() {
		return bin.AppendUvarint(bin.AppendUvarint(dst, formFull), b.last-b.key)
	}
	if b.count > maxRuns {
		dst = bin.AppendUvarint(dst, formBits)
		for _, word := range b.bits {
			dst = bin.AppendU64(dst, word)
		}
		return dst
	}
	dst = bin.AppendUvarint(dst, formRuns+uint64(b.count)-1)
	next := uint64(0) // the least that a run can start with
	for r := range b.each(0) {
		dst = bin.AppendUvarint(dst, uint64(r.first)-next)
		dst = bin.AppendUvarint(dst, uint64(r.last-r.first))
		next = uint64(r.last) + 2
	}
	return dst
}

// Decode makes the set what Append wrote, and takes no more than that off r. On an error, which is r's
// from then on, the set is empty.
func (s *Set) Decode(r *bin.Reader) error {
	*s = Set{}
	blocks := make([]block, r.Count(minBlockBytes))
	n, next := uint64(0), uint64(0)
	for i := range blocks {
		b := &blocks[i]
		skipped := r.Uvarint()
		if next > maxKey || skipped > maxKey-next {
			r.Fail(ErrForm)
		}
		b.key = next + skipped
		b.decode(r)
		if i > 0 && blocks[i-1].continues(b) {
			r.Fail(ErrForm)
		}
		if r.Err() != nil {
			return r.Err()
		}
		n, next = n+b.size(), b.last+1
	}
	if r.Err() == nil {
		*s = Set{blocks: blocks, n: n}
	}
	return r.Err()
}

// decode reads what follows the key.
func (b *block) decode(r *bin.Reader) {
	b.last = b.key
	switch form := r.Uvarint(); {
	case form == formFull:
		more := r.Uvarint()
		if more > maxKey-b.key {
			r.Fail(ErrForm)
			return
		}
		*b = fullBlock(b.key, b.key+more)
	case form == formBits:
		b.decodeBits(r)
	case form-formRuns < maxRuns:
		b.decodeRuns(r, int(form-formRuns)+1)
	default:
		r.Fail(ErrForm)
	}
}

func (b *block) decodeBits(r *bin.Reader) {
	raw := r.Raw(blockSize / 8)
	if raw == nil {
		return
	}
	b.bits = new(bitmap)
	for i := range b.bits {
		b.bits[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	if b.n, b.count = b.bits.tally(); b.count <= maxRuns {
		r.Fail(ErrForm)
	}
}

func (b *block) decodeRuns(r *bin.Reader, count int) {
	if count > r.Len()/minRunBytes {
		r.Fail(bin.ErrShort)
		return
	}
	b.runs, b.count = make([]run, count), int32(count)
	next := uint64(0)
	for i := range b.runs {
		skipped, more := r.Uvarint(), r.Uvarint()
		if skipped > maxLow || more > maxLow || next+skipped+more > maxLow {
			r.Fail(ErrForm)
			return
		}
		first := next + skipped
		b.runs[i] = run{uint16(first), uint16(first + more)}
		b.n += b.runs[i].size()
		next = first + more + 2
	}
	if b.full() {
		r.Fail(ErrForm)
	}
}
