package stream

import (
	"math"

	"myelin/internal/apierr"
	"myelin/internal/bin"
)

// Batch stores messages that a publisher wants in the stream together or not at all. Staging makes it. Its
// Reply has the sequence of the last one.
type Batch struct {
	ID       []byte
	Ended    bool     // by a message of its own, which is not stored; the last one that is gets its commit header
	Messages []Append // one at least
}

// Headers of batches.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// Encode appends the command to the Data of an entry. The slices of b are copied.
func (b *Batch) Encode(dst []byte) []byte {
	size := 2 + bytesBytes(b.ID)
	for i := range b.Messages {
		size += b.Messages[i].encodedBytes()
	}
	dst = append(bin.AppendUvarint(dst, uint64(size)), kindBatch)
	dst = bin.AppendBool(bin.AppendBytes(dst, b.ID), b.Ended)
	for i := range b.Messages {
		dst = b.Messages[i].Encode(dst)
	}
	return dst
}

// batch is a Batch on its way into the stream: what its messages will be, and what the stream will be then
// as far as later ones ask.
type batch struct {
	messages []publish
	offsets  []uint32
	ended    bool
	seq      uint64            // of the last message so far
	subjects map[string]uint64 // messages of each
	ids      map[string]bool
	counts   map[string]count // of each counter after it
	bytes    uint64           // that its messages add
}

// commit applies a Batch: it decides about all messages before it stores the first.
func (s *State) commit(fields []byte, offset uint32, fx *Effects) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	b := batch{seq: s.last, subjects: map[string]uint64{}, ids: map[string]bool{}, counts: map[string]count{}}
	id, ok := b.decode(fields, offset)
	switch {
	case !ok:
		return refuse(apierr.BadRequest)
	case s.config.Sealed:
		return refuse(apierr.StreamSealed)
	case s.config.Mirror != nil:
		return refuse(apierr.BadRequest)
	case !s.config.AllowAtomic:
		return refuse(apierr.AtomicPublishDisabled)
	}
	for i := range b.messages {
		last := i == len(b.messages)-1
		if err := s.join(&b, &b.messages[i], last && b.ended, fx); err != nil {
			return Reply{Err: err}
		}
	}
	for i := range b.messages {
		s.settle(&b.messages[i], b.offsets[i], fx)
	}
	last := &b.messages[len(b.messages)-1]
	return Reply{Seq: last.seq, Batch: id, Count: len(b.messages)}
}

// decode reads the fields; offset is theirs in the entry.
func (b *batch) decode(fields []byte, offset uint32) (id []byte, ok bool) {
	id, rest, ok := cutBytes(fields)
	if ok = ok && len(rest) > 0 && rest[0] <= 1; ok {
		b.ended, rest = rest[0] == 1, rest[1:]
	}
	for ok && len(rest) > 0 {
		var p publish
		b.offsets = append(b.offsets, offset+uint32(len(fields)-len(rest)))
		rest, ok = p.cut(rest)
		b.messages = append(b.messages, p)
	}
	return id, ok && len(b.messages) > 0
}

// join decides about the next message of a batch, which gets a commit header if it ends one without.
func (s *State) join(b *batch, p *publish, ends bool, fx *Effects) *apierr.Error {
	if uint64(p.Span) > math.MaxUint64-b.seq {
		return apierr.BadRequest.Err()
	}
	p.seq, p.time = b.seq+1, s.now
	if err := s.batchable(b, p, fx); err != nil {
		return err
	}
	if err := s.instructedIn(b, p, fx); err != nil {
		return err
	}
	if s.config.AllowCounter {
		before, ok := b.counts[string(p.Subject)]
		if !ok {
			before = s.lastCount(p.Subject)
		}
		if err := p.count(before, fx); err != nil {
			return err
		}
		b.counts[string(p.Subject)] = p.after
		if s.tooLarge(p) {
			return apierr.StreamMessageExceedsMaximum.Err()
		}
	}
	if ends {
		p.setHeader(batchCommit, []byte("1"), fx)
	}
	if err := s.measure(p, fx); err != nil { // Staging has seen to its limit
		return err
	}
	if s.config.Discard == DiscardNew && !s.unwanted(p.Subject) {
		if err := s.fullIn(b, p); err != nil {
			return err
		}
	}
	b.bytes += uint64(p.size)
	b.seq += uint64(p.Span)
	b.subjects[string(p.Subject)] += uint64(p.Span)
	return nil
}

// batchable looks at a message of a batch by itself.
func (s *State) batchable(b *batch, p *publish, fx *Effects) *apierr.Error {
	s.rename(p, fx)
	if len(p.Header) > 0 {
		p.read(p.Header)
	}
	if len(p.lastID) > 0 {
		return apierr.AtomicPublishUnsupportedHeaderBatch.With("Nats-Expected-Last-Msg-Id")
	}
	if err := s.permitted(p); err != nil {
		return err
	}
	if len(p.ttl) > 0 {
		_, ok := parseTTL(string(p.ttl))
		switch {
		case !s.config.AllowTTL:
			return apierr.MessageTTLDisabled.Err()
		case !ok:
			return apierr.MessageTTLInvalid.Err()
		}
	}
	if len(p.source) > 0 {
		return apierr.MessageSourceHdrNotAllowed.Err()
	}
	if window := s.config.DuplicateWindow; len(p.id) > 0 && window > 0 {
		if _, seen := s.dedupe.lookup(p.id, s.now-int64(window)); seen || b.ids[string(p.id)] {
			return apierr.AtomicPublishContainsDuplicateMessage.Err()
		}
		b.ids[string(p.id)] = true
	}
	if s.config.AllowCounter && len(p.increment) == 0 {
		return apierr.MessageIncrMissing.Err()
	}
	return nil
}

// instructedIn obeys what the header of a message in a batch says. What it expects is compared with the
// stream before the batch, so that nothing may be expected of what the batch itself does.
func (s *State) instructedIn(b *batch, p *publish, fx *Effects) *apierr.Error {
	first := b.seq == s.last
	if len(p.lastSeq) > 0 {
		switch {
		case !p.expects(p.lastSeq, b.seq):
			return wrongSequence(b.seq)
		case !first:
			return apierr.StreamWrongLastSequenceConstant.Err()
		}
	}
	if len(p.lastPer) > 0 && b.subjects[string(p.expectedSubject())] > 0 {
		return apierr.StreamWrongLastSequenceConstant.Err()
	}
	if err := s.expected(p, b.seq, fx); err != nil {
		return err
	}
	if err := s.rollupPermitted(p); err != nil {
		return err
	}
	switch {
	case len(p.rollup) == 0:
	case isRollup(p.rollup, "all") && !first:
		return apierr.StreamRollupFailed.With("batch rollup all invalid")
	case isRollup(p.rollup, "sub") && b.subjects[string(p.Subject)] > 0:
		return apierr.StreamRollupFailed.With("batch rollup sub invalid")
	}
	return nil
}

// fullIn refuses a message that there is no room for after those before of its batch. None brings its own.
func (s *State) fullIn(b *batch, p *publish) *apierr.Error {
	c, t := s.config, &s.table
	switch {
	case c.MaxMsgs > 0 && t.messages+(b.seq-s.last)+uint64(p.Span) > uint64(c.MaxMsgs):
		return tooManyMessages()
	case c.MaxBytes > 0 && t.bytes+b.bytes+uint64(p.size) > uint64(c.MaxBytes):
		return tooManyBytes()
	case !c.DiscardNewPer || len(p.rollup) > 0:
		return nil
	}
	have := b.subjects[string(p.Subject)]
	if id, ok := t.subjects.find(p.Subject); ok {
		have += t.subjects.at(id).messages
	}
	if have > 0 && have+uint64(p.Span) > uint64(c.MaxMsgsPer) {
		return tooManyOfSubject()
	}
	return nil
}
