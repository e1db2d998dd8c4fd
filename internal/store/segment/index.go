package segment

import (
	"encoding/binary"
	"hash/crc32"
	"sort"
)

// entry says that the frame at the offset holds seq as its first sequence.
type entry struct {
	seq    uint64
	offset int64
}

// index leads to some frames of a file, ascending. It is sparse: a reader walks from the entry before.
type index []entry

// note adds a frame when it is far enough from the last one noted.
func (x index) note(seq uint64, offset int64) index {
	if n := len(x); n > 0 && offset < x[n-1].offset+indexSpacing {
		return x
	}
	return append(x, entry{seq, offset})
}

// before is the offset of a frame from which a walk forward comes to seq.
func (x index) before(seq uint64) int64 {
	return x.around(seq).from
}

// stretch is what lies between two entries of an index.
type stretch struct {
	from, to int64  // offsets; to is 0 if the index does not tell
	first    uint64 // sequence at from
	count    uint64 // sequences until to; 0 if the index does not tell
}

// around is the stretch that has the record of seq.
func (x index) around(seq uint64) stretch {
	n := x.behind(seq)
	s := stretch{from: headerSize}
	if n < len(x) {
		s.to = x[n].offset
	}
	if n > 0 {
		s.from, s.first = x[n-1].offset, x[n-1].seq
		if n < len(x) {
			s.count = x[n].seq - s.first
		}
	}
	return s
}

// guess is where the record of seq stands, and how long it is, if all records of the stretch take equally much; length is 0 if the
// index does not tell.
func (s *stretch) guess(seq uint64) (offset, length int64) {
	if s.count == 0 {
		return 0, 0
	}
	length = (s.to - s.from) / int64(s.count)
	return s.from + int64(seq-s.first)*length, length
}

// behind is the number of the first entry behind seq. The search begins where that stands if all records take equally
// much, and mostly ends near it.
func (x index) behind(seq uint64) int {
	low, high := 0, len(x) // those before low are not behind seq, those from high on are
	for i, step := x.guess(seq), 1; low < high && step <= len(x); step *= 2 {
		if x[i].seq > seq {
			high, i = i, max(i-step, low)
		} else {
			low, i = i+1, min(i+step, high-1)
		}
	}
	return low + sort.Search(high-low, func(i int) bool { return x[low+i].seq > seq })
}

// guess is the number of an entry, if there is any.
func (x index) guess(seq uint64) int {
	last := len(x) - 1
	if last < 1 || seq <= x[0].seq {
		return 0
	}
	share := float64(seq-x[0].seq) / float64(x[last].seq-x[0].seq)
	return int(min(share, 1) * float64(last))
}

// trailer is the end of an index frame.
type trailer struct {
	summary
	at       int64 // offset of the index frame
	replaced uint64
	entries  uint32
}

// appendFooter appends the index frame of a file, which goes to offset sum.size.
func appendFooter(dst []byte, x index, sum summary, replaced uint64, seed uint32) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headSize)...)
	for _, e := range x {
		dst = binary.LittleEndian.AppendUint64(dst, e.seq)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.offset))
	}
	at := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(sum.size))
	dst = binary.LittleEndian.AppendUint64(dst, sum.low)
	dst = binary.LittleEndian.AppendUint64(dst, sum.high)
	dst = binary.LittleEndian.AppendUint64(dst, sum.records)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(sum.bytes))
	dst = binary.LittleEndian.AppendUint64(dst, replaced)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(x)))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Update(seed, castagnoli, dst[at:]))
	dst = append(dst, trailerMagic...)

	payload := dst[start+headSize:]
	f := frame{kind: kindIndex, payload: uint32(len(payload)), count: uint32(len(x)), aux: uint64(sum.size)}
	f.sum = checksum(payload)
	f.put(dst[start:], seed, sum.size)
	return dst
}

// parseTrailer reads the last bytes of a file of the given size.
func parseTrailer(b []byte, size int64, seed uint32) (t trailer, err error) {
	if len(b) != trailerSize || string(b[60:]) != trailerMagic ||
		binary.LittleEndian.Uint32(b[56:]) != crc32.Update(seed, castagnoli, b[:56]) {
		return t, errTrailer
	}
	t = trailer{
		at:       int64(binary.LittleEndian.Uint64(b)),
		replaced: binary.LittleEndian.Uint64(b[40:]),
		entries:  binary.LittleEndian.Uint32(b[48:]),
	}
	t.low = binary.LittleEndian.Uint64(b[8:])
	t.high = binary.LittleEndian.Uint64(b[16:])
	t.records = binary.LittleEndian.Uint64(b[24:])
	t.bytes = int64(binary.LittleEndian.Uint64(b[32:]))
	t.size = size
	if t.at < headerSize || t.at+headSize+int64(t.entries)*entrySize+trailerSize != size {
		return t, errTrailer
	}
	return t, nil
}

// parseIndex reads the payload of an index frame at the offset.
func parseIndex(payload []byte, f frame, at int64) (index, error) {
	x := make(index, f.count)
	for i := range x {
		b := payload[i*entrySize:]
		x[i] = entry{binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))}
		if x[i].offset < headerSize || x[i].offset >= at || x[i].offset%8 != 0 ||
			i > 0 && (x[i].seq <= x[i-1].seq || x[i].offset <= x[i-1].offset) {
			return nil, errIndex
		}
	}
	return x, nil
}
