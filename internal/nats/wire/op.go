// Package wire is the codec of the NATS client protocol: bytes in, operations out, and frames back.
//
// It is pure: it knows no connection, no server and no account, and it allocates nothing. A Reader is
// given a window of input and yields the operations that are complete in it; what is not complete stays
// for the next window. All slices of an Op point into the window.
//
// The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
package wire

// Verb is the kind of an operation that a client may send.
type Verb uint8

const (
	Connect Verb = iota + 1
	Ping
	Pong
	Pub // also HPUB: then Header is not nil
	Sub
	Unsub
	Info    // from a client: without meaning
	Nothing // +OK from a client: without meaning
)

// Op is one operation of a client. Which fields are set depends on the verb; the others are zero.
type Op struct {
	Verb Verb

	Subject []byte // Pub, Sub
	Reply   []byte // Pub; nil when absent
	Queue   []byte // Sub; nil when absent
	SID     []byte // Sub, Unsub
	Arg     []byte // Connect, Info: the JSON document
	Max     int    // Unsub: deliveries after which the subscription ends; 0: at once

	Header  []byte // Pub: the header block, not nil for HPUB, unless that has none
	Payload []byte // Pub: the message without its header

	// Tail is all that follows the subject in the operation, from the space to the final line end, when
	// it has the very form that a MSG (or HMSG) needs after its sid; else nil. It lets a delivery be
	// two copies: what differs, and Tail.
	Tail []byte
}

// Error is a violation of the protocol after which the connection closes.
type Error struct {
	// Kind says which rule was broken.
	Kind ErrorKind
	// Detail is for the log.
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// ErrorKind classifies protocol violations by what the peer is told.
type ErrorKind uint8

const (
	UnknownOperation ErrorKind = iota + 1 // not a verb, or bytes where a line should end
	Malformed                             // a verb with arguments that make no sense; the peer is told nothing
	LineTooLong                           // longer than MaxControlLine
	PayloadTooBig                         // more than MaxPayload
	PeerError                             // the peer sent -ERR; it is told nothing
)
