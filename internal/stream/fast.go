package stream

import (
	"math"
	"slices"
	"strings"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
)

// Frame is one of the messages that answer a message of a fast batch.
type Frame struct {
	Kind  FrameKind
	Seq   uint64 // of a message in the batch
	Other uint64 // FrameAck: how many messages the next one is for; FrameGap: the first that is missing
	Err   *apierr.Error
}

// FrameKind is what a Frame says.
type FrameKind uint8

// The kinds, each with what a client gets.
const (
	FrameAck  FrameKind = iota + 1 // {"type":"ack","seq":Seq,"msgs":Other}
	FrameGap                       // {"type":"gap","last_seq":Other,"seq":Seq}
	FrameErr                       // {"type":"err","seq":Seq,"error":Err}
	FrameDone                      // a PubAck made of the Reply: its Err, or its Seq, Batch and Count
)

// fast are the open fast batches of a stream.
type fast struct {
	open  []fastBatch
	index map[string]int // by id
}

// fastBatch is an open one.
type fastBatch struct {
	id     string
	strict bool
	most   uint16 // messages for an acknowledgement, and
	flow   uint16 // how many it is now
	seq    uint64 // of the last message that came
	acked  uint64 // the last one that was acknowledged
	stored uint64 // sequence in the stream of the last message that was stored
	last   int64  // when the last message came
}

const fastIdle = 10 * time.Second

func (x *fast) find(id []byte) *fastBatch {
	if i, ok := x.index[string(id)]; ok {
		return &x.open[i]
	}
	return nil
}

func (x *fast) add(b fastBatch) *fastBatch {
	if x.index == nil {
		x.index = map[string]int{}
	}
	x.index[b.id] = len(x.open)
	x.open = append(x.open, b)
	return &x.open[len(x.open)-1]
}

func (x *fast) remove(id string) {
	i, last := x.index[id], len(x.open)-1
	delete(x.index, id)
	if i != last {
		x.open[i] = x.open[last]
		x.index[x.open[i].id] = i
	}
	x.open = x.open[:last]
}

// expire drops batches that have been quiet for too long.
func (x *fast) expire(now int64) {
	for i := len(x.open) - 1; i >= 0; i-- {
		if x.open[i].last+int64(fastIdle) <= now {
			x.remove(x.open[i].id)
		}
	}
}

// deadline is when the first of them has been quiet for too long; 0 if there is none.
func (x *fast) deadline() (at int64) {
	for i := range x.open {
		if end := x.open[i].last + int64(fastIdle); at == 0 || end < at {
			at = end
		}
	}
	return at
}

// fastCall is a message of a fast batch on its way.
type fastCall struct {
	Fast
	offset uint32
	start  int // of its frames in the effects
}

// ingest applies a Fast.
func (s *State) ingest(fields []byte, offset uint32, fx *Effects) Reply {
	c := fastCall{start: len(fx.frames)}
	at, ok := c.decode(fields)
	c.offset = offset + uint32(at)
	b, err := s.openFast(&c, ok)
	switch {
	case err != nil:
		fx.frames = append(fx.frames, Frame{Kind: FrameDone})
		return c.reply(Reply{Err: err}, fx)
	case b == nil:
		return s.startFast(&c, fx)
	}
	return c.reply(s.advance(b, &c, fx), fx)
}

// reply completes a reply by the frames of the call.
func (c *fastCall) reply(r Reply, fx *Effects) Reply {
	r.Fast, r.Frames = true, fx.frames[c.start:len(fx.frames):len(fx.frames)]
	return r
}

// openFast looks at a message by itself, and returns its batch; none if it begins one.
func (s *State) openFast(c *fastCall, ok bool) (*fastBatch, *apierr.Error) {
	switch {
	case s.config == nil:
		return nil, apierr.StreamNotFound.Err()
	case !ok:
		return nil, apierr.BadRequest.Err()
	case s.config.Sealed:
		return nil, apierr.StreamSealed.Err()
	case !s.config.AllowBatched:
		return nil, apierr.BatchPublishDisabled.Err()
	case c.Op == fastInvalid, c.Seq == 0, c.Op == FastStart && c.Seq != 1, c.Seq == 1 && (c.Op == FastAppend || c.Op == FastEnd):
		return nil, apierr.BatchPublishInvalidPattern.Err()
	case len(c.ID) > maxFastID:
		return nil, apierr.BatchPublishInvalidBatchID.Err()
	}
	b := s.fast.find(c.ID)
	switch {
	case b != nil:
		return b, nil
	case c.Seq != 1:
		return nil, apierr.BatchPublishUnknownBatchID.Err()
	case len(s.fast.open) >= maxFastOpens:
		return nil, apierr.BatchPublishTooManyInflight.Err()
	}
	return nil, nil
}

// startFast begins a batch. The first one of a stream may be as fast as it likes at once; others begin with
// single messages, and are given twice as many with each acknowledgement.
func (s *State) startFast(c *fastCall, fx *Effects) Reply {
	b := fastBatch{id: string(c.ID), strict: c.Strict, most: c.Flow, flow: c.Flow, last: s.now}
	if len(s.fast.open) > 0 {
		b.flow = 1
	}
	if c.Op == FastPing {
		return c.reply(s.advance(s.fast.add(b), c, fx), fx)
	}
	if c.Op == FastStart {
		fx.frames = append(fx.frames, b.ack())
	}
	r := s.publishFast(c, fx)
	if r.Err != nil && b.strict && c.Op == FastStart {
		fx.frames = append(fx.frames, Frame{Kind: FrameDone})
		return c.reply(r, fx) // as if it had never begun
	}
	return c.reply(s.settleFast(s.fast.add(b), c, r, fx), fx)
}

// advance takes the next message of an open batch.
func (s *State) advance(b *fastBatch, c *fastCall, fx *Effects) Reply {
	b.last = s.now
	next := b.seq + 1
	switch {
	case c.Op == FastPing && c.Seq > b.seq:
		fx.frames = append(fx.frames, Frame{Kind: FrameGap, Seq: c.Seq + 1, Other: next})
		if b.strict {
			return s.finishFast(b, b.seq, fx)
		}
		b.seq = c.Seq
	case c.Op == FastPing:
	case c.Seq < next: // it came before, so that something is wrong
		return s.finishFast(b, b.seq, fx)
	case c.Seq > next:
		fx.frames = append(fx.frames, Frame{Kind: FrameGap, Seq: c.Seq, Other: next})
		if b.strict {
			return s.finishFast(b, b.seq, fx)
		}
	}
	switch c.Op {
	case FastPing:
		b.progress()
		fx.frames = append(fx.frames, b.ack())
		return Reply{}
	case FastEnd:
		return s.finishFast(b, c.Seq-1, fx)
	}
	return s.settleFast(b, c, s.publishFast(c, fx), fx)
}

// publishFast stores the message like any other, and says what became of it.
func (s *State) publishFast(c *fastCall, fx *Effects) (r Reply) {
	p := publish{Append: c.Append, fast: true}
	if uint64(p.Span) > math.MaxUint64-s.last {
		return refuse(apierr.BadRequest)
	}
	s.publish(&p, c.offset, fx, &r)
	return r
}

// settleFast notes what became of the message, and answers.
func (s *State) settleFast(b *fastBatch, c *fastCall, r Reply, fx *Effects) Reply {
	if r.Err != nil {
		fx.frames = append(fx.frames, Frame{Kind: FrameErr, Seq: c.Seq, Err: r.Err})
		if b.strict || c.Op == FastCommit {
			return s.finishFast(b, c.Seq-1, fx)
		}
		b.seq = c.Seq
		return Reply{}
	}
	b.seq = c.Seq
	if !r.Duplicate {
		b.stored = s.last
	}
	if (c.Op != FastCommit || r.Duplicate) && b.progress() { // stock servers acknowledge duplicates first
		fx.frames = append(fx.frames, b.ack())
	}
	if c.Op == FastCommit {
		return s.finishFast(b, c.Seq, fx)
	}
	return Reply{Seq: r.Seq, Duplicate: r.Duplicate}
}

// progress reports whether an acknowledgement is due; the next one is for twice as many messages, if the
// publisher likes.
func (b *fastBatch) progress() bool {
	behind := b.seq - b.acked
	if behind < uint64(b.flow) {
		return false
	}
	b.acked += behind - behind%uint64(b.flow)
	b.flow = min(b.most, 2*b.flow)
	return true
}

func (b *fastBatch) ack() Frame { return Frame{Kind: FrameAck, Seq: b.acked, Other: uint64(b.flow)} }

// finishFast ends a batch that had so many messages, lost and refused ones among them.
func (s *State) finishFast(b *fastBatch, count uint64, fx *Effects) Reply {
	r := Reply{Seq: b.stored, Batch: []byte(b.id), Count: int(min(count, math.MaxInt32))}
	s.fast.remove(b.id)
	fx.frames = append(fx.frames, Frame{Kind: FrameDone})
	return r
}

// freeze returns what a snapshot reads of the batches.
func (x *fast) freeze() fast { return fast{open: slices.Clone(x.open)} }

// The fast batches in a snapshot:
//
//	uvarint  how many, and for each, by id:
//	  bytes id, bool strict, uvarints most, flow, seq, acked, stored, varint last

func (x *fast) snapshot(dst []byte) []byte {
	open := slices.Clone(x.open)
	slices.SortFunc(open, func(a, b fastBatch) int { return strings.Compare(a.id, b.id) })
	dst = bin.AppendUvarint(dst, uint64(len(open)))
	for _, b := range open {
		dst = bin.AppendBool(bin.AppendString(dst, b.id), b.strict)
		for _, n := range []uint64{uint64(b.most), uint64(b.flow), b.seq, b.acked, b.stored} {
			dst = bin.AppendUvarint(dst, n)
		}
		dst = bin.AppendVarint(dst, b.last)
	}
	return dst
}

func (x *fast) restore(r *bin.Reader) {
	last := ""
	for i := range r.Count(8) {
		b := fastBatch{id: r.String(), strict: r.Bool()}
		most, flow := r.Uvarint(), r.Uvarint()
		b.seq, b.acked, b.stored, b.last = r.Uvarint(), r.Uvarint(), r.Uvarint(), r.Varint()
		if most > maxFlow || flow == 0 || flow > most || b.acked > b.seq || i > 0 && b.id <= last || i >= maxFastOpens {
			r.Fail(errSnapshot)
			return
		}
		b.most, b.flow, last = uint16(most), uint16(flow), b.id
		x.add(b)
	}
}
