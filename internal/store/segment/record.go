package segment

import (
	"errors"

	"github.com/klauspost/compress/s2"
)

// Record is one message of a stream.
type Record struct {
	Seq  uint64
	Time int64 // ns since 1970
	// Span is how many sequences the record occupies, from Seq on; 0 stands for 1.
	Span    uint32
	Subject []byte
	Header  []byte
	Body    []byte
}

// Last is the last sequence that the record occupies.
func (r *Record) Last() uint64 { return r.Seq + uint64(max(r.Span, 1)) - 1 }

// Size is how many bytes a record takes in a file before compression, given the bytes of its parts.
func Size(subject, header, body int) int64 {
	return headSize + pad(int64(subject)+int64(header)+int64(body))
}

func (r *Record) size() int64 { return Size(len(r.Subject), len(r.Header), len(r.Body)) }

var errRecord = errors.New("record cannot be stored")

// check refuses what the format cannot hold.
func (r *Record) check() error {
	switch {
	case len(r.Subject) == 0, len(r.Subject) > 1<<16-1, r.size() > maxPayload, r.Seq == 0, r.Last() < r.Seq:
		return errRecord
	}
	return nil
}

// blank says that in a frame of its own the record would pass for an erased one. No sane publisher sends such,
// but anyone may.
func (r *Record) blank() bool {
	if !erased(r.Subject) || (len(r.Subject)+len(r.Header)+len(r.Body))%8 != 0 {
		return false
	}
	return (len(r.Header) == 0 || erased(r.Header)) && (len(r.Body) == 0 || erased(r.Body))
}

// append appends the record's frame for the offset. What seals it may be nil.
func (r *Record) append(dst []byte, seed uint32, offset int64, s *sealing) ([]byte, frame) {
	start := len(dst)
	var head [headSize]byte
	dst = s.begin(append(dst, head[:]...))
	dst = append(dst, r.Subject...)
	dst = append(dst, r.Header...)
	dst = append(dst, r.Body...)
	f := frame{
		kind:    kindRecord,
		subject: uint16(len(r.Subject)),
		size:    uint32(len(r.Header)),
		count:   max(r.Span, 1),
		seq:     r.Seq,
		aux:     uint64(r.Time),
	}
	dst = s.end(dst, start+headSize, &f, offset)
	dst = appendPadding(dst, int(f.payload))
	f.sum = checksum(dst[start+headSize:])
	f.put(dst[start:], seed, offset)
	return dst, f
}

func appendPadding(dst []byte, payload int) []byte {
	var zeros [8]byte
	return append(dst, zeros[:int(pad(int64(payload)))-payload]...)
}

// record makes r the record of a frame with its payload, opened, which it shares.
func (f *frame) record(payload []byte, r *Record) {
	s, h, end := int(f.subject), int(f.subject)+int(f.size), int(f.content())
	r.Seq, r.Time, r.Span = f.seq, int64(f.aux), f.count
	r.Subject, r.Header, r.Body = payload[:s:s], payload[s:h:h], payload[h:end:end]
}

// block gathers records to compress them together.
type block struct {
	raw     []byte // frames
	first   frame
	last    uint64
	records uint32
	blank   bool // one of them must not stand in a frame of its own
}

// maxBlockBytes is how large a block grows before compression; a larger record stands in one alone.
const maxBlockBytes = 32 << 10

func (b *block) add(r *Record, seed uint32) {
	var f frame
	b.raw, f = r.append(b.raw, seed, int64(len(b.raw)), nil)
	if b.records == 0 {
		b.first = f
	}
	b.last = f.last()
	b.records++
	b.blank = b.blank || r.blank()
}

// append appends the block's frame for the offset, and empties the block. It reports false, with dst as
// it was, when compression gains too little. What seals it may be nil.
func (b *block) append(dst []byte, seed uint32, offset int64, s *sealing) ([]byte, frame, bool) {
	start := len(dst)
	var head [headSize]byte
	dst = s.begin(append(dst, head[:]...))
	room := len(dst) + s2.MaxEncodedLen(len(b.raw)) + 8
	if cap(dst) < room {
		dst = append(make([]byte, 0, room), dst...)
	}
	packed := s2.Encode(dst[len(dst):room], b.raw)
	if len(packed) > len(b.raw)-len(b.raw)/8 && !b.blank {
		return dst[:start], frame{}, false
	}
	f := frame{kind: kindBlock, size: uint32(len(b.raw)), count: b.records, seq: b.first.seq, aux: b.last}
	dst = s.end(dst[:len(dst)+len(packed)], start+headSize, &f, offset)
	dst = appendPadding(dst, int(f.payload))
	f.sum = checksum(dst[start+headSize:])
	f.put(dst[start:], seed, offset)
	return dst, f, true
}

func (b *block) reset() { b.raw, b.records, b.blank = b.raw[:0], 0, false }

// unpack returns the frames of a block from its payload, opened, in buf when it is large enough.
func (f *frame) unpack(payload, buf []byte) ([]byte, error) {
	packed := payload[:f.content()]
	n, err := s2.DecodedLen(packed)
	if err != nil || n != int(f.size) {
		return nil, errFrame
	}
	raw, err := s2.Decode(buf[:cap(buf)], packed)
	if err != nil {
		return nil, errFrame
	}
	return raw, nil
}
