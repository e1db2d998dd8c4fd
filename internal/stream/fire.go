package stream

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/header"
)

// Fire makes a message of a schedule that Effects.Due named. It brings what the machine does not have; if in
// the meantime the schedule was fired or is gone, it is refused.
type Fire struct {
	Seq      uint64 // Due.Seq
	Time     int64  // Due.Time
	Schedule []byte // the header of the message at Seq
	Header   []byte // that of the message at Due.Sample, or again the schedule's
	Body     []byte // of the same message as Header
}

// Encode appends the command to the Data of an entry. The slices of f are copied.
func (f *Fire) Encode(dst []byte) []byte {
	size := 1 + uvarintBytes(f.Seq) + uvarintBytes(zigzag(f.Time)) + bytesBytes(f.Schedule) + bytesBytes(f.Header) + len(f.Body)
	dst = append(bin.AppendUvarint(dst, uint64(size)), kindFire)
	dst = bin.AppendVarint(bin.AppendUvarint(dst, f.Seq), f.Time)
	return append(bin.AppendBytes(bin.AppendBytes(dst, f.Schedule), f.Header), f.Body...)
}

func readFire(fields []byte) (f Fire, ok bool) {
	r := bin.NewReader(fields)
	f = Fire{r.Uvarint(), r.Varint(), r.Bytes(), r.Bytes(), r.Rest()}
	return f, r.Err() == nil
}

// fire applies a Fire. A message that the stream refuses is left out; the schedule goes on.
func (s *State) fire(f Fire, fx *Effects) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	i, ok := s.schedules.lookup(f.Seq)
	at, there := s.table.find(f.Seq)
	if !ok || !there || s.schedules.list[i].due != f.Time || f.Time > s.now || s.last == math.MaxUint64 {
		return Reply{Err: apierr.SequenceNotFound.With(strconv.FormatUint(f.Seq, 10))}
	}
	next, goesOn := s.nextFiring(i)
	if goesOn {
		s.schedules.move(i, nanos(next), nanos(next))
	} else {
		s.schedules.remove(f.Seq)
	}
	start := len(fx.made)
	fx.made = append(fx.made, s.table.subjects.text(s.table.at(at).subject-1)...)
	reply := s.generate(f, fx.made[start:len(fx.made):len(fx.made)], next, goesOn, fx)
	if place, ok := s.table.find(f.Seq); ok && !goesOn {
		s.remove(place, Purged, fx)
	}
	s.schedules.sweep(&s.table)
	return reply
}

// nextFiring is when the schedule at i fires after now: one that was missed is not made up for.
func (s *State) nextFiring(i int) (next time.Time, ok bool) {
	t, ok := s.timing(i)
	if !ok {
		return time.Time{}, false
	}
	if next, ok = t.after(time.Unix(0, s.schedules.list[i].due).UTC()); ok && nanos(next) <= s.now {
		next, ok = t.after(time.Unix(0, s.now).UTC())
	}
	return next, ok
}

// generate stores the message of a schedule that fires.
func (s *State) generate(f Fire, subject []byte, next time.Time, goesOn bool, fx *Effects) Reply {
	target := header.Get(f.Schedule, scheduleTarget)
	if !s.captures(target) || s.config.Sealed {
		return Reply{}
	}
	p := publish{seq: s.last + 1, time: s.now, changed: true}
	p.Append = Append{Span: 1, Subject: target, Body: f.Body}
	s.rename(&p, fx)
	start := len(fx.made)
	made, _ := appendFields(fx.made, f.Header, ofSchedule)
	made = header.AppendField(made, scheduler, subject)
	if goesOn {
		made = header.AppendField(made, scheduleNext, next.Format(time.RFC3339Nano))
	} else {
		made = header.AppendField(made, scheduleNext, purgesScheduler)
	}
	if ttl := header.Get(f.Schedule, scheduleTTL); len(ttl) > 0 {
		made = header.AppendField(made, messageTTL, ttl)
	}
	if to := header.Get(f.Schedule, scheduleRollup); len(to) > 0 {
		made = header.AppendField(made, rollup, to)
	}
	fx.made = header.AppendEnd(made)
	p.Header = fx.made[start:len(fx.made):len(fx.made)]
	p.read(p.Header)
	p.scheduler = nil
	if s.rollupPermitted(&p) != nil {
		p.rollup = nil
	}
	if s.admit(&p, fx) != nil || s.store(&p, 0, fx) != nil {
		return Reply{}
	}
	return Reply{Seq: p.seq}
}

// ofSchedule tells the headers of a schedule that its messages do not have.
func ofSchedule(key []byte) bool {
	switch string(key) {
	case messageTTL, rollup, "Nats-Msg-Id", scheduler:
		return true
	}
	return bytes.HasPrefix(key, []byte(schedulePrefix)) || bytes.HasPrefix(key, []byte(expectedPrefix))
}
