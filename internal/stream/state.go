package stream

import (
	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/subject"
)

// State is the machine: all that a stream is, but for the bytes of its messages. The zero State is a
// stream that does not exist yet; a Configure command creates it. It has one owner.
type State struct {
	config    *Config            // immutable; nil before the stream exists
	transform *subject.Transform // config's, nil if there is none
	created   int64              // time of the first Configure

	now      int64  // of the last entry
	last     uint64 // the last sequence that was given out
	floor    uint64 // the first sequence that a stream without messages shows, if last does not say more
	lastTime int64  // of the last message that was taken
	lastID   []byte // its id, if it had one

	table     table
	dedupe    dedupe
	origins   origins
	counters  counters
	consumers consumers
	outbox    outbox
	deposits  deposits

	schedules schedules
	zones     zones // replaced, not changed
	fast      fast

	scratch *publish // what append works on; nil before the first message

	random func(n uint32) uint32 // for transforms; from the state, so the same everywhere
}

var _ machine.Machine[Effects] = (*State)(nil)

// Apply changes the state by the commands of an entry. Each gives one Reply, malformed ones an error; of
// what cannot even be parted into commands, the rest counts as one.
func (s *State) Apply(e machine.Entry, fx *Effects) {
	s.now = max(s.now, e.Time)
	for rest := e.Data; len(rest) > 0; {
		offset := len(e.Data) - len(rest)
		command, tail, ok := cutBytes(rest)
		if !ok || len(command) == 0 {
			fx.Replies = append(fx.Replies, refuse(apierr.BadRequest))
			return
		}
		rest = tail
		fields, at := command[1:], uint32(len(e.Data)-len(tail)-len(command)+1)
		fx.Replies = append(fx.Replies, Reply{})
		reply := &fx.Replies[len(fx.Replies)-1]
		switch command[0] {
		case kindAppend:
			s.append(fields, uint32(offset), fx, reply)
		case kindCopy:
			*reply = s.copy(fields, at, fx)
		case kindDeposit:
			*reply = s.deposit(fields, at, fx)
		case kindBatch:
			*reply = s.commit(fields, at, fx)
		case kindFast:
			*reply = s.ingest(fields, at, fx)
		default:
			*reply = s.manage(command[0], fields, fx)
		}
	}
}

// manage applies a command that brings no message.
func (s *State) manage(kind byte, fields []byte, fx *Effects) Reply {
	r := bin.NewReader(fields)
	switch kind {
	case kindDelete:
		c := Delete{r.Uvarint(), r.Bool()}
		if r.Close() == nil {
			return s.delete(c, fx)
		}
	case kindPurge:
		c := Purge{r.String(), r.Uvarint(), r.Uvarint()}
		if r.Close() == nil {
			return s.purge(c, fx)
		}
	case kindConfigure:
		c := ReadConfig(r)
		if r.Close() == nil {
			return s.configure(c, fx)
		}
	case kindTick:
		if r.Close() == nil {
			reply := s.tick(fx)
			s.summon(fx)
			s.fast.expire(s.now)
			return reply
		}
	case kindFire:
		if c, ok := readFire(fields); ok {
			return s.fire(c, fx)
		}
	case kindZone:
		c := Zone{r.String(), r.Bytes()}
		if r.Close() == nil {
			return s.define(c)
		}
	case kindSkip:
		c := Skip{r.Uvarint(), r.Uvarint(), r.Bool()}
		if r.Close() == nil {
			return s.skip(c)
		}
	case kindFollow:
		c := Follow{r.Uvarint(), r.String(), r.Uvarint(), ""}
		if r.Len() > 0 {
			c.Shown = r.String()
		}
		if r.Close() == nil {
			return s.follow(c)
		}
	case kindRelayed:
		if reply, ok := s.relayed(r, fx); ok {
			return reply
		}
	}
	if reply, ok := s.consume(kind, fields, fx); ok {
		return reply
	}
	return refuse(apierr.BadRequest)
}

func refuse(id apierr.ID) Reply { return Reply{Err: id.Err()} }

// configure makes c the configuration, which Check or CheckUpdate has completed. Limits that have become
// smaller are enforced at once, but for the age, which a Tick does.
func (s *State) configure(c *Config, fx *Effects) Reply {
	if s.config != nil && c.Name != s.config.Name {
		return refuse(apierr.StreamMismatch)
	}
	if s.config != nil && c.AllowCounter != s.config.AllowCounter {
		return Reply{Err: invalid("stream configuration update can not change message counter setting")}
	}
	if err := s.permits(c); err != nil {
		return Reply{Err: err}
	}
	created := s.config == nil
	if err := s.adopt(c); err != nil {
		return Reply{Err: err}
	}
	if created {
		s.create(c)
	}
	s.enforce(fx)
	s.retain(fx)
	return Reply{}
}

// adopt takes over a configuration, unless its subject transform is none.
func (s *State) adopt(c *Config) *apierr.Error {
	var transform *subject.Transform
	if t := c.Transform; t != nil && t.Dest != "" {
		var err error
		if transform, err = subject.NewTransform(t.Src, t.Dest); err != nil {
			return apierr.StreamTransformInvalidDestination.With(err.Error())
		}
	}
	s.config, s.transform = c, transform
	s.origins.adopt(c)
	return nil
}

func (s *State) create(c *Config) {
	s.created = s.now
	if c.FirstSeq > 0 {
		s.last, s.floor = c.FirstSeq-1, c.FirstSeq
	}
	s.seed()
}

// seed prepares what depends on the time of creation.
func (s *State) seed() {
	s.table.subjects.seed = mix(uint64(s.created), 0x9e3779b97f4a7c15)
	s.dedupe.seed = s.table.subjects.seed
	s.random = func(n uint32) uint32 {
		return uint32(mix(s.last^s.table.subjects.seed, 0xd6e8feb86659fd93) % uint64(n))
	}
}

// Config is the configuration; nil while the stream does not exist.
func (s *State) Config() *Config { return s.config }

// Share makes the configuration the given one, which must be equal to it, so that both need memory only once.
func (s *State) Share(c *Config) {
	if s.config != nil && s.config.Equal(c) {
		s.config = c
	}
}

// Created is the time at which the stream was created.
func (s *State) Created() int64 { return s.created }
