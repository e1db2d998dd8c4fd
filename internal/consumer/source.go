package consumer

import (
	"iter"

	"myelin/internal/stream"
)

// Source is what a consumer sees of its stream. It hides what the consumer is not for: by its filters, and by
// where it starts (of last_per_subject too). It must not change within a call of a Dispatcher.
type Source interface {
	Next(from uint64) (seq uint64, ok bool)           // first message from that sequence on
	CountFrom(from uint64) uint64                     // how many there are
	Look(seq uint64) (bytes int, time int64, ok bool) // subject, header and body of a message; not ok if it is gone
}

// Start is what a Dispatcher begins with.
type Start struct {
	Config    *stream.ConsumerConfig // checked; shared
	Delivered uint64                 // stream sequence up to which all was delivered
	DSeq      uint64                 // consumer sequence of the last delivery
	Pending   iter.Seq[Pending]      // what waits for its acknowledgement, ascending by Seq; may be nil
	Last      uint64                 // of the stream when the consumer came; what comes later is not replayed in time
	Listening bool                   // somebody listens to the deliver subject
	MaxBytes  int                    // of one message; a rate limit lets as much through at once

	// How many bytes an ack subject has before the delivery count: of "$JS.ACK.<stream>.<consumer>.".
	AckPrefix int

	// Key tells messages of one order, which are delivered one after the other; ok is false for those without.
	// It does not change. nil: none has an order.
	Key func(seq uint64) (key uint64, ok bool)

	Listens func(to []byte) bool // whether somebody listens to the subject of a request; nil: always
	NewID   func() string        // a new random name, of who is pinned or for a flow-control reply
}

// Pending is a message that was delivered and not acknowledged.
type Pending struct {
	Seq, DSeq uint64
	Time      int64  // when the wait for its acknowledgement began
	Count     uint32 // deliveries; 0: it was passed by
}
