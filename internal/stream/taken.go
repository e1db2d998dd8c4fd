package stream

import (
	"myelin/internal/apierr"
	"myelin/internal/bin"
)

// Taken says that who copies the stream by way of a consumer has everything of it up to a sequence: what the consumer
// waits for and is to be given up to there is delivered and acknowledged. Unlike an Ack it needs no Delivered before it.
type Taken struct {
	Consumer uint32 // its number
	Seq      uint64
}

// Encode appends the command to the Data of an entry.
func (t Taken) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, bin.AppendUvarint(bin.AppendUvarint([]byte{kindTaken}, uint64(t.Consumer)), t.Seq))
}

// taken applies a Taken; false: it is malformed.
func (s *State) taken(r *bin.Reader, fx *Effects) (Reply, bool) {
	number, seq := r.Uvarint(), r.Uvarint()
	c := s.consumers.numbered(number)
	if r.Close() != nil || c == nil {
		return refuse(apierr.ConsumerNotFound), r.Err() == nil
	}
	seq = min(seq, s.last)
	record := s.consumers.edit(c)
	fx.seqs = fx.seqs[:0]
	for at, ok := record.pending.first(); ok && record.pending.seq(at) <= seq; at, ok = record.pending.first() {
		fx.seqs = append(fx.seqs, record.pending.seq(at))
		record.pending.remove(at)
	}
	if seq > record.delivered.Stream {
		s.leap(c, seq, fx)
	}
	s.consumers.settle(c, seq, s.now, &s.table)
	s.finish(fx.seqs, fx)
	return Reply{Consumer: c.number}, true
}

// leap moves what was delivered to a sequence. What the consumer was to be given up to there is appended to fx.seqs.
func (s *State) leap(c *consumer, seq uint64, fx *Effects) {
	r, w, before := c.consumerRecord, c.wants(), len(fx.seqs)
	for next, ok := w.next(r.delivered.Stream + 1); ok && next <= seq; next, ok = w.next(next + 1) {
		fx.seqs = append(fx.seqs, next)
	}
	r.delivered = Position{Consumer: r.delivered.Consumer + uint64(len(fx.seqs)-before), Stream: seq, Active: s.now}
	if r.early != nil {
		r.early.RemoveRange(0, seq)
		s.consumers.sweepEarly(c)
	}
}
