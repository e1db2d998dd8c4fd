package consumer

import "myelin/internal/stream"

// Out is what follows from calls. Callers own it, and Reset it once it is handled. Deliveries and Statuses
// have an order among them: a status comes before Deliveries[At].
type Out struct {
	Deliveries []Delivery
	Statuses   []Status
	Acks       []stream.AckItem  // to propose in a stream.Ack: messages to abandon
	Delivered  []stream.Delivery // to propose in a stream.Delivered behind it: the Deliveries again, and what is passed by; see delivered
	Advisories []Advisory
	Drop       bool // nobody wants the consumer: propose a stream.DropConsumer
}

// Reset empties the Out and keeps its memory.
func (o *Out) Reset() {
	*o = Out{o.Deliveries[:0], o.Statuses[:0], o.Acks[:0], o.Delivered[:0], o.Advisories[:0], false}
}

// Delivery is a message to read and send.
type Delivery struct {
	Seq     uint64
	DSeq    uint64 // consumer sequence
	Pending uint64 // messages behind it
	Count   uint32 // deliveries of it, with this one
	To      []byte // immutable
	Pin     string // value of the Nats-Pin-Id header, if not empty
}

// Status is a message without body that says something about a request or a push consumer.
type Status struct {
	At   int    // index of the Delivery before which it comes
	To   []byte // immutable
	Code int
	Text string
	Kind StatusKind
	// By Kind: messages and bytes that the request does not get, for the Nats-Pending-Messages and
	// Nats-Pending-Bytes headers; or the last consumer and stream sequence, for Nats-Last-Consumer and
	// Nats-Last-Stream.
	First, Second uint64
	Token         string // of Flow: ends the reply subject; of Beat: the same, of the reply that is missing, or empty
}

// StatusKind says which headers and which reply a Status has.
type StatusKind uint8

// The kinds: none; Nats-Pending-*; Nats-Last-* and Nats-Consumer-Stalled; a reply.
const (
	Plain StatusKind = iota
	Unserved
	Beat
	Flow
)

// Advisory is something that others may want to know.
type Advisory struct {
	Kind   AdvisoryKind
	Seq    uint64
	DSeq   uint64
	Count  uint32
	Delay  int64  // AckSample: how long the acknowledgement took
	Reason string // Terminated: the client's, or why it is gone; Unpinned: admin or timeout
	Pin    string // Pinned
	Group  string // Pinned, Unpinned
}

// AdvisoryKind is what an Advisory is about.
type AdvisoryKind uint8

// The kinds. Each is a subject of its own below $JS.EVENT: MAX_DELIVERIES, MSG_NAKED, MSG_TERMINATED, METRIC.CONSUMER.ACK,
// PINNED, UNPINNED and PAUSE.
const (
	MaxDeliver AdvisoryKind = iota + 1
	Naked
	Terminated
	AckSample
	Pinned
	Unpinned
	Paused
	Resumed
)

func (o *Out) status(to []byte, code int, text string) *Status {
	o.Statuses = append(o.Statuses, Status{At: len(o.Deliveries), To: to, Code: code, Text: text})
	return &o.Statuses[len(o.Statuses)-1]
}

// unserved tells a request what it does not get.
func (o *Out) unserved(r *request, code int, text string) {
	s := o.status(r.To, code, text)
	s.Kind, s.First, s.Second = Unserved, uint64(r.left), uint64(r.bytes)
}

// delivered notes a delivery for the machine. Where nobody acknowledges, the last one stands for those before: what is passed by
// is done with as well.
func (o *Out) delivered(d stream.Delivery, last bool) {
	if n := len(o.Delivered); last && n > 0 {
		o.Delivered[n-1] = d
		return
	}
	o.Delivered = append(o.Delivered, d)
}

func (o *Out) advise(a Advisory) { o.Advisories = append(o.Advisories, a) }
