package segment

import "myelin/internal/vfs"

const (
	// aheadBytes is how much a Reader reads at once when it reads on.
	aheadBytes = 64 << 10
	// nearby is how many sequences may lie between two reads of which the second goes on where the first ended.
	nearby = 4
	// jumpBytes is how much it reads for one record somewhere else: from where the index leads to behind a small record.
	jumpBytes = indexSpacing + 512
)

// Reader reads records one by one, and ascending ones much faster than Read does: it keeps the file open, and what it
// has read ahead. It may be behind what Erase does by as much; ask only for what lives. One goroutine at a
// time uses it, until Close.
type Reader struct {
	set         *Set
	opened      *opened     // nil: none
	mapping     vfs.Mapping // of it; nil: not wanted yet, or there is none
	first, high uint64      // sequences that the file may hold
	index       index
	cursor      cursor
	buf         []byte
	last        uint64 // sequence that was read last
}

// Reader returns a Reader of the set.
func (s *Set) Reader() *Reader { return &Reader{set: s} }

// Read returns the record that occupies a sequence, as Set.Read does. It is valid until the next call.
func (r *Reader) Read(seq uint64) (*Record, error) {
	if rec := r.ahead(seq); rec != nil {
		r.last = seq
		return rec, nil
	}
	rec, buf, err := r.set.Read(seq, r.buf)
	r.buf = buf
	if err == nil && seq > r.last {
		r.begin(rec.Last() + 1)
	}
	r.last = seq
	return &rec, err
}

// ahead returns a record of the file that is open. Whatever is in its way is left to Set.Read: then it returns nil.
func (r *Reader) ahead(seq uint64) *Record {
	if r.opened == nil {
		return nil
	}
	if seq >= r.first && seq <= r.high {
		if r.move(seq) && r.cursor.leap() {
			return &r.cursor.record
		}
		if rec, err := r.cursor.next(); err == nil && rec.Seq <= seq {
			return rec
		}
	}
	r.leave()
	return nil
}

// move makes the cursor come to a sequence next: over what lies between, or by the index if that is much, which it reports.
func (r *Reader) move(seq uint64) (jumps bool) {
	c := &r.cursor
	if jumps = seq < c.from || seq-c.from > nearby && !c.unpacked(seq); jumps {
		c.near = r.index.around(seq)
		c.offset = c.near.from
		c.raw, c.hurt = c.raw[:0], nil
		c.window.step, c.window.mapping = jumpBytes, r.mappingOf()
		c.only()
	} else {
		c.window.step, c.window.mapping = aheadBytes, nil
	}
	c.from = seq
	return jumps
}

// mappingOf is the mapping of the file that is open.
func (r *Reader) mappingOf() vfs.Mapping {
	if r.mapping == nil {
		r.mapping = r.set.cache.mapping(r.opened, r.set.mappedBytes(r.cursor.window.end))
	}
	return r.mapping
}

// mappedBytes is how much of a file of that size is mapped. One that still grows does not outgrow it by much.
func (s *Set) mappedBytes(size int64) int64 { return max(s.options.SegmentBytes, size) }

// begin opens the file of a sequence.
func (r *Reader) begin(seq uint64) {
	v, ok, err := r.set.viewFor(seq)
	if err != nil || !ok || seq < v.segment.first || seq > v.high {
		return
	}
	o, err := r.set.acquire(v, true)
	if err != nil {
		return
	}
	r.opened, r.first, r.high, r.index = o, v.segment.first, v.high, v.index
	if r.index == nil {
		r.index = o.index
	}
	r.cursor = r.set.cursor(v, o.file, o.index, seq, r.cursor.window.buf, aheadBytes)
}

// leave lets go of the file.
func (r *Reader) leave() {
	if r.opened != nil {
		r.set.cache.release(r.opened)
		r.opened, r.mapping, r.cursor.window.mapping = nil, nil, nil
	}
}

// Close lets go of all files. The Reader can be used again.
func (r *Reader) Close() { r.leave() }
