package home

import (
	"errors"
	"math"

	"myelin/internal/store/segment"
)

// Read returns the message that occupies a sequence, of which the caller knows that it lives. Its parts lie
// in buf, or in a larger buffer that is returned in its place. Errors: segment.ErrNotFound; a
// *segment.Damage; those of the file system.
func (h *Home) Read(seq uint64, buf []byte) (segment.Record, []byte, error) {
	if r, ok := h.find(seq); ok {
		buf = relocate(&r, buf)
		return r, buf, nil
	}
	for set := h.set.Load(); set != nil; {
		r, b, err := set.Read(seq, buf)
		if now := h.set.Load(); err != nil && now != set {
			set = now // it may have removed what was looked for
			continue
		}
		return r, b, err
	}
	return segment.Record{}, buf, segment.ErrNotFound
}

// find looks for a message in memory.
func (h *Home) find(seq uint64) (segment.Record, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.findLocked(seq)
}

func (h *Home) findLocked(seq uint64) (segment.Record, bool) {
	if r, ok := h.young.find(seq); ok {
		return r, true
	}
	return h.rescued.find(seq)
}

// relocate moves the parts of a record into buf, or a larger one.
func relocate(r *segment.Record, buf []byte) []byte {
	buf = append(append(append(buf[:0], r.Subject...), r.Header...), r.Body...)
	s, e := len(r.Subject), len(r.Subject)+len(r.Header)
	r.Subject, r.Header, r.Body = buf[:s:s], buf[s:e:e], buf[e:]
	return buf
}

// Scan calls visit with each message from the one that occupies or follows a sequence, ascending, until it
// returns false. A record is valid until visit returns; visit may call the Home. Messages may be among them that do
// not live any more. A *segment.Damage ends the scan where messages may be lost; one can go on from its
// Next.
func (h *Home) Scan(from uint64, visit func(*segment.Record) bool) error {
	s := scan{home: h, from: max(from, 1), visit: visit}
	for !s.done {
		s.collect()
		switch {
		case s.from <= s.floor:
			if err := s.files(); err != nil {
				return err
			}
		case len(s.cargo.runs) == 0:
			return nil
		default:
			s.memory()
		}
	}
	return nil
}

// scan is a Scan under way.
type scan struct {
	home  *Home
	from  uint64 // what was visited ends before
	visit func(*segment.Record) bool
	done  bool // visit wants no more, or there are no more sequences

	floor uint64
	cargo cargo
}

// scanBytes is about how much of the tail is looked at in one step.
const scanBytes = 256 << 10

// collect looks where the floor is, and takes what stands above it.
func (s *scan) collect() {
	h := s.home
	h.mu.Lock()
	defer h.mu.Unlock()
	s.cargo.reset()
	if s.floor = h.floor; s.from > s.floor {
		s.cargo.collect(&h.young, s.from, math.MaxUint64, scanBytes)
	}
}

// files visits what is in files, or was to be there.
func (s *scan) files() error {
	set := s.home.set.Load()
	err := set.Scan(s.from, func(r *segment.Record) bool {
		return s.lost(r.Seq) && s.show(r)
	})
	var d *segment.Damage
	switch {
	case s.done:
		return nil
	case err != nil && s.home.set.Load() != set:
		return nil // go on with the files as they were opened anew
	case errors.As(err, &d):
		behind := *d
		if behind.Next == 0 && s.floor < math.MaxUint64 {
			behind.Next = s.floor + 1
		}
		if behind.Next > 0 && !s.lost(behind.Next) {
			return nil
		}
		return &behind
	case err != nil:
		return err
	}
	if s.floor == math.MaxUint64 {
		s.done = true
	} else if s.lost(s.floor + 1) {
		s.from = max(s.from, s.floor+1)
	}
	return nil
}

// lost visits the messages before a sequence that only memory has. It reports whether more are wanted.
func (s *scan) lost(before uint64) bool {
	for s.from < before {
		r, ok := s.home.nextRescued(s.from)
		if !ok || r.Seq >= before {
			break
		}
		if !s.show(&r) {
			return false
		}
	}
	return true
}

func (h *Home) nextRescued(seq uint64) (segment.Record, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rescued.next(seq)
}

// memory visits what was collected.
func (s *scan) memory() {
	for i := range s.cargo.runs {
		v := &s.cargo.runs[i]
		for n := range v.entries {
			r := v.record(n)
			if r.Last() >= s.from && !s.show(&r) {
				return
			}
		}
	}
	s.from = max(s.from, s.cargo.through+1)
}

// show visits a message.
func (s *scan) show(r *segment.Record) bool {
	last := r.Last()
	s.done = !s.visit(r) || last == math.MaxUint64
	s.from = last + 1
	return !s.done
}
