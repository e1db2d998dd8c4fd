package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"

	"myelin/internal/clock"
	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// Options are what the owner of a stream decides.
type Options struct {
	// Stream identifies the stream. Files with another one are foreign.
	Stream [16]byte
	// SegmentBytes is about how large a file grows; 0 stands for DefaultSegmentBytes.
	SegmentBytes int64
	// Compress asks for S2 where it saves space. It may change from one opening to the next.
	Compress bool
	// Synced is what Last was at the last successful Sync, as far as the owner knows; 0 when it knows
	// nothing. What it proves to have been on the disk is never cut.
	Synced uint64
	// Keys encrypt new files; nil for none. Files of an earlier key, or of none, are read all the same.
	Keys *seal.Keys
	// ReadOnly is for looking into files that are not ours: nothing is written or removed, and all that would is
	// refused with ErrReadOnly. What a crash has left is passed over instead of cut.
	ReadOnly bool
	// Settle returns when all that was removed is removed for good, so that a crash brings none of it back. It is called
	// before files take the place of others that lack what was removed. nil: it is so already.
	Settle func() error
	// Cache is shared by the sets of a node; nil makes a small one.
	Cache *Cache
}

func (o *Options) settle() error {
	if o.Settle == nil {
		return nil
	}
	return o.Settle()
}

// DefaultSegmentBytes is the size of a segment file unless the owner wants another.
const DefaultSegmentBytes = 16 << 20

// maxSegmentBytes keeps offsets, divided by 8, below 32 bits.
const maxSegmentBytes = 1 << 30

// maxDamages is how many damages a set remembers.
const maxDamages = 1024

// Set is the files of one stream.
type Set struct {
	fs      vfs.FS
	dir     string
	options Options
	cache   *Cache

	// The token of whoever writes: Write, Sync, Rest, Close; and of upkeep where it touches the last file.
	writing sync.Mutex
	writer  *writer // nil when no file is open for writing
	dirty   bool    // a file was made whose name may not be on the disk

	// The token of upkeep: Drop, Clean, Erase. Taken before the one of writing.
	upkeep   sync.Mutex
	leftover []*segment // no longer part of the set, but their files could not be removed

	// Held by Erase while a frame is half overwritten. Readers take it only when they find one damaged.
	erasing sync.RWMutex

	mu         sync.Mutex // guards all below, and the fields of segments
	segments   []*segment // ascending
	generation uint64
	written    uint64 // last sequence that may have been written, where no file tells
	failed     error
	closed     bool
	damages    []Damage
	cleaning   *cleaning
}

// Open takes stock of the files in a directory, which need not exist. It returns the set, and all damage
// found on the way; an error only when the file system fails.
func Open(fs vfs.FS, dir string, options Options) (*Set, []Damage, error) {
	if options.SegmentBytes == 0 {
		options.SegmentBytes = DefaultSegmentBytes
	}
	options.SegmentBytes = min(options.SegmentBytes, maxSegmentBytes)
	s := &Set{fs: fs, dir: dir, options: options, cache: options.Cache, written: options.Synced}
	if s.cache == nil {
		s.cache = NewCache(clock.Real{}, 8, 4<<20)
	}
	if err := s.load(); err != nil {
		return nil, nil, err
	}
	if options.ReadOnly {
		s.failed = ErrReadOnly
	}
	if n := len(s.segments); n > 0 {
		s.dirty = s.segments[n-1].footed < s.segments[n-1].size
	}
	return s, s.Damages(), nil
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Damages are all damages that were found since the set was opened; the first thousand of them.
func (s *Set) Damages() []Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Damage(nil), s.damages...)
}

// report remembers a damage, once for each place.
func (s *Set) report(d *Damage) *Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.damages {
		if old.File == d.File && old.Offset == d.Offset && (old.Cut > 0) == (d.Cut > 0) {
			return d
		}
	}
	if len(s.damages) < maxDamages {
		s.damages = append(s.damages, *d)
	}
	return d
}

// Last is the last sequence that was ever written, as far as files and owner tell. 0 for none.
func (s *Set) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastLocked()
}

func (s *Set) lastLocked() uint64 {
	last := s.written
	if n := len(s.segments); n > 0 {
		g := s.segments[n-1]
		last = max(last, g.last())
		if g.unreadable {
			last = max(last, g.first)
		}
	}
	return last
}

// Write appends records, whose sequences ascend and follow Last. When it returns they can be read, but are
// not synced. After an error some may be written, and nothing more is until the set is opened anew, unless
// it is ErrOrder or the record cannot be stored.
func (s *Set) Write(records []Record) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	last := s.Last()
	for i := range records {
		r := &records[i]
		if r.Seq <= last {
			return fmt.Errorf("write sequence %d after %d: %w", r.Seq, last, ErrOrder)
		}
		if err := r.check(); err != nil {
			return fmt.Errorf("write sequence %d: %w", r.Seq, err)
		}
		last = r.Last()
	}
	return s.fail(s.write(records))
}

func (s *Set) write(records []Record) error {
	for i := range records {
		r := &records[i]
		if s.writer != nil && s.writer.sum.records+uint64(s.writer.block.records) > 0 && s.writer.end()+r.size() > s.options.SegmentBytes {
			if err := s.roll(); err != nil {
				return err
			}
		}
		if s.writer == nil {
			if err := s.openLast(r); err != nil {
				return err
			}
		}
		if err := s.writer.add(r); err != nil {
			return err
		}
	}
	if s.writer == nil {
		return nil
	}
	return s.writer.write()
}

// writable says why nothing can be written.
func (s *Set) writable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.failed
}

// fail remembers the first error of a write or sync.
func (s *Set) fail(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return s.failed
}

// Stats are the figures of a set.
type Stats struct {
	Files       int
	DiskBytes   int64
	RecordBytes int64 // as Size counts them, of records in the files
	DeadBytes   int64 // of those, what was reported to Dead
	Records     uint64
	First, Last uint64 // sequences in the files
}

// Stats adds up the figures of all files.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Stats{Files: len(s.segments), First: math.MaxUint64}
	for _, g := range s.segments {
		t.DiskBytes += g.size
		t.RecordBytes += g.bytes
		t.DeadBytes += g.dead
		t.Records += g.records
		if g.records > 0 {
			t.First, t.Last = min(t.First, g.low), g.high
		}
	}
	if t.Records == 0 {
		t.First = 0
	}
	return t
}
