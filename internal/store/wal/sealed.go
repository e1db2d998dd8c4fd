package wal

import (
	"crypto/rand"
	"fmt"

	"myelin/internal/store/seal"
)

// sealPurpose is what the keys of a log's entries are derived for, besides the salt of the opening.
const sealPurpose = "log"

// placeBytes is the length of what an entry is sealed for: where it belongs, so that it opens as no other.
const placeBytes = 26

func putPlace(b *[placeBytes]byte, kind Kind, tag uint8, group, term, index uint64) []byte {
	b[0], b[1] = byte(kind), tag
	le.PutUint64(b[2:], group)
	le.PutUint64(b[10:], term)
	le.PutUint64(b[18:], index)
	return b[:]
}

// beginSealing draws the salt of this opening, if entries are to be sealed. All segments of an opening share a
// key, so that the callers of Append seal, each for itself, before it is known where an entry will stand.
func (l *Log) beginSealing() (err error) {
	if l.mark = l.options.Keys.Mark(); !l.mark.Sealed() {
		return nil
	}
	if _, err = rand.Read(l.salt[:]); err != nil {
		return err
	}
	l.box, err = l.options.Keys.Box(l.mark, sealPurpose, l.salt[:])
	return err
}

// bodyBytes is how long the body of an entry is as it is stored, 0 for other records.
func (l *Log) bodyBytes(r *Record) int {
	switch {
	case r.Kind != Entry:
		return 0
	case l.box != nil:
		return len(r.Data) + seal.Overhead
	}
	return len(r.Data)
}

// sealBody returns the body of an entry as it is stored. It belongs to the batch.
func (l *Log) sealBody(b *Batch, r *Record) []byte {
	if l.box == nil || r.Kind != Entry {
		return r.Data
	}
	at := len(b.sealed)
	b.sealed = l.box.Seal(b.sealed, r.Data, putPlace(&b.place, r.Kind, r.Tag, r.Group, r.Term, r.Index))
	return b.sealed[at:]
}

// openWith gives the scan what its entries are opened with. seal.ErrKey says that there is no such key.
func (s *scan) openWith(keys *seal.Keys) (err error) {
	if s.box, err = keys.Box(s.header.mark, sealPurpose, s.header.salt[:]); err != nil {
		return fmt.Errorf("segment %s of the log: %w", s.name, err)
	}
	return nil
}

// open returns the body of a record as its owner gave it, valid until the next call.
func (s *scan) open(h recordHeader, body []byte) ([]byte, error) {
	if s.box == nil || h.kind != Entry {
		return body, nil
	}
	place := putPlace(&s.place, h.kind, h.tag, h.group, h.term, h.index)
	plain, err := s.box.Open(s.plain[:0], body, place)
	s.plain = plain
	return plain, err
}
