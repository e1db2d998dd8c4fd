package segment

import "io"

// The bytes read at once: for one record, and for many.
const (
	lookupBytes = 8 << 10
	scanBytes   = 256 << 10
)

// cursor walks over the records of one file, ascending. It reads what a view of the file shows, so that
// it needs no lock.
type cursor struct {
	window  window
	seal    sealing
	segment *segment // it is of
	from    uint64   // records that end before this sequence are passed by
	offset  int64    // of the next frame
	near    stretch  // where the first record is

	raw       []byte // frames of the block being read
	rawOffset int64
	rawLast   uint64  // sequence
	hurt      *Damage // passed, and not known yet to matter
	head      frame   // that quick has read
	record    Record  // that was returned last

	set *Set // in which something may be half erased; nil: nothing can be
}

// only says that one record is wanted, so that no more is read than that is in.
func (c *cursor) only() {
	if c.near.to > 0 {
		c.window.step = min(c.window.step, int(c.near.to-c.offset))
	}
}

// leap reads the record that occupies c.from where it stands if those around it are as long as it is. It reports whether it is one
// that is neither packed, sealed, damaged nor erased, and in the mapping; if not, nothing has changed.
func (c *cursor) leap() bool {
	from, offset := c.from, c.offset
	at, length := c.near.guess(from)
	if !c.window.peek(at, length) {
		return false
	}
	if c.offset = at; c.quick() && c.record.Seq <= from {
		return true
	}
	c.from, c.offset = from, offset
	return false
}

// next returns the next record, which is valid until the call after. io.EOF says that there is none; a
// *Damage that what comes next cannot be read: next may be called again for what lies behind.
func (c *cursor) next() (*Record, error) {
	if c.quick() {
		return &c.record, nil
	}
	for {
		if len(c.raw) > 0 {
			ok, err := c.nextInBlock()
			if err != nil {
				return nil, err
			}
			if ok {
				return &c.record, nil
			}
			continue
		}
		f, at, err := c.seek()
		if err != nil {
			return nil, err
		}
		c.offset = at + f.length()
		payload, err := c.window.payload(f, at)
		if err != nil && c.again(err) {
			payload, err = c.window.payload(f, at)
		}
		if err != nil {
			return nil, c.blame(err, at, f.last()+1)
		}
		blank := erased(payload)
		if !blank {
			if payload, err = c.seal.open(f, at, payload); err != nil {
				return nil, c.blame(err, at, f.last()+1)
			}
		}
		if f.kind == kindBlock {
			if c.raw, err = f.unpack(payload, c.raw); err != nil {
				c.raw = c.raw[:0]
				return nil, c.blame(err, at, f.last()+1)
			}
			c.rawOffset, c.rawLast = 0, f.last()
			continue
		}
		c.from = f.last() + 1
		if !blank {
			f.record(payload, &c.record)
			return &c.record, nil
		}
	}
}

// quick is next where nothing is in the way: a record that is neither packed, sealed, damaged nor erased stands where the
// last one ended, and was read already. It reports whether that is so; if not, nothing has changed.
func (c *cursor) quick() bool {
	w, f := &c.window, &c.head
	at := c.offset - w.at
	if len(c.raw) > 0 || c.hurt != nil || at < 0 || at+headSize >= int64(len(w.buf)) || c.offset+headSize >= w.end {
		return false
	}
	b := w.buf[at:min(int64(len(w.buf)), w.end-w.at)]
	if f.parse(b, w.seed, c.offset) != nil || f.kind != kindRecord || f.sealed || f.last() < c.from || f.length() > int64(len(b)) {
		return false
	}
	payload := b[headSize:f.length()]
	if len(payload) == 0 || payload[0] == erasedByte || !f.fits(payload) {
		return false
	}
	c.offset += f.length()
	c.from = f.last() + 1
	f.record(payload, &c.record)
	return true
}

// seek finds the next frame that holds records from c.from on, without reading its payload.
func (c *cursor) seek() (frame, int64, error) {
	for c.offset < c.window.end {
		at := c.offset
		f, err := c.window.head(at)
		if err != nil && c.again(err) {
			f, err = c.window.head(at)
		}
		switch {
		case err != nil && !isDamage(err):
			return f, at, err
		case err != nil:
			if c.hurt == nil {
				c.hurt = &Damage{File: c.segment.name(), Offset: at, Err: err, from: c.from}
			}
			if c.offset, err = c.window.resync(at + 8); err != nil {
				return f, at, err
			}
		case !f.holdsRecords():
			c.offset = at + f.length()
		case f.last() < c.from:
			c.offset, c.hurt = at+f.length(), nil
		case c.hurt != nil && f.seq > c.from:
			d := c.hurt
			c.hurt, c.from, d.Next = nil, f.seq, f.seq
			return f, at, d
		default:
			c.hurt = nil
			return f, at, nil
		}
	}
	if d := c.hurt; d != nil {
		c.hurt = nil
		return frame{}, c.offset, d
	}
	return frame{}, c.offset, io.EOF
}

// again says whether what looks damaged is to be read once more, since it may have been half erased.
func (c *cursor) again(err error) bool {
	if c.set == nil || !isDamage(err) {
		return false
	}
	c.set.settleErasing()
	c.window.buf = c.window.buf[:0]
	return true
}

// unpacked says that a sequence is in the block being read.
func (c *cursor) unpacked(seq uint64) bool {
	return len(c.raw) > 0 && seq >= c.from && seq <= c.rawLast
}

// nextInBlock reads the next record of the block, or reports false at its end.
func (c *cursor) nextInBlock() (bool, error) {
	for c.rawOffset < int64(len(c.raw)) {
		rest := c.raw[c.rawOffset:]
		f, err := parseFrame(rest, c.window.seed, c.rawOffset)
		if err != nil || f.kind != kindRecord || f.length() > int64(len(rest)) {
			c.raw = c.raw[:0]
			return false, c.blame(errFrame, c.offset, c.rawLast+1)
		}
		c.rawOffset += f.length()
		if f.last() < c.from {
			continue
		}
		c.from = f.last() + 1
		f.record(rest[headSize:f.length()], &c.record)
		return true, nil
	}
	c.raw = c.raw[:0]
	return false, nil
}

// blame turns an error about the content into a *Damage.
func (c *cursor) blame(err error, offset int64, next uint64) error {
	if !isDamage(err) {
		return err
	}
	d := &Damage{File: c.segment.name(), Offset: offset, Next: next, Err: err, from: c.from}
	c.from = max(c.from, next)
	return d
}
