package segment

import (
	"encoding/binary"

	"myelin/internal/store/seal"
)

// sealPurpose is what the keys of message files are derived for, besides what identifies the file.
const sealPurpose = "messages"

// box returns the box of the file, nil for a plain one. The key needs nothing but what the directory and the
// name tell, and the mark.
func (h header) box(keys *seal.Keys) (*seal.Box, error) {
	b := h.identity()
	return keys.Box(h.mark, sealPurpose, b[:])
}

// sealing seals and opens payloads of one file, for one user at a time.
type sealing struct {
	box   *seal.Box // nil: the file is plain
	place *[placeBytes]byte
}

// placeBytes is the length of what a payload is sealed for.
const placeBytes = 40

// newSealing has memory of its own only where it is needed: a cursor over a plain file lives on the stack.
func newSealing(box *seal.Box) sealing {
	if box == nil {
		return sealing{}
	}
	return sealing{box: box, place: new([placeBytes]byte)}
}

// at is what a payload is sealed for: its frame's head and offset.
func (s *sealing) at(f frame, offset int64) []byte {
	b := s.place[:0]
	b = binary.LittleEndian.AppendUint32(b, f.payload)
	b = append(b, byte(f.kind), f.flags())
	b = binary.LittleEndian.AppendUint16(b, f.subject)
	b = binary.LittleEndian.AppendUint32(b, f.size)
	b = binary.LittleEndian.AppendUint32(b, f.count)
	b = binary.LittleEndian.AppendUint64(b, f.seq)
	b = binary.LittleEndian.AppendUint64(b, f.aux)
	return binary.LittleEndian.AppendUint64(b, uint64(offset))
}

// begin appends what goes before the content of a payload.
func (s *sealing) begin(dst []byte) []byte {
	if s == nil {
		return dst
	}
	return s.box.Begin(dst)
}

// end completes the payload that begins at a place in dst, and the frame for the offset that it belongs to: payload and
// sealed are set here.
func (s *sealing) end(dst []byte, payload int, f *frame, offset int64) []byte {
	if s == nil || s.box == nil {
		f.payload = uint32(len(dst) - payload)
		return dst
	}
	f.payload, f.sealed = uint32(len(dst)-payload+seal.TagBytes), true
	return s.box.End(dst, payload, s.at(*f, offset))
}

// open returns the content of a payload that fits its checksum, in the same memory.
func (s *sealing) open(f frame, offset int64, payload []byte) ([]byte, error) {
	if !f.sealed {
		return payload, nil
	}
	if s.box == nil {
		return nil, errNoKey
	}
	return s.box.OpenInPlace(payload[:f.payload], s.at(f, offset))
}

// findMark finds out what a file is sealed with whose header is damaged: with what opens its first payload. Without any
// it stays as it is.
func (seg *segment) findMark(w *window, keys *seal.Keys) error {
	at, err := w.resync(headerSize)
	for err == nil && at < w.end {
		var f frame
		if f, err = w.head(at); err != nil {
			break
		}
		if !f.holdsRecords() {
			at += f.length()
			continue
		}
		payload, err := w.payload(f, at)
		if err == nil && !erased(payload) {
			return seg.tryMarks(w, f, at, keys)
		}
		if err != nil && !isDamage(err) {
			return err
		}
		at += f.length()
	}
	if err != nil && !isDamage(err) {
		return err
	}
	return nil
}

// tryMarks takes the mark by which a frame can be opened.
func (seg *segment) tryMarks(w *window, f frame, at int64, keys *seal.Keys) error {
	if !f.sealed {
		return nil
	}
	for _, mark := range keys.Marks() {
		tried := seg.header
		tried.mark = mark
		box, err := tried.box(keys)
		if err != nil {
			return err
		}
		payload, err := w.payload(f, at)
		if err != nil {
			return err
		}
		s := newSealing(box)
		if _, err := s.open(f, at, append([]byte(nil), payload...)); err == nil {
			seg.mark, seg.box = mark, box
			return nil
		}
	}
	return nil
}
