package engine

import (
	"sync/atomic"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// defaultMaxBatches bounds the atomic batches of all streams that are not committed, unless the options do.
const defaultMaxBatches = 1000

// batches counts the atomic batches of all streams that are not committed.
type batches struct {
	open   atomic.Int64
	max    int64
	limits stream.BatchLimits
}

func (b *batches) claim() bool {
	if b.open.Add(1) > b.max {
		b.open.Add(-1)
		return false
	}
	return true
}

func (b *batches) release() { b.open.Add(-1) }

// take takes one published message: nearly always into the proposal that is being packed. What only streams
// with a special configuration do is looked for only there.
func (s *Stream) take(p *proposals, reply, command []byte) {
	config := s.config.Load()
	switch {
	case marked(reply) && s.rehearse(reply, command):
		return
	case len(command) == 1: // see ingest.Deliver
		s.ack(reply, &stream.Reply{Err: apierr.RequiredApiLevel.Err()})
		return
	case config == nil:
	case config.AllowAtomic && stream.Batched(command):
		s.stage(p, config, reply, command)
		return
	case config.AllowSchedules:
		s.stateZone(p, command)
	}
	p.add(reply, command)
}

// stage puts a message into its atomic batch, or proposes the batch that it commits.
func (s *Stream) stage(p *proposals, config *stream.Config, reply, command []byte) {
	if s.staging == nil {
		all := &s.engine.batches
		s.staging = &stream.Staging{Level: s.engine.level, Claim: all.claim, Release: all.release, Limits: all.limits}
	}
	proposal, answer := s.staging.Take(s.engine.clock.Now().UnixNano(), config, command)
	if proposal == nil {
		s.ack(reply, &answer)
	} else {
		p.finish()
		p.add(reply, proposal)
		p.finish()
	}
	s.tellAbandoned()
}

func (s *Stream) tellAbandoned() {
	for _, b := range s.staging.Abandoned() {
		s.outlet.Abandoned(b)
		s.told = true
	}
}

// stateZone proposes the rules of the time zone that a message names for its schedule, unless the machine has
// them. A name that is none is left to the machine.
func (s *Stream) stateZone(p *proposals, command []byte) {
	name, ok := stream.WantedZone(command)
	if !ok || s.state.HasZone(name) {
		return
	}
	if location, err := time.LoadLocation(name); err == nil {
		zone := stream.Zone{Name: name, Rules: stream.ZoneRules(location, s.engine.clock.Now())}
		p.add(nil, zone.Encode(nil))
	}
}

// fire brings what the machine wants for schedules that have come due: it has no bytes, which may have to be
// read from files. What does not come it asks for again.
func (s *Stream) fire(due []stream.Due) {
	var data []byte
	commands := 0
	propose := func() {
		if commands > 0 {
			s.events.post(replica.Event{Proposal: replica.Proposal{Data: data, Ticket: replica.Ticket{Commands: commands}}})
		}
		data, commands = nil, 0
	}
	for _, d := range due {
		f, ok := s.sample(d)
		if !ok {
			continue
		}
		data = f.Encode(data)
		if commands++; commands == firesAtOnce || len(data) > inLineBytes {
			propose()
		}
	}
	propose()
}

// firesAtOnce is how many messages of schedules are proposed together.
const firesAtOnce = 128

// sample reads what a schedule makes its message of.
func (s *Stream) sample(d stream.Due) (f stream.Fire, ok bool) {
	schedule, _, err := s.Read(d.Seq, nil)
	if err != nil {
		return f, false // it is gone, or damaged
	}
	from := schedule
	if d.Sample != 0 {
		if other, _, err := s.Read(d.Sample, nil); err == nil {
			from = other
		}
	}
	return stream.Fire{Seq: d.Seq, Time: d.Time, Schedule: schedule.Header, Header: from.Header, Body: from.Body}, true
}

// due is the time from which on the stream wants to be looked after, 0 for none.
func (s *Stream) due() int64 {
	at := s.state.Deadline()
	if s.ticking {
		at = 0 // what was proposed says when next
	}
	if s.staging != nil {
		if end := s.staging.Deadline(); end != 0 && (at == 0 || end < at) {
			at = end
		}
	}
	if wake := s.dispatch.due(); wake != 0 && (at == 0 || wake < at) {
		at = wake
	}
	return at
}

// lookAfter does what has come due. It is called by the holder of the token.
func (s *Stream) lookAfter() {
	s.alarm.at = 0
	now := s.engine.clock.Now().UnixNano()
	if s.staging != nil {
		s.staging.Expire(now)
		s.tellAbandoned()
	}
	s.dispatch.wake(now)
	if at := s.state.Deadline(); at == 0 || at > now || s.ticking {
		return
	}
	s.ticking = true
	s.events.post(replica.Event{Proposal: replica.Proposal{
		Data: stream.Tick{}.Encode(nil), Urgent: true,
		Lazy:   s.state.Config().MarkerTTL == 0, // the next Tick does what a crash takes back, but for messages
		Ticket: replica.Ticket{Commands: 1, Cookie: func(stream.Reply) { s.ticking = false }},
	}})
}
