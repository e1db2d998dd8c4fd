package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// A taker takes the messages of one consumer, pushed or pulled, as a client
// library does: it asks for more in time, acknowledges, answers flow control,
// and reads what the server has to say in between.
type taker struct {
	conn  *Conn
	taken atomic.Int64 // messages whose acknowledgements are written

	// Set before run.
	limit int64 // messages to take; as long as there are any when 0
	acks  bool  // acknowledge each message
	pull  *pulling
	look  func(ev *event) error // looks at each message; nil for nobody

	// Owned by the reading goroutine.
	tally tally
	now   int64  // when the current read was, Unix nanoseconds; for look
	out   []byte // to be written at the end of this read
}

// pulling is how a taker asks for messages.
type pulling struct {
	subject []byte // where requests go
	inbox   []byte // where messages come
	batch   int    // messages wanted at a time
	again   int    // ask when fewer than that are still to come
	left    int    // asked for and not yet there
	asked   int64  // in all
}

const (
	pullBatch     = 500
	pullExpires   = 30 * time.Second
	pullHeartbeat = 5 * time.Second
	takeHead      = 192 // bytes of a message that are looked at, enough for a status with its header
	// fetchAgain asks for a batch when the one before is there, consumeAgain as
	// soon as half of it is.
	fetchAgain   = 1
	consumeAgain = pullBatch / 2
)

// taker opens a connection that listens on inbox. It has to be run, and closed
// by who does not want to wait until the stage is.
func (s *stage) taker(inbox string) (*taker, error) {
	c, err := s.dial(0)
	if err != nil {
		return nil, err
	}
	c.in.wantAddresses, c.in.wantHead = true, takeHead
	if err := c.Write(append(appendSub(nil, inbox, "", 1), "PING\r\n"...)); err != nil {
		return nil, err
	}
	// Whoever makes the consumer does it on another connection.
	if _, err := c.await(pongEvent); err != nil {
		return nil, err
	}
	return &taker{conn: c}, nil
}

// puller opens a connection that pulls from a consumer in batches, and asks
// again when fewer than again messages are still to come.
func (s *stage) puller(stream, consumer string, again int) (*taker, error) {
	inbox := newInbox()
	t, err := s.taker(inbox)
	if err != nil {
		return nil, err
	}
	t.pull = &pulling{subject: []byte("$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer), inbox: []byte(inbox), batch: pullBatch, again: again}
	return t, nil
}

// Taken returns how many messages were taken so far.
func (t *taker) Taken() int64 { return t.taken.Load() }

// run takes messages until there were as many as the limit says, or, without
// one, until the connection is closed. It fails when nothing comes for long.
func (t *taker) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, t.conn.Close)()
	t.extend()
	t.ask()
	if err := t.flush(); err != nil {
		return err
	}
	err := t.conn.read(t)
	switch {
	case errors.Is(err, errDone):
		return nil
	case err == nil && ctx.Err() != nil && t.limit > 0:
		return context.Cause(ctx)
	case err == nil && t.limit > 0:
		return errClosed
	case err != nil:
		return fmt.Errorf("after %d messages: %w", t.tally.count, err)
	}
	return nil
}

// extend gives the next message its time to come.
func (t *taker) extend() { t.conn.nc.SetReadDeadline(time.Now().Add(drainTimeout)) }

func (t *taker) message(ev *event) error {
	if ev.status && !bytes.HasPrefix(ev.head, foundStatus) {
		return t.status(ev)
	}
	if err := t.tally.take(ev.reply); err != nil {
		return err
	}
	if t.look != nil {
		if t.now == 0 {
			t.now = time.Now().UnixNano()
		}
		if err := t.look(ev); err != nil {
			return err
		}
	}
	if t.acks {
		t.out = appendPub(t.out, ev.reply, nil, ackBody)
	}
	if t.pull != nil {
		t.pull.left--
		t.ask()
	}
	if len(t.out) >= blockBytes {
		return t.flush()
	}
	return nil
}

var ackBody = []byte("+ACK")

// ask requests what is missing to a batch, once it is enough.
func (t *taker) ask() {
	p := t.pull
	if p == nil || p.left >= p.again {
		return
	}
	n := p.batch - p.left
	if t.limit > 0 {
		n = int(min(int64(n), t.limit-p.asked))
	}
	if n <= 0 {
		return
	}
	body := strconv.AppendInt([]byte(`{"batch":`), int64(n), 10)
	body = fmt.Appendf(body, `,"expires":%d,"idle_heartbeat":%d}`, pullExpires, pullHeartbeat)
	t.out = appendPub(t.out, p.subject, p.inbox, body)
	p.left += n
	p.asked += int64(n)
}

// endRead writes what is to be written, and ends the reading when there were
// enough messages.
func (t *taker) endRead() error {
	t.now = 0
	if err := t.flush(); err != nil {
		return err
	}
	if t.tally.count != t.taken.Load() {
		t.extend()
		t.taken.Store(t.tally.count)
	}
	switch {
	case t.limit == 0 || t.tally.count < t.limit:
		return nil
	case t.tally.count > t.limit:
		return fmt.Errorf("%d messages instead of %d", t.tally.count, t.limit)
	}
	return errDone
}

func (t *taker) flush() error {
	if len(t.out) == 0 {
		return nil
	}
	err := t.conn.Write(t.out)
	t.out = t.out[:0]
	return err
}

// status handles what is not a message of the stream.
func (t *taker) status(ev *event) error {
	switch code := statusCode(ev.head); code {
	case "100":
		return t.control(ev)
	case "404", "408", "409":
		pending, ok := parseInt(headerValue(ev.head, "Nats-Pending-Messages"))
		if code == "409" && !ok || t.pull == nil {
			break
		}
		if !ok {
			pending = t.pull.left // the request is over, and there was one
		}
		t.pull.left -= pending
		t.pull.asked -= int64(pending)
		t.ask()
		return nil
	}
	return fmt.Errorf("the consumer says %q", bytes.TrimSpace(ev.head))
}

// control answers a request for flow control, also one that a heartbeat
// mentions because the answer did not come, and checks that a heartbeat knows
// of no message that is not there.
func (t *taker) control(ev *event) error {
	reply := ev.reply
	if len(reply) == 0 {
		reply = headerValue(ev.head, "Nats-Consumer-Stalled")
	}
	if len(reply) > 0 {
		t.out = appendPub(t.out, reply, nil, nil)
	}
	last, ok := parseInt64(headerValue(ev.head, "Nats-Last-Consumer"))
	if ok && t.tally.ordered && last != t.tally.last.consumer {
		return fmt.Errorf("a heartbeat after delivery %d, of which %d arrived", last, t.tally.last.consumer)
	}
	return nil
}

// statusCode returns the code of a status line, "" for none.
func statusCode(head []byte) string {
	line, _, _ := bytes.Cut(head, crlf)
	_, text, _ := bytes.Cut(line, []byte{' '})
	code, _, _ := bytes.Cut(text, []byte{' '})
	return string(code)
}

// headerValue returns the value of a field in a header, nil for none. The name
// is compared as it stands.
func headerValue(head []byte, name string) []byte {
	for line := range bytes.SplitSeq(head, crlf) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok && len(rest) > 0 && rest[0] == ':' {
			return bytes.TrimSpace(rest[1:])
		}
	}
	return nil
}
