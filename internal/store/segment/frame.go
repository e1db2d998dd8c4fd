package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"myelin/internal/store/seal"
)

// The sizes and constants of format.md.
const (
	headerSize  = 64
	headSize    = 40
	entrySize   = 16
	trailerSize = 64
	version     = 1

	headerMagic  = "\x89MYSEG\r\n"
	trailerMagic = "GES\n"

	// indexSpacing is how far apart the frames are, in bytes, that the index leads to.
	indexSpacing = 1024
	// maxPayload is the most bytes that one record may have.
	maxPayload = 1 << 30
	// erasedByte fills erased payloads. A record that is of it from the start does not stand in a frame of its own.
	erasedByte = 0xE5
)

type kind byte

const (
	kindRecord kind = 'R'
	kindBlock  kind = 'B'
	kindMark   kind = 'M'
	kindIndex  kind = 'I'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errHead    = errors.New("frame head does not fit its checksum")
	errPayload = errors.New("payload does not fit its checksum")
	errEnd     = errors.New("frame goes on beyond the end of the file")
	errFrame   = errors.New("frame contradicts itself")
	errHeader  = errors.New("file header does not fit its checksum")
	errName    = errors.New("file is not a segment by its name")
	errForeign = errors.New("file header is that of another file")
	errVersion = errors.New("file has a version that is not known here")
	errTrailer = errors.New("no footer at the end of the file")
	errIndex   = errors.New("index does not fit the file")
	errNoKey   = errors.New("payload is encrypted, and the file header that says how is damaged")
)

// header is what a file says about itself at its start.
type header struct {
	stream     [16]byte
	generation uint64
	first      uint64
	replaced   uint64
	mark       seal.Mark // what payloads are sealed with
}

// identity is what tells a file from all others.
func (h header) identity() (b [32]byte) {
	copy(b[:], h.stream[:])
	binary.LittleEndian.PutUint64(b[16:], h.generation)
	binary.LittleEndian.PutUint64(b[24:], h.first)
	return b
}

// seed is what the checksums of this file start from.
func (h header) seed() uint32 {
	b := h.identity()
	return checksum(b[:])
}

func (h header) append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, headerMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.mark.Cipher))
	dst = binary.LittleEndian.AppendUint32(dst, h.mark.Key)
	dst = append(dst, h.stream[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, h.generation)
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	dst = binary.LittleEndian.AppendUint64(dst, h.replaced)
	dst = append(dst, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[at:]))
}

// parseHeader reads the header of a file. A version that is not known is an error only when the
// checksum fits: otherwise it is one more damaged header.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic ||
		binary.LittleEndian.Uint32(b[60:]) != checksum(b[:60]) {
		return h, errHeader
	}
	if binary.LittleEndian.Uint16(b[8:]) != version || b[11] != 0 {
		return h, errVersion
	}
	h.mark = seal.Mark{Cipher: seal.Cipher(b[10]), Key: binary.LittleEndian.Uint32(b[12:])}
	copy(h.stream[:], b[16:])
	h.generation = binary.LittleEndian.Uint64(b[32:])
	h.first = binary.LittleEndian.Uint64(b[40:])
	h.replaced = binary.LittleEndian.Uint64(b[48:])
	return h, nil
}

// frame is the head of a frame; what size, count, seq and aux mean depends on the kind.
type frame struct {
	kind    kind
	sealed  bool // the payload is
	subject uint16
	payload uint32
	sum     uint32 // of the padded payload
	size    uint32
	count   uint32
	seq     uint64
	aux     uint64
}

func pad(n int64) int64 { return (n + 7) &^ 7 }

// length is how many bytes the frame takes in its file.
func (f *frame) length() int64 { return headSize + pad(int64(f.payload)) }

// content is how many bytes the payload has once it is opened.
func (f *frame) content() int64 {
	if f.sealed {
		return int64(f.payload) - seal.Overhead
	}
	return int64(f.payload)
}

// bytes are those of the frame as Size counts them: as if it were not sealed.
func (f *frame) bytes() int64 { return headSize + pad(f.content()) }

// last is the last sequence that a record or block holds.
func (f *frame) last() uint64 {
	if f.kind == kindBlock {
		return f.aux
	}
	return f.seq + uint64(f.count) - 1
}

// holdsRecords says whether the frame is one that a reader of records stops at.
func (f *frame) holdsRecords() bool { return f.kind == kindRecord || f.kind == kindBlock }

// put writes the head into b for a frame at the offset.
func (f *frame) put(b []byte, seed uint32, offset int64) {
	b = b[:headSize]
	binary.LittleEndian.PutUint32(b[4:], f.sum)
	binary.LittleEndian.PutUint32(b[8:], f.payload)
	b[12], b[13] = byte(f.kind), f.flags()
	binary.LittleEndian.PutUint16(b[14:], f.subject)
	binary.LittleEndian.PutUint32(b[16:], f.size)
	binary.LittleEndian.PutUint32(b[20:], f.count)
	binary.LittleEndian.PutUint64(b[24:], f.seq)
	binary.LittleEndian.PutUint64(b[32:], f.aux)
	binary.LittleEndian.PutUint32(b, headSum(b, seed, offset))
}

// flagSealed in a head says that the payload is sealed.
const flagSealed = 1

func (f *frame) flags() byte {
	if f.sealed {
		return flagSealed
	}
	return 0
}

func headSum(b []byte, seed uint32, offset int64) uint32 {
	return crc32.Update(seed+uint32(offset/8), castagnoli, b[4:headSize])
}

// parseFrame reads the head of a frame at the offset and checks that it makes sense by itself.
func parseFrame(b []byte, seed uint32, offset int64) (f frame, err error) {
	err = f.parse(b, seed, offset)
	return f, err
}

// parse makes f the head at the offset, unless that fails.
func (f *frame) parse(b []byte, seed uint32, offset int64) error {
	if len(b) < headSize {
		return errEnd
	}
	if binary.LittleEndian.Uint32(b) != headSum(b, seed, offset) {
		return errHead
	}
	f.kind = kind(b[12])
	f.sealed = b[13] == flagSealed
	f.sum = binary.LittleEndian.Uint32(b[4:])
	f.payload = binary.LittleEndian.Uint32(b[8:])
	f.subject = binary.LittleEndian.Uint16(b[14:])
	f.size = binary.LittleEndian.Uint32(b[16:])
	f.count = binary.LittleEndian.Uint32(b[20:])
	f.seq = binary.LittleEndian.Uint64(b[24:])
	f.aux = binary.LittleEndian.Uint64(b[32:])
	if !f.sane() || b[13] > flagSealed {
		return errFrame
	}
	return nil
}

func (f *frame) sane() bool {
	if f.sealed && (f.payload < seal.Overhead || !f.holdsRecords()) {
		return false
	}
	switch f.kind {
	case kindRecord:
		return f.count > 0 && f.last() >= f.seq && int64(f.subject)+int64(f.size) <= f.content()
	case kindBlock:
		return f.count > 0 && f.aux >= f.seq && f.size <= maxPayload+headSize+8
	case kindMark:
		return f.payload == 0
	case kindIndex:
		return uint64(f.payload) == uint64(f.count)*entrySize+trailerSize
	}
	return false
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// fits says whether a padded payload is the one that the head was written for.
func (f *frame) fits(payload []byte) bool { return checksum(payload) == f.sum }

// erased says whether a padded payload was overwritten on purpose. The checksum may not know yet.
func erased(payload []byte) bool {
	for _, c := range payload {
		if c != erasedByte {
			return false
		}
	}
	return len(payload) > 0
}

// summary is what there is to know of a file without its index.
type summary struct {
	low, high uint64 // first and last sequence held, 0 without a record
	records   uint64
	bytes     int64 // of records, before compression
	size      int64 // of the file, as far as it is valid
}

// note counts a frame that holds records.
func (s *summary) note(f frame, records uint64, bytes int64) {
	if s.records == 0 {
		s.low = f.seq
	}
	s.high = f.last()
	s.records += records
	s.bytes += bytes
}
