package report

import (
	"time"

	"myelin/internal/stream"
)

// JetStreamSource is a Source whose server can keep streams. A Source that is none has JetStream off.
type JetStreamSource interface {
	Source
	// JetStream is nil while the server keeps no streams.
	JetStream() JetStream
}

// JetStream is what the views read about streams. As with a Source, any method may be called from any goroutine
// at any time, and slices belong to the caller.
type JetStream interface {
	// State is what holds for the server as a whole.
	State() JetStreamState
	// Accounts are those that may have streams, by name.
	Accounts() []JetStreamAccount
	// Streams are those of an account, by name; of an account that does not exist there are none.
	Streams(account string) []Stream
	// Consumers are those of a stream, by name, with those that only serve the server itself, such as mirrors'. It waits
	// until the stream has done what was asked of it before.
	Consumers(account, stream string) []Consumer
	// NumConsumers is how many there are but for the latter. It waits for nothing.
	NumConsumers(account, stream string) int
	// HasConsumer reports whether there is one of that name. It waits for nothing.
	HasConsumer(account, stream, name string) bool
	// Origins are what a stream copies from: its mirror, or its sources in the order of the configuration.
	Origins(account, stream string) []Origin
	// Outbox says for whom dead letters of a stream wait, and why; nil: none waits.
	Outbox(account, name string) *stream.OutboxStatus
	// Err is why nothing can be stored at all, or nil.
	Err() error
}

// JetStreamState is what holds for the server as a whole.
type JetStreamState struct {
	StoreDir              string // the folder that holds the streams
	MaxMemory, MaxStorage int64  // bytes that all streams may take, as they are in effect

	APILevel    int    // of the requests that are understood
	APITotal    uint64 // requests since the server started
	APIErrors   uint64 // those of them that were answered with an error
	APIInflight uint64 // those that wait for an answer
}

// JetStreamAccount is an account that may have streams. Amounts are in bytes.
type JetStreamAccount struct {
	Name                            string
	Tag                             string // as people call it; "" for Name
	Memory, Storage                 uint64 // that its streams take
	ReservedMemory, ReservedStorage uint64 // that its streams may come to take, as far as they are limited
	MaxMemory, MaxStorage           int64  // that its streams may take together; -1 for no limit
	APITotal, APIErrors             uint64 // its requests since the server started, and those answered with an error
}

// Stream is a stream of this server.
type Stream interface {
	Name() string
	Created() time.Time
	// Config never changes; an update makes another one.
	Config() *stream.Config
	Info() stream.Info
	// Err is why the stream takes no messages, or nil.
	Err() error
}

// Origin is a stream that another one copies from.
type Origin struct {
	Info   OriginInfo
	Mirror bool // or one of the sources
}

// Consumer is a consumer of a stream.
type Consumer struct {
	Info   ConsumerInfo
	Direct bool // it serves a mirror or a source, and is not shown to users
}

// jetStream returns the server's streams, or nil if it keeps none.
func (v *Views) jetStream() JetStream {
	source, ok := v.source.(JetStreamSource)
	if !ok {
		return nil
	}
	return source.JetStream()
}
