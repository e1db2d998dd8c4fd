package engine

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/base62"
	"myelin/internal/meta"
	"myelin/internal/replica"
	"myelin/internal/router"
	"myelin/internal/store/home"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
)

// ErrNotFound says that a stream has no such message.
var ErrNotFound = errors.New("no message found")

// Message is one message of a stream, as the store returns it.
type Message = segment.Record

// Outlet performs what need not survive a crash: it tells publishers what became of their messages, and
// publishes again what a stream stored. It is called within the turns of its stream, by one goroutine at a
// time.
type Outlet interface {
	// Ack answers a message whose publisher waits at reply, which is not empty.
	Ack(reply []byte, r *stream.Reply)
	// Stored is called for what was stored, while the stream is configured to republish.
	Stored(m *stream.Stored)
	// Abandoned is called for an atomic batch that will not be committed.
	Abandoned(b stream.Abandoned)
	// Acknowledged answers a client whose acknowledgement of a message was applied, and which waits at reply.
	Acknowledged(reply []byte)
	// Flush ends a turn in which any of the others was called.
	Flush()
}

// Stream is one stream on this node.
type Stream struct {
	engine *Engine
	tenant *tenant
	asset  *meta.Stream // as of its creation
	events reactor[stream.Effects]
	ingest ingest
	desk   desk
	roster roster
	home   *home.Home
	outlet Outlet
	config atomic.Pointer[stream.Config]
	err    atomic.Pointer[error] // why it takes no messages

	mu    sync.RWMutex // guards state; home shows what state does
	state stream.State

	// of the holder of the token
	told      bool            // the outlet has something to flush
	stored    []stream.Stored // by the entry that is performed
	settled   func()          // called when all is applied that the log had at the start; nil afterwards
	alarm     deadline        // for what expires
	ticking   bool            // a Tick is on its way
	staging   *stream.Staging // nil before the first atomic batch
	scheduled []stream.Due    // to be fired
	packed    proposals       // of this turn
	erased    []uint64        // to be overwritten
	gone      bool            // something went since the cleaner was told
	dispatch  *dispatch
	charged   int64 // bytes that the stream counts for in Engine.used
	grew      bool  // it took something since those who copy it were told

	upTo atomic.Uint64 // the last sequence that was applied
	pin  pin
	tail tail
	// copiers fill the stream, followers are those of other streams that copy this one.
	copiers   copiers
	relay     atomic.Pointer[relay] // see carrier
	followers atomic.Pointer[[]*copier]
	subs      []*router.Sub // where messages enter; of whoever holds the name, see Engine.names
}

// Name is the stream's name.
func (s *Stream) Name() string { return s.asset.Config.Name }

// Account is the account that the stream belongs to.
func (s *Stream) Account() string { return s.asset.Account }

// Created is when the stream was created.
func (s *Stream) Created() time.Time { return time.Unix(0, s.asset.Created) }

// Identity is another for each stream that ever had this name, and short: what others are told, and marks in copies.
func (s *Stream) Identity() string { return Identity(s.Account(), s.Name(), s.Created()) }

// Identity is that of a stream of the account.
func Identity(account, name string, created time.Time) string {
	return base62.Hash(account + " " + name + " " + strconv.FormatInt(created.UnixNano(), 10))
}

// Incarnation is what targets know the stream by that its dead letters go to. No other stream has it, not even one that is made of a
// backup.
func (s *Stream) Incarnation() [16]byte { return s.asset.ID }

// Config is the configuration that is in force. It never changes; an update gives another.
func (s *Stream) Config() *stream.Config { return s.config.Load() }

// Err says why the stream takes no messages, or is nil.
func (s *Stream) Err() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Info sums up what the stream holds.
func (s *Stream) Info() (info stream.Info) {
	s.View(func(state *stream.State) { info = state.Info() })
	return info
}

// View calls fn with the state as it is between two entries. fn must neither block nor keep what it sees.
func (s *Stream) View(fn func(*stream.State)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fn(&s.state)
}

// Read returns the message that has a sequence. Its parts lie in buf, or in a larger buffer that is returned
// in its place. Errors: ErrNotFound; a *segment.Damage, when the message cannot be read; those of the file
// system.
func (s *Stream) Read(seq uint64, buf []byte) (Message, []byte, error) {
	return s.ReadFound(func(state *stream.State) uint64 {
		known, _ := state.Get(seq)
		return known.Seq
	}, buf)
}

// maxRaces bounds how often a message is looked for that is removed between finding and reading it.
const maxRaces = 8

// ReadFound is Read for the message whose sequence find returns; 0 stands for none. It is called again if that message
// went before it was read, as View calls it.
func (s *Stream) ReadFound(find func(*stream.State) uint64, buf []byte) (r Message, _ []byte, err error) {
	for range maxRaces {
		s.mu.RLock()
		seq := find(&s.state)
		s.mu.RUnlock()
		if seq == 0 {
			break
		}
		if r, buf, err = s.home.Read(seq, buf); !errors.Is(err, segment.ErrNotFound) {
			return r, buf, err
		}
		if s.lives(seq) {
			return r, buf, &segment.Damage{File: s.engine.layout.Messages(s.asset.Group), Err: fmt.Errorf("sequence %d: %w", seq, err)}
		}
	}
	return Message{}, buf, ErrNotFound
}

func (s *Stream) lives(seq uint64) (ok bool) {
	s.View(func(state *stream.State) { _, ok = state.Get(seq) })
	return ok
}

// Propose has a command applied, such as stream.Purge, and returns the answer. Urgent commands free space:
// they are taken when the disk is full.
func (s *Stream) Propose(command []byte, urgent bool) stream.Reply {
	answer := make(chan stream.Reply, 1)
	s.propose(command, urgent, func(r stream.Reply) { answer <- r })
	return <-answer
}

// DeleteMessage removes one message. With erase its bytes are overwritten soon: whoever hears that it is
// deleted can rely on that, since the log has it, but need not wait for the disk to do so.
func (s *Stream) DeleteMessage(seq uint64, erase bool) stream.Reply {
	return s.Propose(stream.Delete{Seq: seq, Erase: erase}.Encode(nil), true)
}

// Append stores a message. done is called with the answer within a turn of the stream, in the order of the
// calls, and must not block. Append does not block either.
func (s *Stream) Append(a stream.Append, done func(stream.Reply)) {
	if err := s.noRoom(); err != nil {
		done(stream.Reply{Err: err})
		return
	}
	s.propose(a.Encode(nil), false, done)
}

func (s *Stream) propose(command []byte, urgent bool, done func(stream.Reply)) {
	if err := s.refusal(urgent); err != nil {
		done(stream.Reply{Err: err})
		return
	}
	e := replica.Event{Proposal: replica.Proposal{
		Data: command, Urgent: urgent, Ticket: replica.Ticket{Commands: 1, Cookie: done},
	}}
	if !s.events.post(e) {
		done(stream.Reply{Err: apierr.StreamNotFound.Err()})
	}
}

// refusal says why nothing is proposed now, or is nil.
func (s *Stream) refusal(urgent bool) *apierr.Error {
	switch {
	case s.Err() != nil:
		return apierr.StreamOfflineReason.With(s.Err().Error())
	case !urgent && (s.engine.full() || s.exhausted()):
		return apierr.InsufficientResources.Err()
	}
	return nil
}

// fail ends the stream's taking of messages. What it holds can still be read.
func (s *Stream) fail(err error) {
	if s.err.CompareAndSwap(nil, &err) {
		s.engine.log.Errorf("Stream '%s > %s' takes no more messages: %v", s.Account(), s.Name(), err)
	}
}
