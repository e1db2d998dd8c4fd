package stream

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"myelin/internal/bin"
)

// A message with a schedule stays where it is, and messages are made of it when its time has come. The machine
// knows when, and does not have the message: a Tick says in Effects.Due what has come due, and whoever keeps
// the bytes brings them with a Fire. If that does not come, the next Tick some time later asks again.

// Due is a schedule whose time has come, for which a Fire is wanted.
type Due struct {
	Seq    uint64 // of the message with the schedule
	Time   int64  // the time that has come
	Sample uint64 // the message whose header and body are wanted instead of its own; 0: its own
}

// schedules are the messages with a schedule that are the last of their subjects.
type schedules struct {
	list    []scheduled // ascending; removed ones are swept when they are too many
	removed int
	queue   expiries // when to look at which; what is not as the list says is void
	texts   texts
}

// scheduled is one of them. Its text is the schedule, its zone and the subject that it samples, each but the
// first empty if there is none, with a zero byte between.
type scheduled struct {
	seq    uint64
	due    int64 // when it fires; 0 if it was removed
	at     int64 // when it is to be looked at: due, or later if a Fire was asked for
	text   uint32
	length uint32
}

const (
	tickSchedules = 1024            // how many a Tick asks for, so that none takes long
	fireRetry     = 2 * time.Second // after which it asks again
)

// lookup returns the place of a schedule in the list.
func (x *schedules) lookup(seq uint64) (int, bool) {
	i, ok := slices.BinarySearchFunc(x.list, seq, func(e scheduled, seq uint64) int { return cmp.Compare(e.seq, seq) })
	return i, ok && x.list[i].due != 0
}

func (x *schedules) text(i int) (pattern, zone, source []byte) {
	text := x.texts.get(x.list[i].text, int(x.list[i].length))
	pattern, text, _ = bytes.Cut(text, []byte{0})
	zone, source, _ = bytes.Cut(text, []byte{0})
	return pattern, zone, source
}

// add enters a schedule, which comes after all others.
func (x *schedules) add(seq uint64, due, at int64, text []byte) {
	x.list = append(x.list, scheduled{seq, due, at, x.texts.add(text), uint32(len(text))})
	x.queue.push(expiry{at, seq})
}

// remove takes out the schedule of a message that was replaced, if it had one.
func (x *schedules) remove(seq uint64) {
	i, ok := x.lookup(seq)
	if !ok {
		return
	}
	x.texts.remove(x.list[i].text, int(x.list[i].length))
	x.list[i] = scheduled{seq: seq}
	x.removed++
}

// move sets when a schedule fires, and when it is looked at.
func (x *schedules) move(i int, due, at int64) {
	x.list[i].due, x.list[i].at = due, at
	x.queue.push(expiry{at, x.list[i].seq})
}

// sweep forgets what is gone once it is more than what is there.
func (x *schedules) sweep(t *table) {
	if len(x.queue.heap) <= 2*(len(x.list)-x.removed)+blockRecords && x.removed <= len(x.list)/2 {
		return
	}
	kept := make([]scheduled, 0, len(x.list)-x.removed)
	x.queue.heap = x.queue.heap[:0]
	for _, e := range x.list {
		if e.due == 0 {
			continue
		}
		if _, ok := t.find(e.seq); !ok {
			x.texts.remove(e.text, int(e.length))
			continue
		}
		kept = append(kept, e)
		x.queue.push(expiry{e.at, e.seq})
	}
	x.list, x.removed = kept, 0
}

// next returns the schedule that is to be looked at next.
func (x *schedules) next(t *table) (i int, ok bool) {
	for len(x.queue.heap) > 0 {
		head := x.queue.heap[0]
		if i, ok = x.lookup(head.seq); ok && x.list[i].at == head.at {
			if _, there := t.find(head.seq); there {
				return i, true
			}
			x.remove(head.seq)
		}
		x.queue.pop()
	}
	return 0, false
}

// summon asks for what has come due.
func (s *State) summon(fx *Effects) {
	x := &s.schedules
	for range tickSchedules {
		i, ok := x.next(&s.table)
		if !ok || x.list[i].at > s.now {
			return
		}
		due := Due{Seq: x.list[i].seq, Time: x.list[i].due}
		if _, _, source := x.text(i); len(source) > 0 {
			due.Sample = s.LastOf(source)
		}
		fx.Due = append(fx.Due, due)
		x.queue.pop()
		x.move(i, x.list[i].due, s.now+int64(fireRetry))
	}
}

// nextSummons is when a Tick has something to ask for; 0 if there is nothing.
func (s *State) nextSummons() int64 {
	i, ok := s.schedules.next(&s.table)
	if !ok {
		return 0
	}
	return s.schedules.list[i].at
}

// plan is what becomes of the schedules when a message is stored: it may bring one, and end others.
func (s *State) plan(p *publish, previous uint64, fx *Effects) {
	x := &s.schedules
	if previous > 0 {
		x.remove(previous)
	}
	if p.due != 0 {
		x.add(p.seq, p.due, p.due, p.plan)
	}
	if len(p.scheduler) > 0 {
		for id, ok := s.table.subjects.find(p.scheduler); ok; id, ok = s.table.subjects.find(p.scheduler) {
			place, _ := s.table.find(s.table.subjects.at(id).first)
			s.remove(place, Purged, fx)
		}
	}
	x.sweep(&s.table)
}

// scheduleText is what is kept of a schedule.
func scheduleText(pattern, zone, source []byte) []byte {
	return bytes.Join([][]byte{pattern, zone, source}, []byte{0})
}

// timing reads the schedule at i, whose zone may have changed.
func (s *State) timing(i int) (timing, bool) {
	pattern, zone, _ := s.schedules.text(i)
	return s.readTiming(string(pattern), string(zone))
}

func (s *State) readTiming(pattern, zone string) (t timing, ok bool) {
	var location *time.Location
	if zone != "" {
		if location, ok = s.zones.find(zone); !ok {
			return timing{}, false
		}
	}
	return parseTiming(pattern, location)
}

// nanos is a time as the machine counts; one that it cannot count is the last or the first that it can.
func nanos(t time.Time) int64 {
	switch {
	case t.Year() > 2200:
		return latest
	case t.Year() < 1970:
		return 1
	}
	return max(1, t.UnixNano())
}

// freeze returns what a snapshot reads of the schedules.
func (x *schedules) freeze() schedules {
	return schedules{list: slices.Clone(x.list), texts: x.texts.freeze()}
}

// The schedules in a snapshot:
//
//	uvarint  how many, and for each, ascending
//	  uvarint  sequence since the one before
//	  varint   when it fires
//	  varint   when it is to be looked at, from there
//	  bytes    text

func (x *schedules) snapshot(dst []byte, t *table) []byte {
	var live []scheduled
	for _, e := range x.list {
		if _, ok := t.find(e.seq); ok && e.due != 0 {
			live = append(live, e)
		}
	}
	dst = bin.AppendUvarint(dst, uint64(len(live)))
	last := uint64(0)
	for _, e := range live {
		dst = bin.AppendVarint(bin.AppendUvarint(dst, e.seq-last), e.due)
		dst = bin.AppendVarint(dst, e.at-e.due)
		dst = bin.AppendBytes(dst, x.texts.get(e.text, int(e.length)))
		last = e.seq
	}
	return dst
}

func (x *schedules) restore(r *bin.Reader, t *table) {
	last := uint64(0)
	for range r.Count(4) {
		gap, due, wait := r.Uvarint(), r.Varint(), r.Varint()
		text := r.Bytes()
		if _, ok := t.find(last + gap); !ok || gap == 0 || due <= 0 || wait < 0 || due > math.MaxInt64-wait || strings.Count(string(text), "\x00") < 2 {
			r.Fail(errSnapshot)
			return
		}
		last += gap
		x.add(last, due, due+wait, text)
	}
}
