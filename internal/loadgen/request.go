package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// errDone ends the reading of a connection whose work is done.
var errDone = errors.New("done")

// A Requester keeps a number of requests in flight on one connection: it sends
// the next one when a reply arrives. Each request has a reply subject of its
// own, as those of client libraries have.
type Requester struct {
	conn    *Conn
	replies atomic.Int64
	muted   atomic.Bool

	// Owned by the reading goroutine.
	ctx      context.Context
	limit    int64
	sleep    time.Duration
	compose  composer
	check    func(reply *event) error // says why a reply is no good; nil for whatever comes
	hold     func() error             // returns when what was asked may be sent; nil for at once
	reply    []byte                   // reply subject of a request, with the number at its end
	sent     int64
	times    []int64 // when a request was sent, by number modulo the requests in flight
	out      []byte  // requests to send at the end of this read
	waiting  int     // how many those are
	now      int64
	latency  *hdrhistogram.Histogram
	progress int64
}

// A composer appends the PUB of one request to b, by the request's number. The
// reply subject is valid during the call.
type composer func(b, reply []byte, number int64) []byte

// tokenDigits is the width of the number at the end of a reply subject.
const tokenDigits = 8

// NewRequester returns a requester with inFlight requests to subject at a
// time, of size payload bytes. Its replies arrive on subjects below inbox,
// which no other requester has. It waits sleep before each new request.
func NewRequester(conn *Conn, subject, inbox string, size, inFlight int, sleep time.Duration) *Requester {
	r := newRequester(conn, inbox, inFlight, repeat(subject, inbox, size))
	r.sleep = sleep
	return r
}

// newRequester returns a requester of whatever compose makes. Times are kept by
// number modulo inFlight, so that latencies are right only where replies come
// in the order of their requests.
func newRequester(conn *Conn, inbox string, inFlight int, compose composer) *Requester {
	conn.in.wantAddresses = true
	conn.in.wantHead = len(noResponders)
	return &Requester{
		conn:    conn,
		compose: compose,
		reply:   fmt.Appendf(nil, "%s.%0*d", inbox, tokenDigits, 0),
		times:   make([]int64, inFlight),
		out:     appendSub(nil, inbox+".*", "", 1),
		latency: newHistogram(),
	}
}

// repeat composes one and the same request but for the number.
func repeat(subject, inbox string, size int) composer {
	reply := fmt.Sprintf("%s.%0*d", inbox, tokenDigits, 0)
	frame := appendPub(nil, subject, reply, bytes.Repeat([]byte{'x'}, size))
	token := len("PUB ") + len(subject) + 1 + len(inbox) + 1
	return func(b, reply []byte, _ int64) []byte {
		copy(frame[token:], reply[len(reply)-tokenDigits:])
		return append(b, frame...)
	}
}

// Replies returns how many replies arrived so far.
func (r *Requester) Replies() int64 { return r.replies.Load() }

// Latency returns how long replies took; it is read after Run has returned.
func (r *Requester) Latency() *hdrhistogram.Histogram { return r.latency }

// Mute stops or resumes the recording of latencies.
func (r *Requester) Mute(on bool) { r.muted.Store(on) }

// Run sends limit requests, or until the context ends when limit is 0, and
// returns when all of them are answered. It reads the connection itself.
func (r *Requester) Run(ctx context.Context, limit int64) error {
	r.ctx, r.limit = ctx, limit
	defer context.AfterFunc(ctx, func() {
		r.conn.nc.SetReadDeadline(time.Now().Add(drainTimeout))
	})()
	for range r.times {
		r.ask()
	}
	if err := r.endRead(); err != nil {
		return err
	}
	if err := r.conn.read(r); !errors.Is(err, errDone) {
		return r.conn.cause(err)
	}
	return nil
}

// ask prepares one request unless there were enough.
func (r *Requester) ask() {
	if r.limit > 0 && r.sent >= r.limit || r.ctx.Err() != nil {
		return
	}
	putToken(r.reply[len(r.reply)-tokenDigits:], r.sent)
	r.out = r.compose(r.out, r.reply, r.sent)
	r.sent++
	r.waiting++
}

var noResponders = []byte("NATS/1.0 503")

func (r *Requester) message(ev *event) error {
	if ev.status && bytes.Equal(ev.head, noResponders) {
		return errors.New("nobody answers the requests")
	}
	number, ok := parseInt(ev.subject[max(0, len(ev.subject)-tokenDigits):])
	if !ok {
		return fmt.Errorf("reply on unknown subject %q", ev.subject)
	}
	if r.check != nil {
		if err := r.check(ev); err != nil {
			return err
		}
	}
	if r.now == 0 {
		r.now = time.Now().UnixNano()
	}
	if !r.muted.Load() {
		recordLatency(r.latency, r.now-r.times[number%len(r.times)], 1)
	}
	r.ask()
	r.progress++
	return nil
}

// endRead sends what is to be sent, and ends the reading when nothing is in
// flight any more.
func (r *Requester) endRead() error {
	r.replies.Store(r.progress)
	r.now = 0
	if r.waiting > 0 {
		if r.sleep > 0 {
			_ = sleep(r.ctx, r.sleep) // what is prepared is sent at the end, too
		}
		if r.hold != nil {
			if err := r.hold(); err != nil {
				return err
			}
		}
		now := time.Now().UnixNano()
		for number := r.sent - int64(r.waiting); number < r.sent; number++ {
			r.times[number%int64(len(r.times))] = now
		}
		if err := r.conn.Write(r.out); err != nil {
			return err
		}
		r.out, r.waiting = r.out[:0], 0
	}
	if r.progress == r.sent {
		return errDone
	}
	return nil
}

// putToken writes the last digits of number.
func putToken(digits []byte, number int64) {
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + number%10)
		number /= 10
	}
}

// A Responder answers each request on one connection with the same payload.
type Responder struct {
	conn   *Conn
	served atomic.Int64

	// Owned by the reading goroutine.
	payload []byte
	out     []byte
	count   int64
}

// NewResponder returns a responder whose replies have size payload bytes; the
// connection still has to SUB.
func NewResponder(conn *Conn, size int) *Responder {
	conn.in.wantAddresses = true
	return &Responder{conn: conn, payload: bytes.Repeat([]byte{'x'}, size)}
}

// Served returns how many requests were answered.
func (r *Responder) Served() int64 { return r.served.Load() }

// Run reads and answers until the connection ends; the error is nil after its
// Close.
func (r *Responder) Run() error { return r.conn.read(r) }

func (r *Responder) message(ev *event) error {
	if len(ev.reply) == 0 {
		return nil
	}
	r.out = appendPub(r.out, string(ev.reply), "", r.payload)
	r.count++
	if len(r.out) >= blockBytes {
		return r.endRead()
	}
	return nil
}

func (r *Responder) endRead() error {
	if len(r.out) == 0 {
		return nil
	}
	err := r.conn.Write(r.out)
	r.out = r.out[:0]
	r.served.Store(r.count)
	return err
}
