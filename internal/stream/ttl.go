package stream

import (
	"math"
	"strconv"
	"strings"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/header"
)

// life is how a record ends otherwise than by the limits for all.
type life struct {
	expires int64 // when; 0: by its age; never: not even by that
	silent  bool  // no delete marker takes its place
}

const never = math.MaxInt64

// Headers of delete markers. What has the first of them, or is a purge marker of a key-value bucket, leaves
// no marker itself.
const (
	markerReason = "Nats-Marker-Reason"
	messageTTL   = "Nats-TTL"
	kvOperation  = "KV-Operation"
)

// parseTTL reads whole seconds, a duration of at least one, which counts in whole seconds too, or never.
func parseTTL(text string) (seconds int64, ok bool) {
	if strings.EqualFold(text, "never") {
		return never, true
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return seconds, seconds > 0
	}
	d, err := time.ParseDuration(text)
	return int64(d / time.Second), err == nil && d >= time.Second
}

// expiresAfter is the time so many seconds after now, or one that does not come.
func expiresAfter(now, seconds int64) int64 {
	const second = int64(time.Second)
	switch {
	case seconds == never:
		return never
	case seconds > (never-1-max(now, 0))/second:
		return never - 1
	}
	return now + seconds*second
}

// live decides how the message ends. Where subjects get delete markers, a message lives at least as long
// as those, so that none is missed; its header then says so.
func (s *State) live(p *publish, fx *Effects) *apierr.Error {
	if len(p.Header) == 0 {
		return nil
	}
	seconds, ok := parseTTL(string(p.ttl))
	switch {
	case len(p.ttl) > 0 && !ok:
		return apierr.MessageTTLInvalid.Err()
	case !s.config.AllowTTL:
		return nil
	}
	p.end.silent = len(p.marker) > 0 || string(header.Get(p.Header, kvOperation)) == "PURGE"
	if len(p.ttl) == 0 {
		return nil
	}
	if least := int64(s.config.MarkerTTL / time.Second); seconds < least && s.config.MaxMsgsPer != 1 {
		seconds = least
		without := header.Delete(nil, p.Header, messageTTL)
		start := len(fx.made)
		fx.made = header.Add(fx.made, without, messageTTL, strconv.FormatInt(least, 10))
		p.Header, p.changed = fx.made[start:len(fx.made):len(fx.made)], true
	}
	p.end.expires = expiresAfter(p.time, seconds)
	return nil
}

// expire removes the record at p, and leaves a delete marker where it was the last of its subject.
func (s *State) expire(p place, fx *Effects) {
	t := &s.table
	id := t.at(p).subject - 1
	entry := t.subjects.at(id)
	marks := s.config.MarkerTTL > 0 && !s.config.Sealed && entry.first == entry.last && !t.life(p).silent
	if !marks {
		s.remove(p, Expired, fx)
		return
	}
	start := len(fx.made)
	fx.made = append(fx.made, t.subjects.text(id)...)
	subject := fx.made[start:len(fx.made):len(fx.made)]
	s.remove(p, Expired, fx)
	s.mark(subject, fx)
}

// mark stores a delete marker, unless messages may not be that large.
func (s *State) mark(subject []byte, fx *Effects) {
	ttl := s.config.MarkerTTL.Truncate(time.Second)
	start := len(fx.made)
	fx.made = header.AppendStart(fx.made)
	fx.made = header.AppendField(fx.made, markerReason, "MaxAge")
	fx.made = header.AppendField(fx.made, messageTTL, ttl.String())
	fx.made = header.AppendField(fx.made, "Nats-Rollup", "sub")
	fx.made = header.AppendEnd(fx.made)
	p := publish{seq: s.last + 1, time: s.now, changed: true}
	p.Append = Append{Span: 1, Subject: subject, Header: fx.made[start:len(fx.made):len(fx.made)]}
	if s.last == math.MaxUint64 || s.admit(&p, fx) != nil {
		return
	}
	p.end = life{expiresAfter(s.now, int64(ttl/time.Second)), true}
	s.insert(&p, 0, fx)
}

// aging returns the oldest record that ends by its age.
func (t *table) aging() (place, bool) {
	p, ok := t.from(t.aged)
	for ok && t.life(p).expires == never {
		p, ok = t.after(p)
	}
	if ok {
		t.aged = t.seq(p)
	}
	return p, ok
}

// expiries finds the record that expires next: a heap, in which those that went before their time stay
// until it comes or they are too many. It is no heap.Heap, since its items are plain values of 16 bytes that are never
// moved or taken out by their place.
type expiries struct {
	heap []expiry
	live int // how many of them are still there
}

type expiry struct {
	at  int64
	seq uint64
}

func (e expiry) before(other expiry) bool {
	return e.at < other.at || e.at == other.at && e.seq < other.seq
}

// expire notes when the record of seq, which was just added, expires.
func (t *table) expire(at int64, seq uint64) {
	x := &t.expiries
	if len(x.heap) > 2*x.live+blockRecords {
		t.sweepExpiries()
	}
	x.live++
	x.push(expiry{at, seq})
}

// sweepExpiries leaves in the heap what is still there.
func (t *table) sweepExpiries() {
	x := &t.expiries
	kept := x.heap[:0]
	for _, e := range x.heap {
		if t.expires(e) {
			kept = append(kept, e)
		}
	}
	x.heap = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		x.down(i)
	}
}

// expires reports whether the record of an expiry is still there.
func (t *table) expires(e expiry) bool {
	p, ok := t.find(e.seq)
	return ok && t.life(p).expires == e.at
}

// due returns the record that expires next, and when.
func (t *table) due() (p place, at int64, ok bool) {
	x := &t.expiries
	for len(x.heap) > 0 {
		if e := x.heap[0]; t.expires(e) {
			p, _ = t.find(e.seq)
			return p, e.at, true
		}
		x.pop()
	}
	return place{}, 0, false
}

func (x *expiries) push(e expiry) {
	x.heap = append(x.heap, e)
	for i := len(x.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !x.heap[i].before(x.heap[parent]) {
			return
		}
		x.heap[i], x.heap[parent] = x.heap[parent], x.heap[i]
		i = parent
	}
}

func (x *expiries) pop() {
	last := len(x.heap) - 1
	x.heap[0] = x.heap[last]
	x.heap = x.heap[:last]
	x.down(0)
}

func (x *expiries) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(x.heap) {
			return
		}
		if child+1 < len(x.heap) && x.heap[child+1].before(x.heap[child]) {
			child++
		}
		if !x.heap[child].before(x.heap[i]) {
			return
		}
		x.heap[i], x.heap[child] = x.heap[child], x.heap[i]
		i = child
	}
}
