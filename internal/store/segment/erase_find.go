package segment

import (
	"errors"
	"io"
	"math"
	"sort"
)

// place is where a frame is.
type place struct {
	frame  frame
	offset int64
}

// span is the sequences of a record.
type span struct{ first, last uint64 }

// targets are what is to be erased in one file.
type targets struct {
	records []place // that stand alone and are not erased yet
	blocks  []place // that hold others
	spans   []span  // of all these records, ascending
	bytes   int64   // of them, as Size counts
}

// others tells what is to stay: it is a Live.
func (t *targets) others(from uint64) (uint64, bool) {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].last >= from })
	for ; i < len(t.spans) && t.spans[i].first <= from; i++ {
		if t.spans[i].last == math.MaxUint64 {
			return 0, false
		}
		from = t.spans[i].last + 1
	}
	return from, true
}

// many says that rewriting a file of a size writes less than overwriting the records where they are, which
// takes their pages twice: rewriting takes them once, and what stays.
func (t *targets) many(size int64) bool {
	const nameBytes = 256 << 10 // what making, renaming and removing files costs the disk, in bytes written
	pages := min(int64(len(t.records))*pageBytes+t.bytes, size)
	return nameBytes+size-t.bytes < pages
}

// add takes in a record, alone or in a block.
func (t *targets) add(first, last uint64, bytes int64) {
	t.spans = append(t.spans, span{first, last})
	t.bytes += bytes
}

// locate finds the records that occupy sequences, which ascend, in a file that may hold them. With an error that
// is damages it has found the others.
func (s *Set) locate(v view, seqs []uint64) (t targets, err error) {
	o, err := s.acquire(v, true)
	if err != nil {
		return t, err
	}
	defer s.cache.release(o)
	x := v.index
	if x == nil {
		x = o.index
	}
	c := s.cursor(v, o.file, x, seqs[0], nil, lookupBytes)
	var damages []error
	for len(seqs) > 0 {
		c.from, c.offset = seqs[0], max(c.offset, x.before(seqs[0]))
		next := seqs[0]
		f, at, err := c.seek()
		switch {
		case errors.Is(err, io.EOF):
			return t, errors.Join(damages...)
		case err != nil:
		case f.seq > seqs[0]:
			next = f.seq - 1
		default:
			next = f.last()
			err = t.take(&c, f, at, seqs[:through(seqs, next)])
		}
		if err = s.found(v.segment, err); err != nil && !isDamage(err) {
			return t, err
		}
		damages, seqs = append(damages, err), seqs[through(seqs, next):]
	}
	return t, errors.Join(damages...)
}

// take takes in what a frame holds of some sequences, which all lie in its range. The cursor is behind it then.
func (t *targets) take(c *cursor, f frame, at int64, seqs []uint64) error {
	if f.kind == kindBlock {
		return t.takeFromBlock(c, f, at, seqs)
	}
	c.offset = at + f.length()
	payload, err := c.window.bytes(at+headSize, f.length()-headSize)
	if err != nil && !isDamage(err) {
		return err
	}
	if err == nil && erased(payload) && f.fits(payload) {
		return nil // wholly, for that is written last
	}
	t.records = append(t.records, place{f, at})
	t.add(f.seq, f.last(), f.bytes())
	return nil
}

// takeFromBlock looks for the records in a block.
func (t *targets) takeFromBlock(c *cursor, f frame, at int64, seqs []uint64) error {
	end, known := c.window.end, len(t.spans)
	c.offset, c.window.end = at, at+f.length()
	defer func() {
		c.offset, c.window.end, c.raw = at+f.length(), end, c.raw[:0]
	}()
	for len(seqs) > 0 {
		c.from = max(c.from, seqs[0])
		r, err := c.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if through(seqs, r.Last()) > through(seqs, r.Seq-1) {
			t.add(r.Seq, r.Last(), r.size())
		}
		seqs = seqs[through(seqs, r.Last()):]
	}
	if len(t.spans) > known {
		t.blocks = append(t.blocks, place{f, at})
	}
	return nil
}
