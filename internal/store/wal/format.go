package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"myelin/internal/store/seal"
)

const (
	version = 1

	pageBytes          = 4096 // what precedes the first block of a segment
	segmentHeaderBytes = 88
	secondCopyOffset   = 2048
	blockHeaderBytes   = 48
	recordHeaderBytes  = 48
	hardStateBytes     = 8
	stateBytes         = 56

	segmentMagic = "MYELINWL"
	blockMagic   = 0x4b4c424d

	maxBlockBytes = 1 << 30
)

// Flags of a block.
const (
	flagTable  = 1 << iota // holds a state record per group
	flagEnd                // another segment was begun
	flagClosed             // the log was closed in order
)

// stateDamaged is the flag of a state record whose group is refused.
const stateDamaged = 1

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

func checksum(seed uint32, data []byte) uint32 { return crc32.Update(seed, castagnoli, data) }

func padded(n int) int { return (n + 7) &^ 7 }

// seeder begins the checksums of one segment.
type seeder uint32

func newSeeder(log, generation uint64) seeder {
	var b [16]byte
	le.PutUint64(b[:], log)
	le.PutUint64(b[8:], generation)
	return seeder(checksum(0, b[:]))
}

// at begins a checksum of what stands at an offset of the segment.
func (s seeder) at(offset int64) uint32 { return uint32(s) ^ uint32(offset/8) }

// segmentHeader stands at the begin of a segment, twice.
type segmentHeader struct {
	log, generation uint64
	size            int64
	previous        uint64
	previousEnd     int64
	first           uint64
	salt            [seal.SaltBytes]byte
	mark            seal.Mark // what entries are sealed with
}

// appendPage appends the first page of a segment.
func (h segmentHeader) appendPage(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, pageBytes)...)
	page := dst[at:]
	copy(page, segmentMagic)
	le.PutUint32(page[8:], version)
	le.PutUint64(page[16:], h.log)
	le.PutUint64(page[24:], h.generation)
	le.PutUint64(page[32:], uint64(h.size))
	le.PutUint64(page[40:], h.previous)
	le.PutUint64(page[48:], uint64(h.previousEnd))
	le.PutUint64(page[56:], h.first)
	copy(page[64:], h.salt[:])
	le.PutUint32(page[80:], uint32(h.mark.Cipher))
	le.PutUint32(page[84:], h.mark.Key)
	le.PutUint32(page[12:], segmentHeaderSum(page))
	copy(page[secondCopyOffset:], page[:segmentHeaderBytes])
	return dst
}

func segmentHeaderSum(b []byte) uint32 {
	return checksum(checksum(0, b[:12]), b[16:segmentHeaderBytes])
}

// parseSegmentHeader reads one copy of a header.
func parseSegmentHeader(b []byte) (h segmentHeader, err error) {
	if len(b) < segmentHeaderBytes || string(b[:8]) != segmentMagic {
		return h, fmt.Errorf("no segment header")
	}
	if le.Uint32(b[12:]) != segmentHeaderSum(b) {
		return h, fmt.Errorf("wrong checksum of the segment header")
	}
	if v := le.Uint32(b[8:]); v != version {
		return h, fmt.Errorf("%w: version %d of the segment format", errVersion, v)
	}
	if c := le.Uint32(b[80:]); c > math.MaxUint8 {
		return h, fmt.Errorf("%w: cipher %d", errVersion, c)
	}
	return segmentHeader{
		log:         le.Uint64(b[16:]),
		generation:  le.Uint64(b[24:]),
		size:        int64(le.Uint64(b[32:])),
		previous:    le.Uint64(b[40:]),
		previousEnd: int64(le.Uint64(b[48:])),
		first:       le.Uint64(b[56:]),
		salt:        [seal.SaltBytes]byte(b[64:]),
		mark:        seal.Mark{Cipher: seal.Cipher(b[80]), Key: le.Uint32(b[84:])},
	}, nil
}

// blockHeader precedes the records of one commit.
type blockHeader struct {
	length, count, flags uint32
	synced               int64
	first                uint64
	corrected            bool // one bit had to be turned over to read it
}

// put writes the header to the first bytes of b.
func (h blockHeader) put(b []byte, seed seeder, generation uint64, offset int64) {
	le.PutUint32(b, blockMagic)
	le.PutUint64(b[8:], generation)
	le.PutUint32(b[16:], h.length)
	le.PutUint32(b[20:], h.count)
	le.PutUint32(b[24:], h.flags)
	le.PutUint32(b[28:], 0)
	le.PutUint64(b[32:], uint64(h.synced))
	le.PutUint64(b[40:], h.first)
	le.PutUint32(b[4:], checksum(seed.at(offset), b[8:blockHeaderBytes]))
}

// parseBlockHeader reads the header at the begin of b, which reaches to the end of the segment.
func parseBlockHeader(b []byte, seed seeder, generation uint64, offset int64) (h blockHeader, ok bool) {
	if len(b) < blockHeaderBytes || le.Uint32(b) != blockMagic || le.Uint64(b[8:]) != generation {
		return h, false
	}
	if le.Uint32(b[4:]) != checksum(seed.at(offset), b[8:blockHeaderBytes]) {
		return h, false
	}
	h = blockHeader{
		length: le.Uint32(b[16:]),
		count:  le.Uint32(b[20:]),
		flags:  le.Uint32(b[24:]),
		synced: int64(le.Uint64(b[32:])),
		first:  le.Uint64(b[40:]),
	}
	return h, h.length%8 == 0 && h.length <= maxBlockBytes && uint64(h.count)*recordHeaderBytes <= uint64(h.length)
}

// correctBlockHeader reads a header in which one bit is wrong.
func correctBlockHeader(b []byte, seed seeder, generation uint64, offset int64) (h blockHeader, ok bool) {
	if len(b) < blockHeaderBytes {
		return h, false
	}
	var c [blockHeaderBytes]byte
	for bit := range blockHeaderBytes * 8 {
		copy(c[:], b)
		c[bit/8] ^= 1 << (bit % 8)
		if h, ok = parseBlockHeader(c[:], seed, generation, offset); ok {
			h.corrected = true
			return h, true
		}
	}
	return h, false
}

// recordHeader precedes the body of a record.
type recordHeader struct {
	bodySum, length uint32
	kind            Kind
	tag             uint8
	group, number   uint64
	term, index     uint64
}

// put writes the header to the first bytes of b.
func (h recordHeader) put(b []byte, seed seeder, offset int64) {
	le.PutUint32(b[4:], h.bodySum)
	le.PutUint32(b[8:], h.length)
	b[12], b[13], b[14], b[15] = byte(h.kind), h.tag, 0, 0
	le.PutUint64(b[16:], h.group)
	le.PutUint64(b[24:], h.number)
	le.PutUint64(b[32:], h.term)
	le.PutUint64(b[40:], h.index)
	le.PutUint32(b, checksum(seed.at(offset), b[4:recordHeaderBytes]))
}

func decodeRecordHeader(b []byte) recordHeader {
	return recordHeader{
		bodySum: le.Uint32(b[4:]),
		length:  le.Uint32(b[8:]),
		kind:    Kind(b[12]),
		tag:     b[13],
		group:   le.Uint64(b[16:]),
		number:  le.Uint64(b[24:]),
		term:    le.Uint64(b[32:]),
		index:   le.Uint64(b[40:]),
	}
}

// parseRecordHeader reads the header at the begin of b. When the checksum is wrong it says what the header
// held before one of its bits was turned over: known is true if there is such a bit.
func parseRecordHeader(b []byte, seed seeder, offset int64) (h recordHeader, whole, known bool) {
	if len(b) < recordHeaderBytes {
		return h, false, false
	}
	start, want := seed.at(offset), le.Uint32(b)
	got := checksum(start, b[4:recordHeaderBytes])
	if got == want {
		return decodeRecordHeader(b), true, true
	}
	if bits.OnesCount32(got^want) == 1 {
		return decodeRecordHeader(b), false, true
	}
	var c [recordHeaderBytes]byte
	for bit := 32; bit < recordHeaderBytes*8; bit++ {
		copy(c[:], b)
		c[bit/8] ^= 1 << (bit % 8)
		if checksum(start, c[4:]) == want {
			return decodeRecordHeader(c[:]), false, true
		}
	}
	return h, false, false
}

// recordBytes is what a record takes in a block, with the body of an entry as it is stored.
func recordBytes(r *Record, body int) int {
	switch r.Kind {
	case Entry:
		return recordHeaderBytes + padded(body)
	case HardState:
		return recordHeaderBytes + hardStateBytes
	}
	return recordHeaderBytes
}

// bodySum is the checksum of a record's body, that of an entry as it is stored.
func bodySum(r *Record, body []byte) uint32 {
	switch r.Kind {
	case Entry:
		return checksum(0, body)
	case HardState:
		var b [hardStateBytes]byte
		le.PutUint64(b[:], r.Vote)
		return checksum(0, b[:])
	}
	return 0
}

// firstNumber is the number of the first record of a group, by where it stands.
func firstNumber(segment uint64, offset int64) uint64 { return segment<<32 | uint64(offset)/8 }

// appendRecord appends a record that will stand at the given offset of the segment, with the body of an entry as it
// is stored.
func appendRecord(dst []byte, r *Record, body []byte, sum uint32, number uint64, seed seeder, offset int64) []byte {
	at := len(dst)
	size := recordBytes(r, len(body))
	dst = grow(dst, size)
	b := dst[at:]
	h := recordHeader{bodySum: sum, kind: r.Kind, tag: r.Tag, group: r.Group, number: number, term: r.Term, index: r.Index}
	switch r.Kind {
	case Entry:
		h.length = uint32(len(body))
		n := copy(b[recordHeaderBytes:], body)
		clear(b[recordHeaderBytes+n:])
	case HardState:
		h.length = hardStateBytes
		le.PutUint64(b[recordHeaderBytes:], r.Vote)
	}
	h.put(b, seed, offset)
	return dst
}

// appendState appends the state record of a group.
func appendState(dst []byte, g *group, seed seeder, offset int64) []byte {
	at := len(dst)
	dst = grow(dst, recordHeaderBytes+stateBytes)
	body := dst[at+recordHeaderBytes:]
	var flags uint64
	if g.damage != nil {
		flags |= stateDamaged
	}
	for i, v := range [...]uint64{g.vote, g.checkpointIndex, g.checkpointTerm, g.last, g.lastTerm, g.settled, flags} {
		le.PutUint64(body[i*8:], v)
	}
	h := recordHeader{bodySum: checksum(0, body), length: stateBytes, kind: state, group: g.id, number: g.number, term: g.term, index: g.commit}
	h.put(dst[at:], seed, offset)
	return dst
}

// decodeState reads a state record.
func decodeState(h recordHeader, body []byte) (g group, flags uint64, ok bool) {
	if len(body) != stateBytes {
		return g, 0, false
	}
	at := func(i int) uint64 { return le.Uint64(body[i*8:]) }
	g = group{id: h.group, number: h.number, term: h.term, commit: h.index}
	g.vote, g.checkpointIndex, g.checkpointTerm = at(0), at(1), at(2)
	g.last, g.lastTerm, g.settled = at(3), at(4), at(5)
	return g, at(6), true
}

// grow extends dst by n bytes of any content.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		bigger := make([]byte, len(dst), max(2*cap(dst), len(dst)+n))
		copy(bigger, dst)
		dst = bigger
	}
	return dst[:len(dst)+n]
}
