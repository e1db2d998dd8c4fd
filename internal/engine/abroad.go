package engine

import (
	"sync"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/clock"
	"myelin/internal/stream"
)

// Abroad reaches streams that only the JetStream API of another account or domain gives access to.
type Abroad interface {
	// Consume asks for a consumer. Everything that becomes of it is told to the receiver, until the Reception is closed.
	Consume(r *Request, to Receiver) Reception
	// Dismiss asks for the deletion of a consumer, and does not wait for an answer.
	Dismiss(account, api, stream, consumer string)
}

// Request is what a copier asks for.
type Request struct {
	Account string // that it is asked in
	API     string // what the subjects of the API begin with there, without a dot
	Stream  string // the origin
	Config  *stream.ConsumerConfig
	// Again says that the consumer of that name is there: it starts behind After, or behind what was acknowledged if that is 0, and counts its
	// deliveries anew. It delivers where its own configuration says, which the answer tells if the one in the request does not.
	Again bool
	After uint64
}

// Receiver is told what becomes of a Request. It does not block, and keeps no slices.
type Receiver interface {
	// Begun is the answer.
	Begun(b Begun)
	// Arrived is a message, or a request of flow control, in their order.
	Arrived(a *Arrival)
	// Quiet says that nothing came for a while; dseq is the number of the last delivery.
	Quiet(dseq uint64)
}

// Begun is the answer to a Request.
type Begun struct {
	Err          *apierr.Error
	Identity     string // of the incarnation of the origin, may be empty
	Deliver      string // the subject that it delivers to
	Pending      uint64 // messages that will be delivered
	Acknowledged bool   // answers to requests of flow control acknowledge
}

// Arrival is what a consumer delivers. Flow is the subject that answers a request of flow control; it is no message then.
type Arrival struct {
	Flow         []byte
	Seq, DSeq    uint64 // in the origin, and of the delivery, from 1
	Time         int64  // ns since 1970
	Pending      uint64 // messages behind it
	Subject      []byte
	Header, Body []byte
}

// Reception is what was asked for.
type Reception interface {
	// Answer answers a request of flow control: everything up to the sequences was taken. They are 0 if that means nothing.
	Answer(flow []byte, seq, dseq uint64)
	// Close ends it. Something may still be told while it is being called.
	Close()
}

// receiver is the Receiver of a copier for one Request: what has come and was not taken yet.
type receiver struct {
	copier    *copier
	clock     clock.Clock
	reception Reception // of the holder of the copier's token
	after     uint64    // the sequence behind which it starts
	fresh     bool      // which is the beginning of another incarnation than before
	again     bool

	mu      sync.Mutex // a leaf but for the copier's errand
	begun   *Begun
	queue   []Arrival
	next    int // in queue: what is to be proposed next
	bytes   int // in queue
	dseq    uint64
	pending uint64
	heard   time.Time
	broken  bool // something is missing
	floor   struct{ seq, dseq uint64 }
}

// maxReceived bounds what a receiver keeps. A consumer sends less, as long as its requests of flow control are not answered.
const maxReceived = 64 << 20

// Begun implements Receiver.
func (r *receiver) Begun(b Begun) {
	r.mu.Lock()
	if r.begun == nil {
		r.begun, r.heard = &b, r.clock.Now()
		if len(r.queue) == 0 {
			r.pending = b.Pending
		}
	}
	r.mu.Unlock()
	r.copier.wake()
}

// Arrived implements Receiver.
func (r *receiver) Arrived(a *Arrival) {
	r.mu.Lock()
	r.heard = r.clock.Now()
	size := len(a.Subject) + len(a.Header) + len(a.Body) + len(a.Flow)
	follows := len(a.Flow) > 0 || a.DSeq == r.dseq+1 || r.again && a.DSeq == 1
	switch {
	case r.broken:
	case !follows && r.again && r.begun == nil: // it is of before it started again
		r.dseq = 0
	case !follows || r.bytes+size > maxReceived:
		r.broken = true
	default:
		r.keep(a)
		r.bytes += size
	}
	r.mu.Unlock()
	r.copier.wake()
}

func (r *receiver) keep(a *Arrival) {
	copied := *a
	buf := make([]byte, 0, len(a.Subject)+len(a.Header)+len(a.Body)+len(a.Flow))
	for _, part := range []*[]byte{&copied.Flow, &copied.Subject, &copied.Header, &copied.Body} {
		at := len(buf)
		buf = append(buf, *part...)
		*part = buf[at:len(buf):len(buf)]
	}
	r.queue = append(r.queue, copied)
	if len(a.Flow) == 0 {
		r.dseq, r.pending = a.DSeq, a.Pending
	}
}

// Quiet implements Receiver.
func (r *receiver) Quiet(dseq uint64) {
	r.mu.Lock()
	r.heard = r.clock.Now()
	if dseq != r.dseq && !(r.again && r.begun == nil) && !r.broken {
		r.broken = true
		r.copier.wake()
	}
	r.mu.Unlock()
}

// trim forgets what the stream has taken, and returns the requests of flow control that came behind it.
func (r *receiver) trim(seq uint64) (flows [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for ; n < len(r.queue); n++ {
		a := &r.queue[n]
		switch {
		case len(a.Flow) > 0:
			flows = append(flows, a.Flow)
		case a.Seq > seq:
			r.drop(n)
			return flows
		default:
			r.floor.seq, r.floor.dseq = a.Seq, a.DSeq
		}
		r.bytes -= len(a.Subject) + len(a.Header) + len(a.Body) + len(a.Flow)
	}
	r.drop(n)
	return flows
}

func (r *receiver) drop(n int) {
	clear(r.queue[:n])
	r.queue = r.queue[n:]
	r.next = max(0, r.next-n)
}

// rewind has everything proposed again that was not taken.
func (r *receiver) rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = 0
}

// take calls visit with the messages that come next, until it returns false.
func (r *receiver) take(visit func(*Arrival) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; r.next < len(r.queue); r.next++ {
		if a := &r.queue[r.next]; len(a.Flow) == 0 && !visit(a) {
			return
		}
	}
}

// lag is how many messages there are behind a sequence.
func (r *receiver) lag(seq uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.pending
	for i := range r.queue {
		if a := &r.queue[i]; len(a.Flow) == 0 && a.Seq > seq {
			n++
		}
	}
	return n
}
