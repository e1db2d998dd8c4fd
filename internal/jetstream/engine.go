package jetstream

import (
	"time"

	"myelin/internal/apierr"
	"myelin/internal/engine"
	"myelin/internal/stream"
)

// Engine is what the API needs of the log plane of an account-aware node.
type Engine interface {
	// Create creates a stream, or finds that there is one with that very configuration.
	Create(account string, cfg stream.Config, pedantic bool) (s Stream, created bool, err *apierr.Error)
	Update(account string, cfg stream.Config, pedantic bool) (Stream, *apierr.Error)
	Delete(account, name string) *apierr.Error
	// Stream returns a stream, or nil if there is none of that name.
	Stream(account, name string) Stream
	// Find is Stream for a name in passing; it should not allocate.
	Find(account string, name []byte) Stream
	// Streams returns the streams of an account by name.
	Streams(account string) []Stream
	Usage(account string) Usage
	// Restore begins to make a stream of a backup, of which there must be none.
	Restore(account string, cfg stream.Config) (Restore, *apierr.Error)
}

// Restore makes a stream of a backup: nobody sees it before Finish. It ends with Finish or Abandon.
type Restore interface {
	// Add stores a message with its sequence and time, after all others; its slices are copied. The error may
	// be that of an earlier one.
	Add(m *Message) error
	// AddConsumer gives the stream a consumer when it is finished; the record is not kept.
	AddConsumer(rec *stream.ConsumerRecord)
	// AddLetters gives the stream the dead letters of a backup when it is finished (see stream.Letters).
	AddLetters(data []byte) error
	// Finish shows the stream, whose last sequence is last or that of its last message. After an error there
	// is none.
	Finish(last uint64) (Stream, error)
	Abandon() error
}

// Usage is what an account takes, and has set aside for streams with a limit.
type Usage = engine.Usage

// Stream is what the API needs of one stream.
type Stream interface {
	Name() string
	Config() *stream.Config // immutable
	Created() time.Time
	// Incarnation is what other streams know this one by.
	Incarnation() [16]byte
	// View calls fn with the state between two commands. fn must not block nor keep what it gets.
	View(fn func(*stream.State))
	// Read returns the message with a sequence; its slices lie in buf or in the larger buffer that is
	// returned in its place. The error is ErrNotFound if there is none.
	Read(seq uint64, buf []byte) (Message, []byte, error)
	// ReadFound is Read for the message whose sequence find returns, which is called as View calls; 0 stands for none.
	ReadFound(find func(*stream.State) uint64, buf []byte) (Message, []byte, error)
	// Propose has a command applied and returns what became of it. Urgent ones free space.
	Propose(command []byte, urgent bool) stream.Reply
	// ProposeConsumer is Propose for what creates a consumer or changes one.
	ProposeConsumer(a stream.AddConsumer) stream.Reply
	// DeleteMessage removes one message. With erase its bytes in files are overwritten before it returns.
	DeleteMessage(seq uint64, erase bool) stream.Reply
	// Origins are what the stream copies from, in the order of its configuration.
	Origins() []Origin
	// Outbox says for whom dead letters of the stream wait, and why; nil: none waits.
	Outbox() *stream.OutboxStatus

	// Consumer returns a consumer, or nil if there is none of that name.
	Consumer(name string) *Consumer
	// FindConsumer is Consumer for a name in passing; it should not allocate.
	FindConsumer(name []byte) *Consumer
	// Consumers returns all consumers by name, in a slice that is the caller's.
	Consumers() []*Consumer
	DropConsumer(name string) *apierr.Error
	// PauseConsumer makes a consumer pause until a time, in nanoseconds since 1970, or go on if that is 0.
	PauseConsumer(name string, until int64) *apierr.Error
	// ResetConsumer makes a consumer start again: at a sequence, or behind its floor if that is 0. It returns how the
	// consumer is then, before it is given anything.
	ResetConsumer(name string, seq uint64) (*stream.ConsumerView, *apierr.Error)
	// ConsumerStatuses says how consumers are, but for those that are gone.
	ConsumerStatuses(list []*Consumer) []ConsumerStatus
}

// Origin says how a stream is with copying from another.
type Origin = engine.OriginStatus

// Consumer is a consumer of a stream. It is the engine's own: what clients say to it goes into the batches of
// publishers, which no stand-in for it would show.
type Consumer = engine.Consumer

// ConsumerStatus says how a consumer is.
type ConsumerStatus = engine.ConsumerStatus

// Message is a stored message; its slices are valid as whoever returns it says.
type Message = engine.Message

// ErrNotFound is what Stream.Read returns when there is no message of that sequence.
var ErrNotFound = engine.ErrNotFound
