package stream

import (
	"math"

	"myelin/internal/bin"
)

// The records of a snapshot, in the order of their sequences:
//
//	uvarint  subjects
//	uvarint  records, and for each
//	  byte     flags
//	  uvarint  hasGap: sequences between the end of the one before and this one, not 0
//	  uvarint  hasSpan: how many sequences it takes, not 1
//	  varint   hasTime: nanoseconds since the one before, not 0
//	  uvarint  hasSize: size, not that of the one before
//	  varint   hasExpiry: the time at which it expires, not 0
//	  uvarint  hasNumber: the subject's number in the order in which they were named, from 0
//	  bytes    otherwise: the subject, which was not named yet
const (
	hasGap = 1 << iota
	hasSpan
	hasTime
	hasSize
	hasExpiry
	hasNumber
	isSilent // no delete marker takes its place
	allFlags = 1<<iota - 1
)

func (t *table) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, uint64(t.subjects.count))
	dst = bin.AppendUvarint(dst, uint64(t.records))
	e := recordEncoder{table: t, named: make([]uint32, t.subjects.used)}
	for n, b := range t.blocks {
		start := 0
		if n == 0 {
			start = t.head
		}
		for i := start; i < len(b.records); i++ {
			if b.records[i].subject != 0 {
				dst = e.append(dst, b, i)
			}
		}
	}
	return dst
}

// recordEncoder knows what came before.
type recordEncoder struct {
	table *table
	named []uint32 // the number plus one that a subject was given, by the one that it has here
	count uint32
	end   uint64 // of the sequences of the record before
	time  int64
	size  uint32
}

func (e *recordEncoder) append(dst []byte, b placed, i int) []byte {
	r, span, end := &b.records[i], b.span(i), b.life(i) // not *r: links may change meanwhile
	seq, time, size, id := b.first+uint64(b.offset(i)), r.time, r.size, r.subject-1
	at, flags := len(dst), byte(0)
	dst = append(dst, 0)
	if seq != e.end {
		flags |= hasGap
		dst = bin.AppendUvarint(dst, seq-e.end)
	}
	if span != 1 {
		flags |= hasSpan
		dst = bin.AppendUvarint(dst, uint64(span))
	}
	if time != e.time {
		flags |= hasTime
		dst = bin.AppendVarint(dst, time-e.time)
	}
	if size != e.size {
		flags |= hasSize
		dst = bin.AppendUvarint(dst, uint64(size))
	}
	if end.expires != 0 {
		flags |= hasExpiry
		dst = bin.AppendVarint(dst, end.expires)
	}
	if end.silent {
		flags |= isSilent
	}
	if number := e.named[id]; number > 0 {
		flags |= hasNumber
		dst = bin.AppendUvarint(dst, uint64(number-1))
	} else {
		e.count++
		e.named[id] = e.count
		dst = bin.AppendBytes(dst, e.table.subjects.text(id))
	}
	dst[at] = flags
	e.end, e.time, e.size = seq+uint64(span), time, size
	return dst
}

// recordDecoder reads records into a table without any.
type recordDecoder struct {
	*bin.Reader
	table *table
	last  uint64   // sequence that may be there
	names int      // how many subjects there are to be
	where []uint32 // of each subject the last record: its block times blockRecords plus its index
	end   uint64   // of the sequences of the record before
	over  bool     // which was the very last one there can be
	time  int64
	size  uint64
}

// restore reads the records of a snapshot, none of which is beyond last. They become as many blocks as they
// fill, and the index of subjects is made at the end, in one go.
func (t *table) restore(r *bin.Reader, last uint64) {
	d := recordDecoder{Reader: r, table: t, last: last, names: r.Count(3)}
	d.where = make([]uint32, 0, d.names)
	for range r.Count(2) {
		if !d.read() {
			r.Fail(errSnapshot)
			return
		}
	}
	if len(d.where) != d.names || !t.subjects.enter() {
		r.Fail(errSnapshot)
	}
}

// read takes over one record; it reports whether there is a proper one.
func (d *recordDecoder) read() bool {
	flags := d.Byte()
	gap, span := uint64(0), uint64(1)
	if flags&hasGap != 0 {
		gap = d.Uvarint()
	}
	if flags&hasSpan != 0 {
		span = d.Uvarint()
	}
	if flags&hasTime != 0 {
		d.time += d.Varint()
	}
	if flags&hasSize != 0 {
		d.size = d.Uvarint()
	}
	end := life{silent: flags&isSilent != 0}
	if flags&hasExpiry != 0 {
		end.expires = d.Varint()
	}
	seq := d.end + gap
	if d.Err() != nil || flags > allFlags || (gap != 0) != (flags&hasGap != 0) || (end.expires != 0) != (flags&hasExpiry != 0) ||
		d.size > math.MaxUint32 || d.over || seq < gap || seq == 0 || seq > d.last ||
		span == 0 || span > maxSpan || span-1 > d.last-seq {
		return false
	}
	d.end = seq + span
	d.over = d.end == 0
	id, ok := d.subject(flags)
	if !ok {
		return false
	}
	at := d.where[id]
	d.table.addAfter(place{int(at / blockRecords), int(at % blockRecords)}, seq, uint32(span), d.time, uint32(d.size), id, end)
	n := len(d.table.blocks) - 1
	d.where[id] = uint32(n*blockRecords + len(d.table.blocks[n].records) - 1)
	return true
}

// subject reads that of a record. The numbers of a snapshot become those of the table.
func (d *recordDecoder) subject(flags byte) (id uint32, ok bool) {
	if flags&hasNumber != 0 {
		number := d.Uvarint()
		return uint32(number), d.Err() == nil && number < uint64(len(d.where))
	}
	text := d.Bytes()
	if len(text) == 0 || len(text) > maxSubjectBytes || len(d.where) == d.names {
		return 0, false
	}
	d.where = append(d.where, 0)
	return d.table.subjects.create(text), true
}
