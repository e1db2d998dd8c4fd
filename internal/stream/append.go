package stream

import (
	"bytes"
	"math"
	"strconv"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

const maxHeaderBytes = 1<<16 - 1

// Bytes that a stored message counts for besides its own, as a stock server has it.
const (
	fileOverhead       = 30
	fileHeaderOverhead = 4
	memoryOverhead     = 16
)

// publish is an Append on its way into the stream.
type publish struct {
	Append
	instructions
	seq      uint64 // what it will be
	time     int64  // when it was published
	size     int    // as limits count it
	end      life
	after    count  // of a counter
	due      int64  // of a schedule; 0: it is none
	plan     []byte // what is kept of it
	original []byte // subject of a copy in its origin
	changed  bool   // subject, header or body are not the command's
	fast     bool   // of a fast batch
}

// reset makes p fit for another message, which is cheap after one that had no header.
func (p *publish) reset() {
	if len(p.Header) > 0 {
		*p = publish{}
		return
	}
	p.end, p.changed = life{}, false
}

// append decides about one message, in the order in which a stock server looks at it. The reply, a zero one
// before, is large, and most messages leave most of it as it is.
func (s *State) append(fields []byte, offset uint32, fx *Effects, reply *Reply) {
	if s.config == nil {
		reply.Err = apierr.StreamNotFound.Err()
		return
	}
	if s.scratch == nil {
		s.scratch = new(publish)
	}
	p := s.scratch
	p.reset()
	if !p.decode(fields) || uint64(p.Span) > math.MaxUint64-s.last {
		reply.Err = apierr.BadRequest.Err()
		return
	}
	s.publish(p, offset, fx, reply)
}

// publish decides about a message that names its subject, header and body.
func (s *State) publish(p *publish, offset uint32, fx *Effects, reply *Reply) {
	if s.config.Sealed {
		reply.Err = apierr.StreamSealed.Err()
		return
	}
	if s.config.Mirror != nil { // it has no subjects of its own; only an origin's messages come here
		reply.Err = apierr.BadRequest.Err()
		return
	}
	p.seq, p.time = s.last+1, s.now
	s.rename(p, fx)
	if len(p.Header) > 0 {
		p.read(p.Header)
		if *reply = s.instructed(p, fx); reply.Err != nil || reply.Duplicate {
			return
		}
	}
	if s.config.AllowCounter {
		if reply.Err = p.count(s.lastCount(p.Subject), fx); reply.Err != nil {
			return
		}
	}
	if reply.Err = s.admit(p, fx); reply.Err != nil {
		return
	}
	if reply.Err = s.store(p, offset, fx); reply.Err == nil {
		reply.Seq, reply.Value = p.seq, p.after.value
	}
}

// store makes an admitted message part of the stream if there is room for it.
func (s *State) store(p *publish, offset uint32, fx *Effects) *apierr.Error {
	if s.unwanted(p.Subject) {
		s.take(p) // nobody is interested, so it is gone as it comes
		return nil
	}
	if s.config.Discard == DiscardNew {
		if err := s.full(p); err != nil {
			return err
		}
	}
	s.insert(p, offset, fx)
	return nil
}

// settle makes a message part of the stream that there is room for.
func (s *State) settle(p *publish, offset uint32, fx *Effects) {
	if s.unwanted(p.Subject) {
		s.take(p)
		return
	}
	s.insert(p, offset, fx)
}

// rename applies the stream's subject transform.
func (s *State) rename(p *publish, fx *Effects) {
	if s.transform == nil {
		return
	}
	start := len(fx.made)
	made, ok := s.transform.Apply(fx.made, p.Subject, s.random)
	if !ok || len(made) == start || len(made)-start > maxSubjectBytes {
		return
	}
	fx.made = made
	p.Subject, p.changed = made[start:len(made):len(made)], true
}

// instructed obeys what the header says: an error, a duplicate, or nothing that keeps the message out.
func (s *State) instructed(p *publish, fx *Effects) Reply {
	if err := s.unbatched(p); err != nil {
		return Reply{Err: err}
	}
	if err := s.permitted(p); err != nil {
		return Reply{Err: err}
	}
	if err := s.expected(p, s.last, fx); err != nil {
		return Reply{Err: err}
	}
	if len(p.source) > 0 {
		return refuse(apierr.MessageSourceHdrNotAllowed)
	}
	if window := s.config.DuplicateWindow; len(p.id) > 0 && window > 0 {
		if seq, ok := s.dedupe.lookup(p.id, s.now-int64(window)); ok {
			return Reply{Seq: seq, Duplicate: true}
		}
	}
	if len(p.lastID) > 0 && string(p.lastID) != string(s.lastID) {
		return Reply{Err: apierr.StreamWrongLastMsgID.With(string(s.lastID))}
	}
	return Reply{Err: s.rollupPermitted(p)}
}

// unbatched refuses a message of an atomic batch, which comes with its batch or not at all.
func (s *State) unbatched(p *publish) *apierr.Error {
	switch {
	case len(p.batch) == 0, p.fast:
		return nil
	case s.tooLarge(p):
		return apierr.StreamMessageExceedsMaximum.Err()
	case !s.config.AllowAtomic:
		return apierr.AtomicPublishDisabled.Err()
	}
	return apierr.AtomicPublishIncompleteBatch.Err() // Staging has not seen it
}

// permitted refuses what the stream is not for.
func (s *State) permitted(p *publish) *apierr.Error {
	if err := s.countable(p); err != nil {
		return err
	}
	switch {
	case len(p.stream) > 0 && string(p.stream) != s.config.Name:
		return apierr.StreamNotMatch.Err()
	case len(p.ttl) > 0 && !s.config.AllowTTL:
		if _, ok := parseTTL(string(p.ttl)); ok { // one that is wrong is found later
			return apierr.MessageTTLDisabled.Err()
		}
	}
	return nil
}

// expectedSubject is what the expected last sequence per subject is about; it may have wildcards.
func (p *publish) expectedSubject() []byte {
	if len(p.lastPerSubject) > 0 {
		return p.lastPerSubject
	}
	return p.Subject
}

// expected compares the sequences that the publisher expects with those that are; last is that of all.
func (s *State) expected(p *publish, last uint64, fx *Effects) *apierr.Error {
	switch {
	case len(p.lastPer) > 0:
		if last := s.LastOf(p.expectedSubject()); !p.expects(p.lastPer, last) {
			return wrongSequence(last)
		}
	case len(p.lastPerSubject) > 0:
		return apierr.StreamExpectedLastSeqPerSubjectInvalid.Err()
	}
	if len(p.lastSeq) > 0 && !p.expects(p.lastSeq, last) {
		return wrongSequence(last)
	}
	return s.schedulable(p, fx)
}

func (p *publish) expects(text []byte, seq uint64) bool {
	want, ok := sequence(text)
	return ok && want == seq
}

func wrongSequence(last uint64) *apierr.Error {
	return apierr.StreamWrongLastSequence.With(strconv.FormatUint(last, 10))
}

// LastOf returns the sequence of the last message whose subject matches a pattern; 0 if there is none.
func (s *State) LastOf(pattern []byte) (last uint64) {
	if !bytes.ContainsAny(pattern, "*>") || !subject.HasWildcard(string(pattern)) {
		if id, ok := s.table.subjects.find(pattern); ok {
			last = s.table.subjects.at(id).last
		}
		return last
	}
	if string(pattern) == ">" {
		if p, ok := s.table.newest(); ok {
			last = s.table.seq(p)
		}
		return last
	}
	for _, id := range s.table.matching(string(pattern)) {
		last = max(last, s.table.subjects.at(id).last)
	}
	return last
}

func (s *State) rollupPermitted(p *publish) *apierr.Error {
	switch {
	case len(p.rollup) == 0:
		return nil
	case !s.config.AllowRollup || s.config.DenyPurge:
		return apierr.StreamRollupFailed.With("rollup not permitted")
	case !isRollup(p.rollup, "sub") && !isRollup(p.rollup, "all"):
		return apierr.StreamRollupFailed.With("rollup value invalid: " + strconv.Quote(string(p.rollup)))
	}
	return nil
}

// admit compares the message with the limit for one, and measures it.
func (s *State) admit(p *publish, fx *Effects) *apierr.Error {
	if s.tooLarge(p) {
		return apierr.StreamMessageExceedsMaximum.Err()
	}
	return s.measure(p, fx)
}

// measure finds the size of the message, and decides how long it lives.
func (s *State) measure(p *publish, fx *Effects) *apierr.Error {
	if len(p.Header) > maxHeaderBytes {
		return apierr.StreamHeaderExceedsMaximum.Err()
	}
	if err := s.live(p, fx); err != nil {
		return err
	}
	p.size = len(p.Subject) + len(p.Header) + len(p.Body) + s.config.overhead()
	if s.config.Storage == File && len(p.Header) > 0 {
		p.size += fileHeaderOverhead
	}
	if p.size > math.MaxUint32 {
		return apierr.StreamMessageExceedsMaximum.Err()
	}
	return nil
}

// overhead is what the limits count for each message beside what is in it.
func (c *Config) overhead() int {
	if c.Storage == File {
		return fileOverhead
	}
	return memoryOverhead
}

func (s *State) tooLarge(p *publish) bool {
	return s.config.MaxMsgSize > 0 && len(p.Header)+len(p.Body) > int(s.config.MaxMsgSize)
}

// take gives out the sequences of the message.
func (s *State) take(p *publish) {
	s.last = p.seq + uint64(p.Span) - 1
	s.lastTime = p.time
	s.lastID = append(s.lastID[:0], p.id...)
	if window := s.config.DuplicateWindow; len(p.id) > 0 && window > 0 {
		s.dedupe.prune(s.now-int64(window), pruneStep)
		s.dedupe.add(p.id, p.seq, s.now)
	}
}

// insert makes the message part of the stream, and removes what has to make room.
func (s *State) insert(p *publish, offset uint32, fx *Effects) {
	t := &s.table
	s.take(p)
	id := t.subjects.intern(p.Subject)
	previous := t.add(p.seq, p.Span, p.time, uint32(p.size), id, p.end)
	s.consumers.stored(p.seq, id, previous == 0, t, fx)
	fx.Stored = append(fx.Stored, Stored{
		Seq: p.seq, Previous: previous, Time: p.time, Span: p.Span, Offset: offset, Changed: p.changed,
		Subject: p.Subject, Header: p.Header, Body: p.Body,
	})
	if s.config.AllowCounter {
		s.counters.add(p.seq, p.after)
		s.counters.sweep(t)
	}
	if s.config.MaxMsgsPer > 0 {
		s.trimSubject(id, fx)
	}
	s.trim(fx)
	if len(p.rollup) > 0 {
		s.rollUp(p, fx)
	}
	if s.config.AllowSchedules {
		s.plan(p, previous, fx)
	}
}

// full refuses a message that there is no room for. One that replaces the oldest of
// its subject, and is not larger, brings its own room.
func (s *State) full(p *publish) *apierr.Error {
	c, t := s.config, &s.table
	var freed, freedBytes uint64
	if c.MaxMsgsPer > 0 {
		if id, ok := t.subjects.find(p.Subject); ok && t.subjects.at(id).messages+uint64(p.Span) > uint64(c.MaxMsgsPer) {
			if c.DiscardNewPer && len(p.rollup) == 0 {
				return tooManyOfSubject()
			}
			oldest, _ := t.find(t.subjects.at(id).first)
			freed, freedBytes = uint64(t.span(oldest)), uint64(t.at(oldest).size)
		}
	}
	switch {
	case c.MaxMsgs > 0 && t.messages+uint64(p.Span) > uint64(c.MaxMsgs) && freed < uint64(p.Span):
		return tooManyMessages()
	case c.MaxBytes > 0 && t.bytes+uint64(p.size) > uint64(c.MaxBytes) && freedBytes < uint64(p.size):
		return tooManyBytes()
	}
	return nil
}

func tooManyOfSubject() *apierr.Error {
	return apierr.StreamStoreFailed.With("maximum messages per subject exceeded")
}

func tooManyMessages() *apierr.Error {
	return apierr.StreamStoreFailed.With("maximum messages exceeded")
}

func tooManyBytes() *apierr.Error { return apierr.StreamStoreFailed.With("maximum bytes exceeded") }
