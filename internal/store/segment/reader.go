package segment

const (
	// aheadBytes is how much a Reader reads at once when it reads on.
	aheadBytes = 64 << 10
	// nearby is how many sequences may lie between two reads of which the second goes on where the first ended.
	nearby = 64
)

// Reader reads records one by one, and those that follow each other much faster than Read does: it keeps what
// it has read ahead. It may be behind what Erase does by as much; ask only for what lives. One goroutine at a
// time uses it. While it reads on it keeps a file open, until Close.
type Reader struct {
	set    *Set
	opened *opened // nil: nothing is read ahead
	high   uint64  // the last sequence of what may be
	cursor cursor
	buf    []byte
	last   uint64 // sequence that was read last
}

// Reader returns a Reader of the set.
func (s *Set) Reader() *Reader { return &Reader{set: s} }

// Read returns the record that occupies a sequence, as Set.Read does. Its parts are valid until the next call.
func (r *Reader) Read(seq uint64) (Record, error) {
	if rec, ok := r.ahead(seq); ok {
		r.last = seq
		return rec, nil
	}
	rec, buf, err := r.set.Read(seq, r.buf)
	r.buf = buf
	if err == nil && seq > r.last && seq-r.last <= nearby {
		r.begin(rec.Last() + 1)
	}
	r.last = seq
	return rec, err
}

// ahead returns a record of what is read ahead. Whatever is in its way is left to Set.Read.
func (r *Reader) ahead(seq uint64) (Record, bool) {
	if r.opened == nil {
		return Record{}, false
	}
	if seq >= r.cursor.from && seq-r.cursor.from <= nearby && seq <= r.high {
		r.cursor.from = seq
		if rec, err := r.cursor.next(); err == nil && rec.Seq <= seq {
			return rec, true
		}
	}
	r.Close()
	return Record{}, false
}

// begin starts to read on from a sequence.
func (r *Reader) begin(seq uint64) {
	v, ok, err := r.set.viewFor(seq)
	if err != nil || !ok || seq < v.segment.first || seq > v.high {
		return
	}
	o, err := r.set.acquire(v, true)
	if err != nil {
		return
	}
	r.opened, r.high = o, v.high
	r.cursor = r.set.cursor(v, o.file, o.index, seq, r.cursor.window.buf, aheadBytes)
}

// Close lets go of the file. The Reader can be used again.
func (r *Reader) Close() {
	if r.opened != nil {
		r.set.cache.release(r.opened)
		r.opened = nil
	}
}
