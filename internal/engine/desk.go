package engine

import (
	"bytes"
	"encoding/binary"
	"math"

	"myelin/internal/bin"
	"myelin/internal/consumer"
	"myelin/internal/netx"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// maxDeskBytes bounds what clients of a stream's consumers may ask for before it is looked at; what comes then is
// dropped.
const maxDeskBytes = 64 << 20

// desk is where the clients of a stream's consumers are heard: requests, acknowledgements, replies to flow
// control. A frame is
//
//	uvarint  number of the consumer
//	byte     kind
//	...      by kind
type desk struct{ intake }

const (
	framePull    = 1 + iota // a request
	frameRefuse             // bytes to, bytes problem: a request that cannot be read
	frameAck                // bytes reply, an acknowledgement
	frameAckNext            // the same, a request
	frameUnknown            // bytes reply: an acknowledgement that says nothing that is known
	frameFlow               // bytes token
)

// Push implements router.Dest.
func (d *desk) Push(f *router.Frames) router.Answer {
	d.mu.Lock()
	if d.closed || d.bytes > 0 && d.bytes+int64(f.Bytes) > maxDeskBytes {
		d.mu.Unlock()
		return router.Refused
	}
	d.add(f)
	pressed := d.bytes > paceBytes
	d.mu.Unlock()
	return d.answer(pressed)
}

func (d *desk) take() []*netx.Chunk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.takeLocked()
}

// frame gathers a frame in a publisher's batch. room is at least the bytes of what more appends.
func (c *Consumer) frame(b *router.Batch, kind byte, room int, more func(dst []byte) []byte) {
	d := &c.stream.desk
	f := b.To(d, d.id)
	dst := append(bin.AppendUvarint(f.Reserve(room+binary.MaxVarintLen64), uint64(c.number)), kind)
	f.Commit(more(dst), nil, 0)
}

// Pull hands over a request. Like all that follow, it gathers it in the batch of whoever publishes, and copies what
// it is given.
func (c *Consumer) Pull(b *router.Batch, r *consumer.Request) {
	c.frame(b, framePull, roomOf(r), func(dst []byte) []byte { return appendRequest(dst, r) })
}

// Refuse hands over a request that cannot be read, so that it is told so in its turn.
func (c *Consumer) Refuse(b *router.Batch, to []byte, problem string) {
	c.frame(b, frameRefuse, len(to)+len(problem)+2*binary.MaxVarintLen64, func(dst []byte) []byte {
		return bin.AppendString(bin.AppendBytes(dst, to), problem)
	})
}

// Acknowledge hands over what a client says of a message. Who waits at reply, which may be empty, is answered through
// Outlet.Acknowledged when it is applied and on the disk.
func (c *Consumer) Acknowledge(b *router.Batch, reply []byte, item *stream.AckItem) {
	c.frame(b, frameAck, roomOfAck(reply, item), func(dst []byte) []byte { return appendAck(dst, reply, item) })
}

// AcknowledgeNext is Acknowledge with a request.
func (c *Consumer) AcknowledgeNext(b *router.Batch, item *stream.AckItem, r *consumer.Request) {
	c.frame(b, frameAckNext, roomOfAck(nil, item)+roomOf(r), func(dst []byte) []byte {
		return appendRequest(appendAck(dst, nil, item), r)
	})
}

// Unknown hands over an acknowledgement that says nothing that is known: who waits at reply is answered.
func (c *Consumer) Unknown(b *router.Batch, reply []byte) {
	c.frame(b, frameUnknown, len(reply)+binary.MaxVarintLen64, func(dst []byte) []byte { return bin.AppendBytes(dst, reply) })
}

// FlowReply hands over the answer to a flow-control request.
func (c *Consumer) FlowReply(b *router.Batch, token []byte) {
	c.frame(b, frameFlow, len(token)+binary.MaxVarintLen64, func(dst []byte) []byte { return bin.AppendBytes(dst, token) })
}

// A request is
//
//	bytes    to
//	byte     1: it does not wait; 2: it has what follows the heartbeat
//	varint   batch, max bytes, expires, heartbeat
//	bytes    group, id
//	varint   min pending, min ack pending, priority

const (
	requestNoWait = 1 << iota
	requestGrouped
)

func roomOf(r *consumer.Request) int {
	return len(r.To) + len(r.Group) + len(r.ID) + 1 + 10*binary.MaxVarintLen64
}

func appendRequest(dst []byte, r *consumer.Request) []byte {
	flags := byte(0)
	if r.NoWait {
		flags |= requestNoWait
	}
	if r.Group != "" || r.ID != "" || r.MinPending != 0 || r.MinAckPending != 0 || r.Priority != 0 {
		flags |= requestGrouped
	}
	dst = append(bin.AppendBytes(dst, r.To), flags)
	dst = bin.AppendVarint(bin.AppendVarint(dst, int64(r.Batch)), int64(r.MaxBytes))
	dst = bin.AppendVarint(bin.AppendVarint(dst, r.Expires), r.Heartbeat)
	if flags&requestGrouped != 0 {
		dst = bin.AppendString(bin.AppendString(dst, r.Group), r.ID)
		dst = bin.AppendVarint(bin.AppendVarint(dst, r.MinPending), r.MinAckPending)
		dst = bin.AppendVarint(dst, int64(r.Priority))
	}
	return dst
}

// readRequest reads a request into memory of its own.
func readRequest(r *bin.Reader) (q consumer.Request) {
	q.To = bytes.Clone(r.Bytes())
	flags := r.Byte()
	q.NoWait = flags&requestNoWait != 0
	q.Batch, q.MaxBytes = int(r.Varint()), int(r.Varint())
	q.Expires, q.Heartbeat = r.Varint(), r.Varint()
	if flags&requestGrouped != 0 {
		q.Group, q.ID = r.String(), r.String()
		q.MinPending, q.MinAckPending = r.Varint(), r.Varint()
		q.Priority = int(r.Varint())
	}
	return q
}

// An acknowledgement is
//
//	bytes    reply
//	byte     kind
//	uvarint  sequence, consumer sequence
//	varint   time, delay
//	bytes    reason

func roomOfAck(reply []byte, a *stream.AckItem) int {
	return len(reply) + len(a.Reason) + 1 + 6*binary.MaxVarintLen64
}

func appendAck(dst, reply []byte, a *stream.AckItem) []byte {
	dst = append(bin.AppendBytes(dst, reply), byte(a.Kind))
	dst = bin.AppendUvarint(bin.AppendUvarint(dst, a.Seq), a.DSeq)
	dst = bin.AppendVarint(bin.AppendVarint(dst, a.Time), a.Delay)
	return bin.AppendBytes(dst, a.Reason)
}

// readAck reads an acknowledgement, whose slices are those of the frame.
func readAck(r *bin.Reader) (reply []byte, a stream.AckItem) {
	reply = r.Bytes()
	a.Kind = stream.AckKind(r.Byte())
	a.Seq, a.DSeq = r.Uvarint(), r.Uvarint()
	a.Time, a.Delay = r.Varint(), r.Varint()
	a.Reason = r.Bytes()
	return reply, a
}

// hear takes in what clients said. Replies to acknowledgements point into the chunks until the proposals are made.
func (x *dispatch) hear(chunks []*netx.Chunk, p *proposals) {
	for _, chunk := range chunks {
		for r := bin.NewReader(chunk.B); r.Len() > 0; {
			number, kind := r.Uvarint(), r.Byte()
			x.heard(x.consumers[uint32(min(number, math.MaxUint32))], kind, r)
		}
	}
	x.proposeAcks(p)
	free(chunks)
}

// heard takes in one frame; c is nil if the consumer is gone meanwhile.
func (x *dispatch) heard(c *Consumer, kind byte, r *bin.Reader) {
	switch kind {
	case framePull:
		if q := readRequest(r); c != nil {
			c.dispatcher.Pull(x.now(), q, x.out(c))
			x.stir(c)
		}
	case frameRefuse:
		if to, problem := r.Bytes(), r.String(); c != nil {
			p := x.shipment(c)
			p.refused = append(p.refused, refusal{bytes.Clone(to), problem})
			x.stir(c)
		}
	case frameAck:
		if reply, item := readAck(r); c != nil {
			x.acknowledge(c, reply, item)
		}
	case frameAckNext:
		reply, item := readAck(r)
		if q := readRequest(r); c != nil {
			x.acknowledge(c, reply, item)
			x.pullNext(c, q, item.Seq)
		}
	case frameUnknown:
		if reply := r.Bytes(); c != nil {
			x.stream.acknowledged(reply)
		}
	case frameFlow:
		if token := r.String(); c != nil && c.dispatcher.FlowReply(x.now(), token) {
			x.stir(c)
		}
	}
}

// pullNext takes in a request that came with an acknowledgement. It must not be given that message, and so waits for the
// acknowledgement to be applied if the message is to be delivered again.
func (x *dispatch) pullNext(c *Consumer, q consumer.Request, acked uint64) {
	if c.acks == nil || !c.dispatcher.Late(x.now(), acked) {
		c.dispatcher.Pull(x.now(), q, x.out(c))
		x.stir(c)
		return
	}
	x.await(c, q)
}

// await takes in a request once the acknowledgements are applied that were taken in so far.
func (x *dispatch) await(c *Consumer, q consumer.Request) {
	proposed := x.proposed + uint64(len(x.asking)) // one for each who has acknowledgements
	x.waiters = append(x.waiters, waiter{proposed, func() {
		if x.consumers[c.number] == c {
			c.dispatcher.Pull(x.now(), q, x.out(c))
			x.stir(c)
		}
	}})
}
