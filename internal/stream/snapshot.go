package stream

import (
	"errors"
	"math"

	"myelin/internal/bin"
)

// The snapshot of a stream:
//
//	byte     version
//	bool     whether the stream exists; if not, that is all
//	...      configuration, created, now, last, floor, last time, last id
//	uvarint  records, and for each
//	  uvarint  sequences between the end of the one before and this one
//	  uvarint  span, shifted by two bits, of which the lower says that the message leaves no marker and
//	           the upper that it has a time of its own to expire
//	  varint   nanoseconds since the one before
//	  varint   the time at which it expires, if it has one
//	  uvarint  size
//	  uvarint  0 for a subject that was not named yet, which follows as bytes, or its number in the order
//	           in which they were named, from 1
//	uvarint  ids in the duplicate window, oldest first, and for each
//	  varint   nanoseconds since the one before
//	  uvarint  sequence
//	  bytes    id
//	...      origins (origin.go)
const snapshotVersion = 2

var errSnapshot = errors.New("inconsistent snapshot of a stream")

// Snapshot appends the state to dst.
func (s *State) Snapshot(dst []byte) []byte {
	dst = bin.AppendBool(append(dst, snapshotVersion), s.config != nil)
	if s.config == nil {
		return dst
	}
	dst = s.config.Append(dst)
	dst = bin.AppendVarint(bin.AppendVarint(dst, s.created), s.now)
	dst = bin.AppendUvarint(bin.AppendUvarint(dst, s.last), s.floor)
	dst = bin.AppendBytes(bin.AppendVarint(dst, s.lastTime), s.lastID)
	dst = s.table.snapshot(dst)
	dst = s.dedupe.snapshot(dst)
	return s.origins.snapshot(dst)
}

func (t *table) snapshot(dst []byte) []byte {
	named := make([]uint32, t.subjects.used)
	count := uint32(0)
	seq, time := uint64(0), int64(0)
	dst = bin.AppendUvarint(dst, uint64(t.records))
	for p, ok := t.first(); ok; p, ok = t.after(p) {
		r, span, end := t.at(p), t.span(p), t.life(p)
		dst = bin.AppendUvarint(dst, t.seq(p)-seq)
		dst = bin.AppendUvarint(dst, uint64(span)<<2|end.flags())
		dst = bin.AppendVarint(dst, r.time-time)
		if end.expires != 0 {
			dst = bin.AppendVarint(dst, end.expires)
		}
		dst = bin.AppendUvarint(dst, uint64(r.size))
		seq, time = t.seq(p)+uint64(span), r.time
		id := r.subject - 1
		dst = bin.AppendUvarint(dst, uint64(named[id]))
		if named[id] == 0 {
			count++
			named[id] = count
			dst = bin.AppendBytes(dst, t.subjects.text(id))
		}
	}
	return dst
}

func (l life) flags() (flags uint64) {
	if l.silent {
		flags |= 1
	}
	if l.expires != 0 {
		flags |= 2
	}
	return flags
}

func (d *dedupe) snapshot(dst []byte) []byte {
	last := int64(0)
	dst = bin.AppendUvarint(dst, uint64(d.len()))
	d.each(func(id []byte, seq uint64, time int64) {
		dst = bin.AppendUvarint(bin.AppendVarint(dst, time-last), seq)
		dst = bin.AppendBytes(dst, id)
		last = time
	})
	return dst
}

// Restore replaces the state by that of a snapshot.
func (s *State) Restore(r *bin.Reader) error {
	*s = State{}
	if v := r.Byte(); v != snapshotVersion {
		r.Fail(errSnapshot)
	}
	if !r.Bool() {
		return r.Err()
	}
	config := ReadConfig(r)
	s.created, s.now = r.Varint(), r.Varint()
	s.last, s.floor = r.Uvarint(), r.Uvarint()
	s.lastTime = r.Varint()
	s.lastID = append(s.lastID, r.Bytes()...)
	if err := s.adopt(config); err != nil {
		r.Fail(err)
		return r.Err()
	}
	s.seed()
	s.table.restore(r, s.last)
	s.dedupe.restore(r)
	s.origins.restore(r)
	return r.Err()
}

func (t *table) restore(r *bin.Reader, last uint64) {
	var named []uint32
	seq, time := uint64(0), int64(0)
	for range r.Count(5) {
		gap, span := r.Uvarint(), r.Uvarint()
		time += r.Varint()
		end := life{silent: span&1 != 0}
		if span&2 != 0 {
			end.expires = r.Varint()
		}
		size, ref := r.Uvarint(), r.Uvarint()
		if span&2 != 0 && end.expires == 0 || len(named) > 0 && seq == 0 || gap > math.MaxUint64-seq || ref > uint64(len(named)) || size > math.MaxUint32 {
			r.Fail(errSnapshot)
			return
		}
		seq, span = seq+gap, span>>2
		if seq == 0 || seq > last || span == 0 || span > maxSpan || span-1 > last-seq {
			r.Fail(errSnapshot)
			return
		}
		if ref == 0 {
			text := r.Bytes()
			if len(text) == 0 || len(text) > maxSubjectBytes {
				r.Fail(errSnapshot)
				return
			}
			named = append(named, t.subjects.intern(text))
			ref = uint64(len(named))
		}
		t.add(seq, uint32(span), time, uint32(size), named[ref-1], end)
		seq += span
	}
}

func (d *dedupe) restore(r *bin.Reader) {
	time := int64(0)
	for range r.Count(3) {
		time += r.Varint()
		seq, id := r.Uvarint(), r.Bytes()
		if seq == 0 || len(id) == 0 {
			r.Fail(errSnapshot)
			return
		}
		d.add(id, seq, time)
	}
}
