package engine

import (
	"errors"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// host is the side of a Stream that its group sees. All of it runs within turns.
type host struct{ *Stream }

// Apply implements machine.Machine: the state and the bodies change together, as seen by readers.
func (h host) Apply(e machine.Entry, fx *stream.Effects) {
	s := h.Stream
	stored, gone := len(fx.Stored), len(fx.Gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Apply(e, fx)
	s.home.Absorb(e.Data, fx.Stored[stored:], fx.Gone[gone:])
}

func (h host) Deadline() int64             { return h.state.Deadline() }
func (h host) Snapshot(dst []byte) []byte  { return h.state.Snapshot(dst) }
func (h host) Freeze() func([]byte) []byte { return h.state.Freeze() }
func (h host) Lead(uint64)                 {}
func (h host) Follow()                     {}
func (h host) Send([]*raftpb.Message)      {} // one voter has no peers
func (h host) Store(c *replica.Checkpoint) { h.keep(c) }

func (h host) Restore(r *bin.Reader) error {
	defer h.count()
	return h.state.Restore(r)
}

// Perform tells those who proposed what became of it, and notes what others have to do.
func (h host) Perform(e machine.Entry, tickets []replica.Ticket, fx *stream.Effects) {
	s := h.Stream
	if n := len(fx.Stored); n > 0 {
		last := &fx.Stored[n-1]
		s.upTo.Store(last.Seq + uint64(last.Span) - 1)
	}
	s.grew = s.grew || len(fx.Stored) > 0 || s.readersChanged(fx)
	s.engine.keeper.logged(&s.pin, len(e.Data))
	if config := s.state.Config(); config != s.config.Load() {
		s.config.Store(config)
	}
	s.republish(fx.Stored)
	if fx.Outbox && s.settled == nil {
		s.carrier().wake()
	}
	s.dispatch.note(fx)
	s.stored = fx.Stored
	s.count() // who is answered may rely on the room that is there now
	s.answer(tickets, fx.Replies)
	s.stored = nil
	s.note(fx.Gone)
	s.scheduled = append(s.scheduled, fx.Due...)
	fx.Reset()
}

// readersChanged reports whether those who copy the stream have to look at the consumers by which they read it.
func (s *Stream) readersChanged(fx *stream.Effects) bool {
	return len(s.followed()) > 0 && slices.ContainsFunc(fx.Consumers, func(e stream.ConsumerEvent) bool {
		return e.Kind == stream.ConsumerAdded || e.Kind == stream.ConsumerChanged || e.Kind == stream.ConsumerDropped || e.Kind == stream.ConsumerRestarted
	})
}

func (s *Stream) republish(stored []stream.Stored) {
	if config := s.config.Load(); config == nil || config.Republish == nil || s.settled != nil {
		return
	}
	for i := range stored {
		s.outlet.Stored(&stored[i])
		s.told = true
	}
}

// answer hands each reply to whoever proposed the command.
func (s *Stream) answer(tickets []replica.Ticket, replies []stream.Reply) {
	for _, t := range tickets {
		switch who := t.Cookie.(type) {
		case *publishers:
			for i := range t.Commands {
				s.ack(who.reply(i), &replies[i])
			}
			who.free()
		case func(stream.Reply):
			who(replies[0])
		case several:
			who.answered(replies[:t.Commands])
		}
		replies = replies[t.Commands:]
	}
}

func (s *Stream) ack(reply []byte, r *stream.Reply) {
	if marked(reply) {
		reply = s.unmark(reply, r)
	}
	if len(reply) > 0 {
		s.outlet.Ack(reply, r)
		s.told = true
	}
}

func (s *Stream) note(gone []stream.Gone) {
	s.gone = s.gone || len(gone) > 0
	for _, g := range gone {
		if g.Reason == stream.Erased {
			s.erased = append(s.erased, g.First)
		}
	}
}

// several is who proposed more than one command. Its methods are called once, within a turn.
type several interface {
	answered(replies []stream.Reply) // valid until it returns
	dropped(err *apierr.Error)
}

// Drop answers what will not be applied. Nobody is told anything where nobody knows.
func (h host) Drop(tickets []replica.Ticket, err error) {
	s := h.Stream
	reply := stream.Reply{Err: dropped(err)}
	for _, t := range tickets {
		switch who := t.Cookie.(type) {
		case *publishers:
			for i := range t.Commands {
				if errors.Is(err, replica.ErrDropped) {
					s.ack(who.reply(i), &reply)
				} else if marked(who.reply(i)) {
					s.unmark(who.reply(i), &reply)
				}
			}
			who.free()
		case func(stream.Reply):
			who(reply)
		case several:
			who.dropped(reply.Err)
		}
	}
}

// dropped is what a publisher is told about a proposal that was not applied.
func dropped(err error) *apierr.Error {
	switch {
	case errors.Is(err, replica.ErrFull):
		return apierr.InsufficientResources.Err()
	case errors.Is(err, replica.ErrBusy):
		return apierr.StreamTooManyRequests.Err()
	}
	return apierr.ClusterNotAvail.Err()
}
