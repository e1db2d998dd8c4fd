package engine

import (
	"time"

	"myelin/internal/apierr"
	"myelin/internal/clock"
	"myelin/internal/netx"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// fetch makes proposals of what was published, and of what clients of consumers said.
func (s *Stream) fetch(events []replica.Event) []replica.Event {
	chunks, refused := s.ingest.take()
	said := s.desk.take()
	if len(refused) > 0 {
		s.refuse(refused, apierr.StreamTooManyRequests.Err())
	}
	if len(chunks)+len(said) == 0 {
		return events
	}
	door := s.admission()
	p := &s.packed
	p.events = events
	if len(said) > 0 {
		s.dispatch.hear(said, p)
		s.dispatch.runEarly(p)
	}
	for _, c := range chunks {
		each(c.B, func(reply, command []byte) {
			if refusal := door.admit(command); refusal == nil {
				s.take(p, reply, command)
			} else {
				s.ack(reply, &stream.Reply{Err: refusal})
			}
		})
	}
	p.finish()
	free(chunks)
	events, p.events = p.events, nil
	return events
}

func free(chunks []*netx.Chunk) {
	for i, c := range chunks {
		c.Free()
		chunks[i] = nil
	}
}

// refuse answers those whose messages found no room.
func (s *Stream) refuse(replies []byte, err *apierr.Error) {
	for len(replies) > 0 {
		reply, n := cut(replies)
		s.ack(reply, &stream.Reply{Err: err})
		replies = replies[n:]
	}
}

// afterTurn ends a turn: those who wait are told, and whoever has work from it now.
func (s *Stream) afterTurn(err error) {
	if err != nil {
		s.fail(err)
	}
	s.packed.recycle()
	if s.told {
		s.told = false
		s.outlet.Flush()
	}
	if s.settled != nil && (err != nil || !s.events.group.Unsettled()) {
		if err == nil {
			s.dispatch.begin() // whoever hears that the stream is there finds its consumers
		}
		s.settled()
		s.settled = nil
	}
	if err != nil {
		return
	}
	if s.events.group.Stalled() {
		s.engine.awaitSpace()
	}
	if s.grew {
		s.wakeFollowers()
	}
	if len(s.scheduled) > 0 {
		go s.fire(s.scheduled)
		s.scheduled = nil
	}
	if s.settled == nil && !s.dispatch.on {
		s.dispatch.begin()
	}
	s.dispatch.run()
	s.alarm.set(s.due())
	s.engine.keeper.look(s)
	if s.gone || len(s.erased) > 0 {
		s.engine.cleaner.add(s, s.erased)
		s.gone, s.erased = false, nil
	}
}

// deliver sends what was decided in turns. See reactor.outside.
func (s *Stream) deliver(last bool) {
	switch claimed, little := s.dispatch.deliverer.claim(); {
	case !claimed:
	case last && little:
		s.dispatch.deliverer.work()
	default:
		go s.dispatch.deliverer.work()
	}
}

// ring has the stream look after what has come due.
func (s *Stream) ring() { s.events.do(s.lookAfter) }

// deadline is the timer of a group: none while nothing is due. It belongs to the holder of the token.
type deadline struct {
	clock clock.Clock
	ring  func()
	at    int64 // 0: no timer
	timer clock.Timer
}

// again is how long a deadline that has passed waits when the machine still wants it.
const again = int64(time.Millisecond)

// set makes the timer ring at the given time, in unix nanoseconds; at none if that is 0.
func (d *deadline) set(at int64) {
	if at == d.at {
		return
	}
	now := d.clock.Now().UnixNano()
	if at != 0 && d.at != 0 && d.at > now && d.at <= at {
		return // it rings earlier than needed, and is set again then
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.at = at; at != 0 {
		d.timer = d.clock.AfterFunc(time.Duration(max(at-now, again)), d.ring)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
