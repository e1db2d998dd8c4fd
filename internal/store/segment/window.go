package segment

import (
	"errors"
	"fmt"
	"io"

	"myelin/internal/vfs"
)

// window reads a file through a buffer, forward for the most part. What it returns is valid until the
// next call.
type window struct {
	file io.ReaderAt
	seed uint32
	end  int64 // of what may be read
	step int   // bytes read at least, if there are as many
	// mapping is asked first; nil: there is none.
	mapping vfs.Mapping

	opens *sealing // tries to open what is read through; nil: checksums will do

	buf []byte
	at  int64 // offset of buf in the file
}

// bytes returns n bytes at the offset.
func (w *window) bytes(offset, n int64) ([]byte, error) {
	if offset+n > w.end {
		return nil, errEnd
	}
	if offset < w.at || offset+n > w.at+int64(len(w.buf)) {
		if err := w.load(offset, n); err != nil {
			return nil, err
		}
	}
	i := offset - w.at
	return w.buf[i : i+n : i+n], nil
}

func (w *window) load(offset, n int64) error {
	if w.mapping != nil {
		w.size(min(max(n, int64(w.step)), w.end-offset))
		if w.at = offset; w.mapping.ReadAt(w.buf, offset) {
			return nil
		}
	}
	want := min(max(n, int64(w.step)), w.end-offset)
	w.size(want)
	w.at = offset
	got, err := w.file.ReadAt(w.buf, offset)
	if int64(got) == want {
		return nil
	}
	w.buf = w.buf[:0]
	if err == nil || errors.Is(err, io.EOF) {
		return errEnd
	}
	return fmt.Errorf("read at offset %d: %w", offset, err)
}

// peek loads n bytes if the mapping has them. What it lacks is then read by a call, so that it is not asked twice.
func (w *window) peek(offset, n int64) bool {
	if w.mapping == nil || n <= 0 || offset+n > w.end {
		return false
	}
	w.size(n)
	if w.at = offset; w.mapping.ReadAt(w.buf, offset) {
		return true
	}
	w.buf, w.mapping = w.buf[:0], nil
	return false
}

// size makes the buffer so large, whatever is in it.
func (w *window) size(n int64) {
	if int64(cap(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	w.buf = w.buf[:n]
}

// head returns the head of the frame at the offset.
func (w *window) head(offset int64) (frame, error) {
	b, err := w.bytes(offset, headSize)
	if err != nil {
		return frame{}, err
	}
	f, err := parseFrame(b, w.seed, offset)
	if err == nil && offset+f.length() > w.end {
		err = errEnd
	}
	return f, err
}

// payload returns the padded payload of a frame, which fits its checksum or was erased.
func (w *window) payload(f frame, offset int64) ([]byte, error) {
	b, err := w.bytes(offset+headSize, f.length()-headSize)
	if err != nil {
		return nil, err
	}
	if !f.fits(b) && !(f.kind == kindRecord && erased(b)) {
		return nil, errPayload
	}
	return b, nil
}

// resync returns the offset of the first head that fits, from the given one on, or the end.
func (w *window) resync(offset int64) (int64, error) {
	for offset = pad(offset); offset+headSize <= w.end; offset += 8 {
		_, err := w.head(offset)
		if err == nil {
			return offset, nil
		}
		if !isDamage(err) {
			return 0, err
		}
	}
	return w.end, nil
}
