package segment

import "errors"

var errMissing = errors.New("records that were synced are missing at the end")

// scan is what reading a file through has found.
type scan struct {
	summary
	index   index
	damages []Damage // in the order of their offsets
	proven  int64    // all before was synced at some time
}

// scanFile reads the file in the window from its first frame to the window's end. synced is the last
// sequence that the owner knows to be synced.
func scanFile(w *window, name string, synced uint64) (s scan, err error) {
	for at := int64(headerSize); at < w.end; {
		f, bad := w.head(at)
		next := at + f.length()
		switch {
		case bad == nil:
			err = s.note(w, f, at, name, synced)
		case isDamage(bad):
			s.damages = append(s.damages, Damage{File: name, Offset: at, Err: bad})
			next, err = w.resync(at + 8)
		default:
			err = bad
		}
		if err != nil {
			return s, err
		}
		at = next
	}
	s.size = w.end
	return s, nil
}

// note takes in the frame whose head is at the offset.
func (s *scan) note(w *window, f frame, at int64, name string, synced uint64) error {
	payload, err := w.payload(f, at)
	if err == nil && w.opens != nil && f.holdsRecords() && !erased(payload) {
		_, err = w.opens.open(f, at, payload)
	}
	switch {
	case err != nil && !isDamage(err):
		return err
	case err == nil && f.holdsRecords() && f.seq <= s.high:
		err = errFrame
	}
	if f.kind == kindMark || f.kind == kindIndex {
		s.proven = max(s.proven, min(int64(f.aux), at))
	}
	if err != nil {
		d := Damage{File: name, Offset: at, Err: err}
		if f.holdsRecords() {
			d.Next = f.last() + 1
		}
		s.damages = append(s.damages, d)
		return nil
	}
	if !f.holdsRecords() {
		return nil
	}
	for i := len(s.damages) - 1; i >= 0 && s.damages[i].Next == 0; i-- {
		s.damages[i].Next = f.seq
	}
	if f.seq <= synced {
		s.proven = max(s.proven, at+f.length())
	}
	s.index = s.index.note(f.seq, at)
	if f.kind == kindBlock {
		s.summary.note(f, uint64(f.count), int64(f.size))
	} else {
		s.summary.note(f, 1, f.bytes())
	}
	return nil
}
