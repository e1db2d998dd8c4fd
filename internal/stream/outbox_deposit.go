package stream

import (
	"bytes"
	"math"

	"myelin/internal/apierr"
	"myelin/internal/seqset"
)

// deposits know which dead letters of which streams were taken.
type deposits struct {
	clock uint64 // counts deposits
	by    map[[16]byte]*depositor
}

// depositor is a stream that dead letters come from. Those below low were taken, and of the others those in taken. IDs are not
// taken in order, since one that is refused does not hold up those behind it.
type depositor struct {
	used  uint64 // the clock at the last deposit
	low   uint64
	taken seqset.Set
}

// maxDepositors is how many streams are remembered that dead letters came from. Beyond it the one is forgotten that has been
// silent for longest.
const maxDepositors = 4096

// has reports whether a dead letter was taken.
func (x *deposits) has(c *Deposit) bool {
	d := x.by[c.Origin]
	return d != nil && (c.ID < d.low || d.taken.Has(c.ID))
}

// note remembers that a dead letter was taken.
func (x *deposits) note(c *Deposit) {
	x.clock++
	d := x.by[c.Origin]
	if d == nil {
		if x.by == nil {
			x.by = map[[16]byte]*depositor{}
		}
		x.forget()
		d = new(depositor)
		x.by[c.Origin] = d
	}
	d.used = x.clock
	if c.ID >= d.low {
		d.taken.Add(c.ID)
	}
	if c.Low > d.low {
		d.taken.RemoveRange(0, c.Low-1)
		d.low = c.Low
	}
}

// forget makes room for another depositor.
func (x *deposits) forget() {
	if len(x.by) < maxDepositors {
		return
	}
	var oldest [16]byte
	used := uint64(math.MaxUint64)
	for origin, d := range x.by { // no two were used at the same time
		if d.used < used {
			oldest, used = origin, d.used
		}
	}
	delete(x.by, oldest)
}

// deposit decides about a dead letter. Its header was made for it, and gives no instructions.
func (s *State) deposit(fields []byte, offset uint32, fx *Effects) Reply {
	var c Deposit
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	at, ok := c.decode(fields)
	switch {
	case !ok || uint64(c.Span) > math.MaxUint64-s.last:
		return refuse(apierr.BadRequest)
	case s.deposits.has(&c):
		s.deposits.note(&c)
		return Reply{Duplicate: true}
	case s.config.Sealed:
		return refuse(apierr.StreamSealed)
	case s.config.Mirror != nil:
		return refuse(apierr.BadRequest)
	case s.config.AllowCounter:
		return refuse(apierr.MessageIncrMissing)
	}
	p := publish{Append: c.Append, seq: s.last + 1, time: s.now}
	s.rename(&p, fx)
	if err := s.admit(&p, fx); err != nil {
		return Reply{Err: err}
	}
	if err := s.store(&p, offset+uint32(at), fx); err != nil {
		return Reply{Err: err}
	}
	s.deposits.note(&c)
	return Reply{Seq: p.seq}
}

// compareOrigins orders the identities of streams.
func compareOrigins(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }
